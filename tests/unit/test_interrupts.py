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
    return run(SCRIPT.format(then=then, before=before))


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
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


def test_those_that_raise_meanwhile_raise_again_afterwards() -> None:
    """While workers are awaited they raise, in the run they are told, and while it is put away they raise."""
    then = """
one.close()
with interrupted_by_signals():
    two = Interrupts()
    two.tell(told.append)
    send('SIGTERM')
    two.close()
    try:
        send('SIGTERM')
    except KeyboardInterrupt:
        told.append('KeyboardInterrupt')
"""
    before = "from siotool.swarm.ending_signals import interrupted_by_signals"
    assert told(then, before) == "[1, 'KeyboardInterrupt'] True"


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


#: What a fresh process does that has nothing but Python's own handlers, and prints.
PLAIN = """
import os, signal
from siotool.swarm.ending_signals import interrupted_by_signals
{before}
told = []
def send(name):
    os.kill(os.getpid(), getattr(signal, name))
try:
    with interrupted_by_signals():
        try:
            send('{first}')
            told.append('went on')
        finally:
            send('SIGTERM')
            send('SIGHUP')
            told.append('put in order')
except KeyboardInterrupt:
    told.append('interrupted')
print(told, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


@pytest.mark.parametrize("first", ["SIGTERM", "SIGHUP"])
def test_what_ends_a_process_from_outside_is_as_a_ctrl_c_and_the_first_is_enough(first: str) -> None:
    before = "signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    assert run(PLAIN.format(first=first, before=before)) == "['put in order', 'interrupted'] True"


def test_under_nohup_a_hangup_interrupts_nothing() -> None:
    before = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    assert run(PLAIN.format(first="SIGHUP", before=before)) == "['went on', 'interrupted'] True"
