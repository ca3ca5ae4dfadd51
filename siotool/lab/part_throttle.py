"""When a throttled part runs and when it is stopped, however late it is looked at: pure.

Its account says how much of its share of the time it has not had. It runs until the account is empty, and
is stopped until that holds what a period needs. So a look that comes late makes the next turn later by as
much as the share asks for: on average the share is kept, and no part is stopped for good.
"""

#: The period of a throttled process: as long as that of a CPU quota (kernel.org, sched-bwc: 100 ms).
PERIOD_S = 0.1
#: What a single very late look may take to be made up for.
_LONGEST_S = 5.0


class PartThrottle:
    """One part, which runs as this begins; ``share`` of its time between 0 and 1, without both ends."""

    def __init__(self, share: float, now: float) -> None:
        self.runs = True
        self._share = share
        #: What a period needs: it is used up after ``share`` of the period.
        self._whole_s = share * (1 - share) * PERIOD_S
        self._owed_s = self._whole_s
        self._turned_at = now

    @property
    def due_at(self) -> float:
        """When it is to be turned: stopped if it runs, else continued."""
        if self.runs:
            return self._turned_at + max(0.0, self._owed_s) / (1 - self._share)
        return self._turned_at + max(0.0, self._whole_s - self._owed_s) / self._share

    def turn(self, now: float) -> bool:
        """It is stopped or continued now; returns whether it runs from now on."""
        owed_s = self._owed_s + (self._share - self.runs) * (now - self._turned_at)
        self._owed_s = max(-self._share * _LONGEST_S, min((1 - self._share) * _LONGEST_S, owed_s))
        self._turned_at = now
        self.runs = not self.runs
        return self.runs
