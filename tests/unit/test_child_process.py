"""A child that says a line when it is ready, and others later."""

import sys

import pytest

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
