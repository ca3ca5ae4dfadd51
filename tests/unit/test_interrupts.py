"""Signals that end a run: none is lost between the run file and the run that ends it."""

import subprocess
import sys

import pytest

#: What a fresh process does with signals to itself, and prints.
SCRIPT = """
import os, signal, sys
import gevent
from siotool.swarm.interrupts import Interrupts
{before}
one = Interrupts()
told = []
def send(name):
    os.kill(os.getpid(), getattr(signal, name))
    gevent.sleep(0.01)
{then}
one.close()
print(told, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def told(then: str, before: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(then=then, before=before)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        pytest.param("one.tell(told.append); send('SIGINT')", "[1] True", id="one"),
        pytest.param("send('SIGINT'); one.tell(told.append)", "[1] True", id="before there is a run"),
        pytest.param(
            "send('SIGTERM'); send('SIGINT'); one.tell(told.append)",
            "[2] True",
            id="two before there is a run",
        ),
        pytest.param(
            "one.tell(told.append); send('SIGINT'); send('SIGHUP'); send('SIGTERM')",
            "[1, 2] True",
            id="a closing shell hangs up after a Ctrl-C: no second interrupt",
        ),
        pytest.param("one.tell(told.append)", "[] True", id="none"),
    ],
)
def test_a_run_is_told_of_every_signal(then: str, expected: str) -> None:
    assert told(then) == expected


def test_a_hangup_under_nohup_ends_nothing() -> None:
    before = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    assert told("one.tell(told.append); send('SIGHUP')", before) == "[] True"


def test_python_has_its_signals_back_afterwards() -> None:
    then = """
one.tell(told.append)
one.close()
try:
    send('SIGINT')
except KeyboardInterrupt:
    told.append('KeyboardInterrupt')
"""
    assert told(then) == "['KeyboardInterrupt'] True"
