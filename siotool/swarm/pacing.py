"""When a user's next operation is due; the result of the one before does not matter.

The schedule does not wait for answers: an operation that comes late is timed from when it
was due, so that a server's stall shows in every operation it delayed (no coordinated
omission; Tene, "How NOT to Measure Latency").
"""

import math

from siotool.swarm.user_counts import UserCounts

#: Moments are multiples of this: what is due together is sent in one go.
TICK_S = 0.002
#: Users are woken together, at multiples of this, and at least this long before they are due:
#: many one after another cost less than half of what each alone would.
LEAD_S = 0.050
#: No more of a period than this is spent on it.
_LEAD_SHARE = 0.25

#: Users start at multiples of this: many that start together cost less than one after another.
START_TICK_S = 0.010

#: An answer reaches its user at most so much later than it came, so that many share a wake-up; it
#: was timed when it came.
ANSWER_S = 0.010

#: An operation begins a little after its moment: Locust's hub has others to wake too.
GRACE_S = 0.1

#: Multiples of it, modulo one, are spread evenly, however many (Weyl's sequence).
GOLDEN = 0.6180339887498949
_BITS = (1 << 64) - 1


def start_at(number: int, now: float, over_s: float) -> float:
    """When a numbered user is to start, of those that are started together: they come evenly over a time.

    Any run of consecutive numbers does. Moments are multiples of ``START_TICK_S``, but for a user that is
    to start at once.
    """
    if not over_s:
        return now
    return math.ceil((now + number * GOLDEN % 1.0 * over_s) / START_TICK_S) * START_TICK_S


def uniform(seed: int, number: int) -> float:
    """A random number from 0 to below 1 that both decide, for less than a ``Random`` of its own takes.

    Source: the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014), over numbers that are far apart.
    """
    mixed = (seed * 0xD1342543DE82EF95 + number * 0x9E3779B97F4A7C15) & _BITS
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _BITS
    mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _BITS
    return ((mixed ^ mixed >> 31) >> 11) / (1 << 53)  # all that a float holds: more would be rounded up to 1


def lead_s(period: float) -> float:
    """How long before its moment an operation may be prepared that comes every ``period`` seconds."""
    return min(LEAD_S, period * _LEAD_SHARE)


class Schedule:
    """Moments ``period`` seconds apart, on the caller's clock.

    The period may change. A user that is late does what is overdue at the old one first, so
    that several changes may lie before it.
    """

    __slots__ = (
        "_changes",
        "_counted",
        "_resumed",
        "_watched",
        "due",
        "issued",
        "lead",
        "offered",
        "period",
        "withheld",
    )

    def __init__(self, rate: float, first: float) -> None:
        """``rate`` operations per second; ``first`` is when the first is due."""
        self._take_up(first, 1 / rate)
        self._resumed = -math.inf
        #: Changes that are yet to be reached, in order: the first moment that is given up, the
        #: one in its place, and the period from there on.
        self._changes: tuple[tuple[float, float, float], ...] = ()
        #: Moments after this one need no second look: infinite before a change is reached.
        self._watched = -math.inf
        self.offered = 0
        #: How many of the operations that are due and not begun have been counted as offered.
        self._counted = 0
        self.issued = 0
        #: Not begun because the target kept the user from it.
        self.withheld = 0

    def begin(self) -> float:
        """Begin the operation that is due: count it, and return when it was to begin."""
        due = math.ceil(self.due / TICK_S - 1e-6) * TICK_S
        if self._counted:
            self._counted -= 1
        else:
            self.offered += 1
        self.issued += 1
        self.due += self.period
        return due if due > self._watched else self._begin_watched(due)

    def wake_at(self) -> float:
        """When the next operation should be prepared: early, and with others."""
        lead = self.lead
        return (self.due // lead - 1) * lead

    def change_rate(self, rate: float, now: float) -> None:
        """From ``now`` on there are ``rate`` operations per second.

        What was due until now stays due. The wait for the next operation is scaled: at each
        moment as many were due as the rate's integral says, and users do not fall into step.
        """
        due, period = self._changes[-1][1:] if self._changes else (self.due, self.period)
        if 1 / rate == period:
            return
        overdue = _count(due, period, now)
        following = due + overdue * period
        changed = now + (following - now) / period / rate
        if overdue:
            self._changes += ((following, changed, 1 / rate),)
            self._watched = math.inf
        elif self._changes:
            self._changes = (*self._changes[:-1], (self._changes[-1][0], changed, 1 / rate))
        else:
            self._take_up(changed, 1 / rate)

    def skip_to(self, now: float) -> None:
        """Give up what was due while nothing could be sent, but for the last of it, which begins now.

        The moments after it stay where they were: users that were cut off together do not
        come back in step.
        """
        missed = self._miss(now)
        while self._changes and missed >= (left := round((self._changes[0][0] - self.due) / self.period)):
            missed -= left
            self._change()
        self.due += missed * self.period
        self._resumed = now
        self._watched = max(now, self._watched)

    def abandon(self, now: float, kept_s: float = 0.0) -> None:
        """The user stops: what was due by now and not begun was offered and not issued.

        What became due within the last ``GRACE_S`` was about to begin, and does not count.
        ``kept_s`` is how long the user has waited for the target since it was last in time: the
        operations of that time were withheld by the target.
        """
        missed = self._due_by(now - GRACE_S)
        period = min(self.period, *(change[2] for change in self._changes), math.inf)
        self._offer(missed)
        self.withheld += min(missed, math.ceil(kept_s / period))

    def count_due(self, now: float) -> None:
        """Count what is due and not begun as offered, but for what is about to begin."""
        due = self._due_by(now - GRACE_S)
        if due > self._counted:
            self._offer(due)
            self._counted = due

    def hand_over(self, counts: UserCounts) -> None:
        """Move what was counted since the last call to the user class's counts."""
        counts.offered += self.offered
        counts.issued += self.issued
        counts.withheld += self.withheld
        self.offered = self.issued = self.withheld = 0

    def _offer(self, due: int) -> None:
        """Count as offered what has not been, of so many operations that are due and not begun."""
        self.offered += max(0, due - self._counted)
        self._counted = 0

    def _miss(self, now: float) -> int:
        """Count all that is due but the last one as offered and withheld; returns how many."""
        due = self._due_by(now)
        missed = max(0, due - 1)
        known = self._counted
        self.offered += max(0, missed - known)
        self._counted = max(0, known - missed)
        self.withheld += missed
        return missed

    def _take_up(self, due: float, period: float) -> None:
        self.due = due
        self.period = period
        self.lead = lead_s(period)

    def _begin_watched(self, due: float) -> float:
        # moments are sums: what is compared lies half a period apart
        if self._changes and self.due > self._changes[0][0] - self.period / 2:
            self._change()
        return max(due, self._resumed)

    def _change(self) -> None:
        """Reach the next change: what was due before it has begun, or was given up."""
        (_, due, period), *later = self._changes
        self._changes = tuple(later)
        self._take_up(due, period)
        if not later:
            self._watched = self._resumed

    def _due_by(self, moment: float) -> int:
        """How many operations that were not begun are due by a moment, over all changes."""
        count, due, period = 0, self.due, self.period
        for until, next_due, next_period in self._changes:
            count += min(round((until - due) / period), _count(due, period, moment))
            due, period = next_due, next_period
        return count + _count(due, period, moment)


def _count(due: float, period: float, moment: float) -> int:
    """Moments from ``due`` on, ``period`` apart, that are not after ``moment``."""
    return max(0, 1 + math.floor((moment - due) / period))
