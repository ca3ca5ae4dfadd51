"""Where a condition on Numbers stops holding, draw by draw."""

from collections.abc import Callable

from siotool.plan.numbers import Number, is_array, maximum, minimum, where

_STEPS = 14
#: Near enough to the line's end, of its height at the beginning: nothing is gained by going on.
_NEAR = 1e-13


def largest_fitting(excess: Callable[[Number], Number], high: Number, low: Number = 0.0) -> Number:
    """Return the largest x of ``low`` to ``high`` at which ``excess`` is not above 0, or one just below.

    0 where it is above 0 at ``low`` already. ``excess`` rises with x and is nearly a straight
    line. Found by the Illinois variant of false position (M. Dowell, P. Jarratt, BIT 11, 1971):
    exact at once for a straight line.
    """
    low = low + 0.0 * high
    below, above = excess(low), excess(high)
    impossible = below >= 0
    near = _NEAR * below
    at_low = below
    before: Number = 0.0
    for _ in range(_STEPS):
        if _all(impossible | (at_low >= near)):
            break
        width = above - below
        x = low - below * (high - low) / where(width > 0, width, 1.0)
        x = minimum(maximum(x, low), high)
        at = excess(x)
        fits = at <= 0
        side = where(fits, -1.0, 1.0)
        # an end that stays twice counts half, or it would never move
        above = where(fits, where(before < 0, above / 2, above), at)
        below = where(fits, at, where(before > 0, below / 2, below))
        at_low = where(fits, at, at_low)
        low, high = where(fits, x, low), where(fits, high, x)
        before = side
    return where(impossible, 0.0, low)


def _all(condition: Number) -> bool:
    return bool(condition.all()) if is_array(condition) else bool(condition)
