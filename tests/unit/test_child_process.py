"""A child that says a line when it is ready, and others later."""

import sys
from pathlib import Path

import pytest

from siotool import child_process
from siotool.child_process import ChildProcess
from siotool.errors import TargetError


def child(code: str) -> ChildProcess:
    return ChildProcess([sys.executable, "-c", code], "the child", "look at it")


def test_lines_are_whole_however_they_come() -> None:
    """Trap: what was said together with the first line was taken for a part of it."""
    one = child(
        """
import sys
def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()
say('{"ready": 1}\\nfirst\\nsec')
sys.stdin.readline()
say('ond\\n')
sys.stdin.read()
"""
    )
    try:
        assert one.start(20) == {"ready": 1}
        assert one.more_lines(0) == [b"first"]
        assert one.more_lines(0) == []
        assert one._process is not None
        assert one._process.stdin is not None
        one._process.stdin.write(b"go on\n")
        found = one.more_lines(20)
        assert found == [b"second"]
    finally:
        one.stop()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("print('no json')", "the child did not start", id="no JSON"),
        pytest.param("print('[1]')", "the child did not start", id="no object"),
        pytest.param(
            "raise SystemExit('a reason')", "ended with code 1: a reason", id="it ends with its words"
        ),
    ],
)
def test_a_child_that_does_not_start_is_said_with_its_last_words(code: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        child(code).start(20)


@pytest.mark.parametrize("tidies", [True, False])
def test_a_child_that_reads_no_input_is_asked_by_a_signal_before_it_is_killed(
    tidies: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab that was still starting left its data behind."""
    mark = tmp_path / "tidied"
    if not tidies:
        monkeypatch.setattr(child_process, "_LAST_S", 0.1)
    one = child(
        f"""
import pathlib, signal, sys
def end(*_):
    pathlib.Path({str(mark)!r}).touch()
    sys.exit()
signal.signal(signal.SIGTERM, end if {tidies} else signal.SIG_IGN)
print('{{}}', flush=True)
signal.pause()
"""
    )
    assert one.start(20) == {}
    one.stop(timeout=0.1)
    assert not one.started
    assert mark.exists() == tidies
