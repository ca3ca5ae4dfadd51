"""Where a condition on Numbers stops holding, draw by draw."""

from collections.abc import Callable

from siotool.plan.numbers import Number, maximum, minimum, where

_STEPS = 14


def largest_fitting(excess: Callable[[Number], Number], high: Number) -> Number:
    """Return the largest x of 0 to ``high`` at which ``excess`` is not above 0, or one just below; 0 if none.

    ``excess`` rises with x and is nearly a straight line. Found by the Illinois variant of false
    position (M. Dowell, P. Jarratt, BIT 11, 1971): exact at once for a straight line.
    """
    low: Number = 0.0 * high
    below, above = excess(low), excess(high)
    impossible = below >= 0
    before: Number = 0.0
    for _ in range(_STEPS):
        width = above - below
        x = low - below * (high - low) / where(width > 0, width, 1.0)
        x = minimum(maximum(x, low), high)
        at = excess(x)
        fits = at <= 0
        side = where(fits, -1.0, 1.0)
        # an end that stays twice counts half, or it would never move
        above = where(fits, where(before < 0, above / 2, above), at)
        below = where(fits, at, where(before > 0, below / 2, below))
        low, high = where(fits, x, low), where(fits, high, x)
        before = side
    return where(impossible, 0.0, low)
