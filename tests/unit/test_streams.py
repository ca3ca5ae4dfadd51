"""Streams of real processes: a reader that leaves, a full disk, no stdout at all."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from siotool.cli import streams


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def terminal_that_is_gone() -> Iterator[int]:
    master, slave = os.openpty()
    os.close(master)
    yield slave
    os.close(slave)


def siotool(*arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    child = subprocess.run(
        [sys.executable, "-m", "siotool", *arguments], stdout=stdout, stderr=stderr, text=True, check=False
    )
    return child.returncode, child.stderr or ""


def test_help_into_a_closed_pipe_is_no_error() -> None:
    with pipe_without_reader() as pipe:
        assert siotool("--help", stdout=pipe) == (0, "")


def test_a_terminal_that_is_gone_is_a_reader_that_has_left() -> None:
    """A run that a hangup ends in order keeps its own exit code."""
    with terminal_that_is_gone() as terminal:
        # a pty without its other end is no terminal any more: what counts is what it was
        code = (
            "import os; os.isatty = lambda _: True\n"
            "from siotool.cli import streams; streams.allow_closed_pipes(); print('a result')"
        )
        child = subprocess.run([sys.executable, "-c", code], stdout=terminal, check=False)
        assert child.returncode == 0


def test_help_through_head_is_no_error() -> None:
    child = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" -m siotool --help | head -1', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.returncode, child.stderr) == (0, "")


def test_usage_error_into_a_closed_stderr_keeps_its_code() -> None:
    with pipe_without_reader() as pipe:
        assert siotool("no-such-command", stderr=pipe)[0] == 2


COMMAND = """
import sys
from siotool.cli import streams

streams.allow_closed_pipes()
for number in range(100_000):
    print(number)
streams.complain("done", "with a hint")
sys.exit(4)
"""


def test_a_command_runs_to_its_end_and_keeps_its_code_when_the_reader_leaves() -> None:
    with pipe_without_reader() as pipe:
        child = subprocess.run(
            [sys.executable, "-c", COMMAND], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (child.returncode, child.stderr) == (4, "siotool: done\n  with a hint\n")


def test_a_reader_that_stays_gets_everything() -> None:
    child = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=False)
    assert child.returncode == 4
    assert child.stdout.splitlines() == [str(number) for number in range(100_000)]


full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


@full
def test_a_result_that_does_not_fit_on_the_disk_is_an_error() -> None:
    with open("/dev/full", "wb") as disk:
        code, words = siotool("--version", stdout=disk.fileno())
    assert code == 2
    assert words.startswith("siotool: cannot write stdout: No space left on device\n")
    assert "Traceback" not in words


@full
def test_words_that_do_not_fit_on_the_disk_are_dropped() -> None:
    with open("/dev/full", "wb") as disk:
        child = subprocess.run(
            [sys.executable, "-c", COMMAND], stdout=subprocess.DEVNULL, stderr=disk, check=False
        )
    assert child.returncode == 4


def test_without_any_stdout_a_command_still_runs() -> None:
    child = subprocess.run(
        ["bash", "-c", '"$0" -m siotool --version >&-', sys.executable], capture_output=True, check=False
    )
    assert (child.returncode, child.stderr) == (0, b"")


def test_complaints_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    streams.complain("what is wrong", "what to do")
    streams.complain("only this")
    assert capsys.readouterr() == ("", "siotool: what is wrong\n  what to do\nsiotool: only this\n")
