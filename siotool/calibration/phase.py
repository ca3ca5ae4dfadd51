"""A phase of a calibration: some seconds in which all users do one thing, and when it is their turn.

The timetable is decided before a calibration begins and travels with the scenario's settings: every
worker knows from the run's clock which phase it is, and the run file says which phase a second was of.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Literal

import msgspec

#: ``idle``: nothing. ``call``: an event with an acknowledgement. ``emit``: one without. ``all``: a message
#: to all users. ``room``: one to a room. ``connect``: connections are lost and opened again. ``mixed``: calls
#: and messages to rooms and to all in turn. ``own``: what a scenario of the user's own does.
Kind = Literal["idle", "call", "emit", "all", "room", "connect", "mixed", "own"]
TransportWord = Literal["", "websocket", "upgrade", "polling"]


class Phase(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``users`` do for ``duration_s``, of which the first ``settle_s`` show nothing.

    ``level`` is the CPU that it is to take of the server, in cores, or in shares of what it may fill where
    that is less than one; with 0 each user does ``rate`` turns a second. ``size`` is in bytes of text.
    ``room_size`` is in users. ``transport`` is that of new connections, "" for the run's. ``pilot``: it only
    finds rates, and shows no cost. ``growth``, where it is more than 0: it is a step of a climb to the load
    that the server cannot keep up with; without a level its rate is so many times that of the step before.
    """

    kind: Kind
    users: Annotated[int, msgspec.Meta(ge=0)]
    duration_s: Annotated[float, msgspec.Meta(gt=0)]
    settle_s: float = 2.0
    level: float = 0.0
    rate: float = 0.0
    size: int = 64
    room_size: int = 0
    transport: TransportWord = ""
    pilot: bool = False
    growth: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    @property
    def work(self) -> tuple[str, int, int, str]:
        """Phases with the same value do the same, however often."""
        return self.kind, self.size, self.room_size, self.transport

    @property
    def words(self) -> str:
        """The phase as a note of the run names it."""
        kind = {
            "idle": "idle",
            "call": f"calls of {self.size} B",
            "emit": f"emits of {self.size} B",
            "all": f"messages of {self.size} B to all",
            "room": f"messages of {self.size} B to rooms of {self.room_size}",
            "connect": f"connects by {self.transport or 'the run'}".replace("the run", "its transport"),
            "mixed": "calls and messages in turn",
            "own": "the scenario",
        }[self.kind]
        return f"{'climb: ' if self.growth else ''}{kind}, {self.users} users"


class Timetable:
    """Phases one after the other; ``starts`` has the second at which each begins, and the end of all."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        self.phases = tuple(phases)
        self.starts = (0.0, *accumulate(phase.duration_s for phase in phases))

    def number_at(self, second: float) -> int:
        """The number of the phase of a moment; the last one after the end."""
        return min(bisect_right(self.starts, second), len(self.phases)) - 1

    def at(self, second: float) -> Phase:
        """The phase of a moment."""
        return self.phases[self.number_at(second)]


def encode(phases: Sequence[Phase]) -> str:
    """Phases as the text of a setting."""
    return msgspec.json.encode(list(phases)).decode()


def decode(text: str) -> tuple[Phase, ...]:
    """Read back what ``encode`` wrote. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return tuple(msgspec.json.decode(text, type=list[Phase]))
