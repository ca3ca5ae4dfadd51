"""A scenario's own ``LoadTestShape`` as a program of load."""

from collections.abc import Sequence
from typing import Any

from locust import LoadTestShape

from siotool.errors import ScenarioError
from siotool.swarm.program import Seen, Wanted

#: Locust asks a shape once a second.
TICK_S = 1.0


class ShapeProgram:
    """Asks a shape once a second, until it wants no more or ``limit_s`` is over."""

    def __init__(self, shape: LoadTestShape, runner: Any, limit_s: float | None) -> None:
        shape.runner = runner
        self._shape = shape
        self._limit_s = limit_s

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """What the shape wants now. Raises ScenarioError when the shape breaks."""
        if not elapsed_s:
            self._shape.reset_time()  # type: ignore[no-untyped-call]
        if self._limit_s is not None and elapsed_s >= self._limit_s:
            return None
        name = type(self._shape).__name__
        try:
            wanted: Any = self._shape.tick()
        except Exception as error:
            raise ScenarioError(
                f"{name}.tick raised {type(error).__name__}: {error}", "mend the shape"
            ) from error
        if wanted is None:
            return None
        try:
            users, rate, *classes = wanted
            users, rate = max(0, int(users)), max(0.01, float(rate))
        except (TypeError, ValueError) as error:
            raise ScenarioError(
                f"{name}.tick returned {wanted!r}", "return (users, spawn rate), or None to end"
            ) from error
        return Wanted(
            users=users,
            until_s=elapsed_s + TICK_S,
            rate_per_s=rate,
            note=f"{users} users at {rate:g} per second",
            user_classes=classes[0] if classes else None,
        )
