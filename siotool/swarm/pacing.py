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

#: An answer reaches its user at most so much later than it came, so that many share a wake-up; it
#: was timed when it came.
ANSWER_S = 0.010

#: An operation begins a little after its moment: Locust's hub has others to wake too.
GRACE_S = 0.1

#: Locust starts users once a second, all of that second's together.
_SPAWN_EVERY_S = 1.0
_GOLDEN = 0.6180339887498949


def spread_s(number: int) -> float:
    """Seconds by which the start of a numbered user is put off, so that starts come evenly.

    Multiples of the golden ratio, modulo one: any run of consecutive numbers is spread evenly
    over the second (Weyl's sequence).
    """
    return number * _GOLDEN % 1.0 * _SPAWN_EVERY_S


class Schedule:
    """Moments ``period`` seconds apart, on the caller's clock."""

    __slots__ = ("due", "issued", "lead", "offered", "period", "resumed", "withheld")

    def __init__(self, rate: float, first: float) -> None:
        """``rate`` operations per second; ``first`` is when the first is due."""
        self.period = 1 / rate
        #: How long before its moment an operation may be prepared, in seconds.
        self.lead = min(LEAD_S, self.period * _LEAD_SHARE)
        self.due = first
        self.resumed = first
        self.offered = 0
        self.issued = 0
        #: Not begun because the target kept the user from it.
        self.withheld = 0

    def begin(self) -> float:
        """Begin the operation that is due: count it, and return when it was to begin."""
        due = math.ceil(self.due / TICK_S - 1e-6) * TICK_S
        self.offered += 1
        self.issued += 1
        self.due += self.period
        return due if due > self.resumed else self.resumed

    def wake_at(self) -> float:
        """When the next operation should be prepared: early, and with others."""
        lead = self.lead
        return (self.due // lead - 1) * lead

    def skip_to(self, now: float) -> None:
        """Give up what was due while nothing could be sent, but for the last of it, which begins now.

        The moments after it stay where they were: users that were cut off together do not
        come back in step.
        """
        missed = int(max(0.0, now - self.due) / self.period)
        self.offered += missed
        self.withheld += missed
        self.due += missed * self.period
        self.resumed = now

    def abandon(self, now: float, kept_s: float = 0.0) -> None:
        """The user stops: what was due by now and not begun was offered and not issued.

        What became due within the last ``GRACE_S`` was about to begin, and does not count.
        ``kept_s`` is how long the user has waited for the target since it was last in time: the
        operations of that time were withheld by the target.
        """
        overdue = now - GRACE_S - self.due
        if overdue > 0:
            missed = 1 + int(overdue / self.period)
            self.offered += missed
            self.withheld += min(missed, math.ceil(kept_s / self.period))

    def hand_over(self, counts: UserCounts) -> None:
        """Move what was counted since the last call to the user class's counts."""
        counts.offered += self.offered
        counts.issued += self.issued
        counts.withheld += self.withheld
        self.offered = self.issued = self.withheld = 0
