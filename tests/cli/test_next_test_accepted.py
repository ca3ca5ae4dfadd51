"""What a report of an older run suggests is a command that today's siotool takes."""

import shlex
import subprocess
import sys
from pathlib import Path

import msgspec

from siotool.report.next_test import ShownSoFar, next_test
from siotool.runs import reading

EXAMPLE = Path(__file__).parents[2] / "reports/example/run.jsonl"
#: Nothing listens there: a command that is taken ends because of that, with code 3; wrong usage is code 2.
URL = "http://127.0.0.1:9"


def _ends(*words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "siotool", *words, "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_the_next_test_of_an_older_run_is_taken(tmp_path):
    """Trap: it had the run's --tick-rate, and others that are refused, also of the file of options."""
    (tmp_path / "load.toml").write_text('tick-rate = 5\nfail-if = ["errors:phase > 1%"]\n')
    asked = [
        *(
            "loadtest",
            "--tick-rate",
            "5.0",
            "--fail-if",
            "errors:phase > 1%",
            f"{URL}#part",
            "--web-port",
            "1",
        ),
        *("--config", str(tmp_path / "load.toml"), "--transport-mix", "polling=1,polling=2"),
    ]
    assert _ends(*asked)[0] == 2
    header = msgspec.structs.replace(reading.read(EXAMPLE).header, command=asked, embedded=False)
    code, said = _ends(*shlex.split(next_test(header, ShownSoFar()).command)[1:])
    assert (code, "127.0.0.1:9" in said) == (3, True), said
