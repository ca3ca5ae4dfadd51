"""Following a scenario's own ``LoadTestShape``: how many users there are, second by second."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from locust import LoadTestShape

from siotool.errors import ScenarioError

#: Locust asks a shape once a second.
TICK_S = 1.0
#: A moment after the second is over: a shape that changes at 60 s is to see 60 s, not 59.999.
_AFTER_S = 0.005


def follow(
    shape: LoadTestShape,
    runner: Any,
    begin: float,
    limit_s: float | None,
    move: Callable[[int, float, Any], None],
) -> None:
    """Ask a shape once a second what it wants, until it wants no more or ``limit_s`` is over.

    ``begin`` is second 0 on the monotonic clock. ``move(users, rate, user_classes)`` moves to a
    number of users, and may take as long as that takes: it is given up when the shape wants
    something else. Raises ScenarioError when the shape breaks.
    """
    shape.runner = runner
    shape.reset_time()  # type: ignore[no-untyped-call]
    moving: gevent.Greenlet | None = None
    last: Any = None
    second = 0
    try:
        while limit_s is None or second * TICK_S < limit_s:
            wanted = _tick(shape)
            if wanted is None:
                return
            if wanted != last:
                last = wanted
                if moving is not None:
                    moving.kill()
                moving = gevent.spawn(move, *wanted)
            second += 1
            gevent.sleep(max(0.0, begin + second * TICK_S + _AFTER_S - monotonic()))
    finally:
        if moving is not None:
            moving.kill()


def _tick(shape: LoadTestShape) -> tuple[int, float, Any] | None:
    name = type(shape).__name__
    try:
        wanted = shape.tick()
    except Exception as error:
        raise ScenarioError(
            f"{name}.tick raised {type(error).__name__}: {error}", "mend the shape"
        ) from error
    if wanted is None:
        return None
    try:
        users, rate, *classes = wanted
        return max(0, int(users)), max(0.01, float(rate)), classes[0] if classes else None
    except (TypeError, ValueError) as error:
        raise ScenarioError(
            f"{name}.tick returned {wanted!r}", "return (users, spawn rate), or None to end"
        ) from error
