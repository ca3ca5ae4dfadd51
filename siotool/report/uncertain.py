"""A figure written with the interval that it lies in: ``23 ms (21 to 26)``."""

from collections.abc import Callable

from siotool.document.groups import NONE


def with_interval(
    value: float | None, low: float | None, high: float | None, write: Callable[[float], str]
) -> str:
    """Write a figure, and its interval where it has one; a unit that all of them have stands once."""
    if value is None:
        return NONE
    interval = between(low, high, write, write(value))
    return f"{write(value)} ({interval})" if interval else write(value)


def between(low: float | None, high: float | None, write: Callable[[float], str], beside: str = "") -> str:
    """Write an interval; without units where both have that of ``beside``. Empty where there is none."""
    if low is None or high is None:
        return ""
    first, last = write(low), write(high)
    unit, same = _unit(first), _unit(first) == _unit(last)
    if not (same and unit):
        return f"{first} to {last}"
    bare = f"{_number(first)} to {_number(last)}"
    return bare if unit == _unit(beside) else f"{bare} {unit}"


def _unit(text: str) -> str:
    return text.partition(" ")[2]


def _number(text: str) -> str:
    return text.partition(" ")[0]
