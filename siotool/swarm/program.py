"""A program of load: how many users there are at each moment, and at what rate, decided as the run goes.

It reads no clock and starts nothing. The parent asks it at the moments that its answers name, and
does what they say.
"""

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Protocol

import msgspec

from siotool.errors import ScenarioError
from siotool.measured_servers import MeasuredServer
from siotool.runfile import Delivery, Interval, Operation
from siotool.searched import FoundCapacity, Hold
from siotool.swarm.scenario_code import ENDINGS
from siotool.workload import Arrivals, Stage

#: Ten minutes of seconds: a run of days is not kept in memory.
SEEN_AT_MOST = 600
#: Locust asks a shape once a second.
TICK_S = 1.0


class Seen(msgspec.Struct, frozen=True):
    """One interval of the run, all workers merged.

    ``t_s`` is its end in seconds since the program began. ``users`` and ``connections`` are what
    was there at its end. Rates are of scheduled operations per second: due, and begun; both are 0
    where nothing is scheduled. ``operations`` hold counts, errors and response times by kind and
    name, connects among them. ``doubts`` are reasons not to believe it. ``interval`` is all that was seen.
    ``server_cores`` are those that all servers may fill, None where one of them was not sampled.
    """

    t_s: float
    duration_s: float
    users: int
    connections: int
    offered_per_s: float
    achieved_per_s: float
    operations: list[Operation]
    delivery: Delivery
    doubts: list[str]
    interval: Interval
    server_cores: float | None = None

    @property
    def failed_share(self) -> float:
        """Operations that failed, of all that ended; 0 where none did."""
        failed = sum(sum(operation.errors.values()) for operation in self.operations)
        ended = failed + sum(operation.count for operation in self.operations)
        return failed / ended if ended else 0.0


def seen(
    interval: Interval, begin_s: float, doubts: list[str], servers: Sequence[MeasuredServer] = ()
) -> Seen:
    """What a program that began ``begin_s`` seconds after the run may know of an interval."""
    of_load = [one for one in servers if not one.beside]
    sampled = [interval.servers.get(one.name) for one in of_load]
    known = bool(of_load) and all(use is not None for use in sampled)
    return Seen(
        t_s=round(interval.t_s - begin_s, 3),
        duration_s=interval.duration_s,
        users=interval.connections.users + interval.other_users,
        connections=interval.connections.open,
        offered_per_s=sum(found.offered for found in interval.user_classes) / interval.duration_s,
        achieved_per_s=sum(found.issued for found in interval.user_classes) / interval.duration_s,
        operations=interval.operations,
        delivery=interval.delivery,
        doubts=doubts,
        interval=interval,
        server_cores=sum(one.cores for one in of_load) if known else None,
    )


class Wanted(msgspec.Struct, frozen=True):
    """How many users there are to be, and when to ask again: at ``until_s`` of the program.

    ``spawn_rate_per_s`` is how many users start or leave per second; None moves evenly until
    ``until_s``. ``stage`` counts from 0 within the program. ``note`` is written down when it is
    new. ``user_classes`` (of Locust) are those to start, None for all.

    ``rate`` is in operations per second of each user, as a scenario's own ``rate``, and more than
    0; None is the scenario's own. It is that of every user, also of those that start later.
    Users that follow no schedule, as with a ``wait_time`` of their own, are unaffected.

    ``size`` are the bytes of a message, of every user whose scenario has such a setting; None is what
    was set.

    ``skipped_s`` are seconds of a scenario's timetable that are left out, of every user whose scenario
    follows one.

    ``arrivals`` are users that come beside these ``users`` from now on, and leave by themselves.
    ``lines`` are what a search has learnt since it was asked last: they are written down.
    """

    users: int
    until_s: float
    spawn_rate_per_s: float | None = None
    stage: int = 0
    note: str = ""
    user_classes: Any = None
    rate: float | None = None
    size: int | None = None
    skipped_s: float = 0.0
    arrivals: Arrivals | None = None
    lines: tuple[Hold | FoundCapacity, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a rate that no schedule can follow."""
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"the rate is {self.rate:g}; it must be more than 0 per second")

    def same_as(self, other: "Wanted | None") -> bool:
        """True when nothing is to be done that ``other`` has not asked for."""
        if other is None:
            return False
        return msgspec.structs.replace(self, until_s=other.until_s, lines=other.lines) == other


class Program(Protocol):
    """What decides how many users there are, and at what rate."""

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """What is wanted from a moment on; None when the program is over.

        ``elapsed_s`` is 0 at first, and then the moment that the last answer named, even where
        the parent is late. ``seen`` are the intervals since the program began that are known, the
        last ``SEEN_AT_MOST`` of them.
        """


class Stages:
    """Moves evenly from stage to stage."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """The stage of this moment, until it is over; a change of stage is worth a note."""
        until_s = 0.0
        for number, stage in enumerate(self._stages):
            until_s += stage.duration_s
            if elapsed_s < until_s:
                within = f"stage {number + 1}: {stage.users} users within {stage.duration_s:g} s"
                return Wanted(stage.users, until_s, stage=number, note=within if number else "")
        return None


def arrival_moments(arrivals: Arrivals, seed: int) -> Iterator[float]:
    """Seconds at which the users of a run arrive, over all workers; the seed decides them."""
    return arrivals.moments(Random(f"{seed}/arrivals").expovariate)


class ArrivalProgram:
    """Lets users arrive; ``residents`` more, of classes with a ``fixed_count``, are there all the time."""

    def __init__(self, arrivals: Arrivals, residents: int) -> None:
        self._arrivals = arrivals
        self._residents = residents

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """All that is wanted, once."""
        until_s = self._arrivals.duration_s
        if elapsed_s >= until_s:
            return None
        at_once = max(1.0, float(self._residents))
        return Wanted(self._residents, until_s, spawn_rate_per_s=at_once, arrivals=self._arrivals)


class ShapeProgram:
    """Asks a scenario's own ``LoadTestShape`` (of Locust) once a second.

    It is over when the shape ends it, or after ``limit_s``.
    """

    def __init__(self, shape: Any, limit_s: float | None) -> None:
        self._shape = shape
        self._limit_s = limit_s

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """What the shape asks for now. Raises ScenarioError when the shape breaks."""
        if not elapsed_s:
            self._shape.reset_time()
        if self._limit_s is not None and elapsed_s >= self._limit_s:
            return None
        name = type(self._shape).__name__
        try:
            wanted = self._shape.tick()
        except ENDINGS:
            raise
        except BaseException as error:
            raise ScenarioError(
                f"{name}.tick raised {type(error).__name__}: {error}", "correct the load shape"
            ) from error
        if wanted is None:
            return None
        try:
            users, rate, *classes = wanted
            users, rate = max(0, int(users)), max(0.01, float(rate))
        except (TypeError, ValueError) as error:
            raise ScenarioError(
                f"{name}.tick returned {wanted!r}", "return (users, spawn rate), or None to end"
            ) from error
        return Wanted(
            users=users,
            until_s=elapsed_s + TICK_S,
            spawn_rate_per_s=rate,
            note=f"{users} users at {rate:g} per second",
            user_classes=classes[0] if classes else None,
        )
