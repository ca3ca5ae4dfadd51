"""The interface of what shows a server's use: a source is read once a second."""

from collections.abc import Callable
from typing import Protocol

import msgspec

#: Seconds of the monotonic clock.
Clock = Callable[[], float]
#: A level that was read longer before an interval's end than this is not that of its end.
EARLY_S = 0.25


class Reading(msgspec.Struct, frozen=True):
    """What a source showed at a moment of the monotonic clock.

    ``counters`` grow: ``cpu_s``, ``loop_active_s``, ``loop_idle_s``, ``events_received``, ``events_sent``,
    ``adapter_published``, ``adapter_received``.
    NaN: what it has grown by is not known at that moment, and it goes on from there.
    ``gauges`` are levels, by the names of ``runfile.ServerUse``.
    """

    at: float
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}


#: How a source ends its words that will not come back by itself, such as a process that has ended.
GONE = " is gone"


class SourceGone(Exception):
    """A source does not answer, or what it answers shows nothing; the text says why."""


class Source(Protocol):
    """One source of one server."""

    @property
    def what(self) -> str:
        """The source as reports name it, without secrets: ``pid 4711``."""

    @property
    def local(self) -> bool:
        """Whether reading it takes no time to speak of."""

    @property
    def early_s(self) -> float:
        """How long before an interval's end a level may have been read."""

    def read(self, clock: Clock) -> Reading | None:
        """Return what it shows now; None where nothing new has come. Raises SourceGone."""
