"""How long the parent of a run waits for its workers, and whether it was paused itself."""

import time
from time import monotonic

#: The parent looks twenty times a second; when a look is so late, the parent was paused.
HELD_UP_S = 1.0


class Patience:
    """Distinguishes a silent worker from a paused parent; times are monotonic seconds."""

    def __init__(self, begin: float) -> None:
        """``begin`` is second 0 of the run."""
        self._begin = begin
        self._looked = begin
        self._listening_since = begin

    def look(self, now: float) -> float:
        """The parent checks its workers; returns for how long it was paused before, or 0."""
        gap = now - self._looked
        self._looked = max(now, self._looked)
        if gap < HELD_UP_S:
            return 0.0
        self._listening_since = now
        return gap

    def silent(self, due: int, now: float, patience_s: float) -> bool:
        """Whether a worker's second ``due`` should have been reported by now, so long after its end."""
        ended = self._begin + due + 1
        return now - max(ended, self._listening_since) > patience_s


def suspended_s() -> float:
    """Seconds since boot that the machine was suspended; its monotonic clock leaves them out.

    Only differences mean something. 0 where the system does not say.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) - monotonic() if clock is not None else 0.0
