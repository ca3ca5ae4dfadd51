"""Where a rising function meets zero, for single figures and for draws alike."""

from collections.abc import Callable
from typing import Generic

import msgspec

from siotool.plan.numbers import Condition, N, everywhere, maximum, minimum, where

#: Every so many steps the bracket is halved, which closes it over a jump too.
_HALVE = 6


#: Most steps to where a curve meets zero: a straight line takes two, that of a room among its servers 18.
_MOST_STEPS = 40


class Bracket(msgspec.Struct, Generic[N], frozen=True):
    """Two ends: the function is not above 0 at ``low``, and not below it at ``high``.

    ``never``: it is above 0 at the lowest end, and the ends mean nothing.
    """

    low: N
    high: N
    never: Condition

    def closed(self, close: float) -> Condition:
        """True where the ends are no further apart than this part of them."""
        return self.high - self.low <= close * self.high


def rises_to_zero(excess: Callable[[N], N], low: N, high: N, steps: int, close: float = 1e-12) -> Bracket[N]:
    """Return the ends between which a rising function meets zero; both are ``high`` where it stays below.

    False position with the steps of N. Anderson and
    Å. Björck ("A new high order method of regula falsi type", BIT 13, 1973), exact at once for
    a straight line. Ends early once all are ``close``.
    """
    below, above = excess(low), excess(high)
    low, never = where(above <= 0, high, low), below > 0
    before = 0.0 * low
    for step in range(1, steps + 1):
        width = above - below
        x = low - below * (high - low) / where(width > 0, width, 1.0)
        x = minimum(maximum(x, low), high)
        if step % _HALVE == 0:
            x = (low + high) / 2.0
        at = excess(x)
        fits = at <= 0
        side = where(fits, -1.0, 1.0)
        # an end that stays twice counts less, or it would never move
        left = where(fits, below, above)
        less = 1.0 - at / where(left == 0, 1.0, left)
        less = where(less > 0, less, 0.5)
        above = where(fits, where(before < 0, above * less, above), at)
        below = where(fits, at, where(before > 0, below * less, below))
        low, high = where(fits, x, low), where(fits, high, x)
        before = side
        closed = Bracket(low, high, never).closed(close) | (at == 0) | never
        if everywhere(closed):
            break
    return Bracket(low, high, never)


def largest_fitting(excess: Callable[[N], N], high: N, low: N = 0.0) -> N:
    """Return the largest x of ``low`` to ``high`` at which a rising ``excess`` is not above 0; 0 if none."""
    found = rises_to_zero(excess, low + 0.0 * high, high, _MOST_STEPS)
    return where(found.never, 0.0, found.low)
