"""Lines that a process is told beside what it looks at."""

import subprocess
import sys

CODE = """
from siotool.told_lines import ToldLines
lines = ToldLines()
while (told := lines.within(20)) is not None:
    print(told, flush=True)
print(lines.within(0))
"""


def test_lines_are_whole_however_they_come_and_their_end_is_told() -> None:
    command = [sys.executable, "-c", CODE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for told, heard in (
            (b"first\nsec", b"[b'first']\n"),
            (b"ond\n\nthird\n", b"[b'second', b'', b'third']\n"),
        ):
            process.stdin.write(told)
            process.stdin.flush()
            assert process.stdout.readline() == heard
        process.stdin.close()
        assert process.stdout.read() == b"None\n"
