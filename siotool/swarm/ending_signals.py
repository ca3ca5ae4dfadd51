"""Signals that end a process from outside, beside Ctrl-C: SIGTERM, and the hangup of a terminal that goes."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HANGUP: Any = getattr(signal, "SIGHUP", None)
#: When an interrupt that was lost is raised once more. Seconds.
_AGAIN_S = 0.05


def ending_signals() -> list[signal.Signals]:
    """Those that end this process. A hangup does where it is not ignored, as it is under nohup."""
    hangs_up = HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN
    return [signal.SIGTERM, HANGUP] if hangs_up else [signal.SIGTERM]


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """While this lasts, each of them raises KeyboardInterrupt, as Ctrl-C does.

    Process 1 of a container hears of them at all only so. Those after the first are ignored: a closing shell
    sends both, and what is being put in order shall not be left halfway. One that comes while Python tidies
    up (``__del__``), which nothing can be raised from, is raised again a moment later; so is Ctrl-C.
    """
    numbers = ending_signals()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def not_raised(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        else:
            hook_before(lost)

    before = {number: signal.signal(number, interrupt) for number in [*numbers, signal.SIGALRM]}
    hook_before, sys.unraisablehook = sys.unraisablehook, not_raised
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
