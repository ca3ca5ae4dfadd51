"""The phases of a calibration: each separates a cost from the others, at several loads, in random order.

First many connections open and do nothing, while the server is as it was found: later its memory has
grown by its own, and hides what a connection adds. Then users do some of everything at a high load,
until a server that compiles as it runs is warm; pilot phases find at which rates a phase takes the CPU
that it is to take, and warm the server up for that kind of work. Then come rounds: each has every kind
of work once, in an order of its own, at another level than the round before; every round has all levels,
so that what changes with time is not taken for what changes with the load. Each round ends with connections
that are lost and opened again: what a server keeps of those is told from what it keeps of its work by the
first round, in which there are none before.

Then calls, and messages to all, climb until the server does not keep up (``climb``): what a full server
gathers is worked off at less than its costs, or at more, which no phase that it keeps up with shows.

The last phases open connections in other ways; what those leave behind could spoil what comes after them: a
server sends its messages also to clients on long polling that are gone, until it misses their pings. These
phases and the climbs are there too where enough is known before the last round.
"""

from collections.abc import Callable, Collection

import msgspec

from siotool.calibration.phase import Kind, Phase, TransportWord

#: CPU that phases take, in shares of a core: each kind of work another one in each round. A turn is dearer at
#: the level before the heaviest, so that this one does not overload the server.
LEVELS = (0.6, 0.08, 0.3, 0.85)
#: Seconds of a phase, and those of them in which it settles.
PHASE_S, SETTLE_S, PILOT_S = 5.0, 1.0, 3.0
#: Seconds between two pings of a connection, as Engine.IO's servers have them if nobody says otherwise. Users
#: that connect together are pinged together: fewer seconds than this show too many of the pings, or too few.
PING_S = 25.0
#: Seconds in which the users of the first phase connect.
CROWD_SETTLE_S = 6.0
#: Seconds of warming up with some of everything and with long messages, and the CPU that they take.
WARM_S, LONG_WARM_S, WARM_LEVEL = 5.0, 4.0, 0.6
#: The same of a scenario of the user's own, which may need longer; and how long it warms the server up.
OWN_S, OWN_SETTLE_S, OWN_WARM_S = 10.0, 3.0, 15.0
#: Sizes of a text in bytes, and of a room in users.
SMALL, MIDDLE, LARGE, HUGE = 64, 512, 2048, 16384
FEW, MANY = 5, 25
#: Turns per second of each user in a pilot phase.
_PILOT_RATE = {"call": 8.0, "emit": 8.0, "room": 1.5, "all": 0.3, "connect": 0.4, "mixed": 4.0}
#: Ways to open a connection; those that are not the run's own are seen in the last phases.
WAYS: tuple[TransportWord, ...] = ("websocket", "upgrade", "polling")
#: CPU that connections opened in other ways take.
_OTHER_LEVEL = 0.3
#: How many times more users the phase has that shows the memory of a connection.
_CROWD = 6
#: A climb: the CPU of its first step in shares of a core, by how much each step has more, and how many there
#: are; seconds of a step, and of the rest in which a server works off what waits for it.
FIRST_STEP, GROWTH, STEPS, STEP_S, REST_S = 0.9, 1.2, 6, 4.0, 3.0

Shuffle = Callable[[list[Phase]], None]


class Experiment(msgspec.Struct, frozen=True):
    """Phases in their order; ``rounds`` are the numbers of those that begin one, and of the one after all.

    ``climbs`` are the number of the phase with which the climbs begin, and of the one after them.
    """

    phases: tuple[Phase, ...]
    rounds: tuple[int, ...]
    climbs: tuple[int, int]

    @property
    def ends(self) -> tuple[int, ...]:
        """Phases from which on rounds may be left out, as enough is known: those that begin another one."""
        return self.rounds[1:-1]

    @property
    def closing(self) -> int:
        """The phase after all rounds; with it begin those that show what no round does."""
        return self.rounds[-1]

    def as_run(self, numbers: Collection[int]) -> "Experiment":
        """It without what a run left out, or did not come to: it had phases of these ``numbers``.

        That are rounds, and phases of climbs. Another phase alone may be missing where nothing could be
        measured, as on a machine that was suspended.
        """
        first, after = self.climbs
        climbed = [self.phases[number] for number in range(first, after) if self._climbed(number, numbers)]
        begun = [number for number in numbers if number < self.closing]
        left_out = [begin for begin in self.ends if begin > max(begun, default=self.closing)]
        begin = left_out[0] if left_out else self.closing
        before = (*self.phases[:begin], *self.phases[self.closing : first])
        rounds = tuple(one for one in self.rounds if one <= begin)
        climbs = len(before), len(before) + len(climbed)
        return Experiment((*before, *climbed, *self.phases[after:]), rounds, climbs)

    def _climbed(self, number: int, numbers: Collection[int]) -> bool:
        """Whether a run had a phase of a climb: it, or a later one that is there only where it is.

        Left out are the steps after one of them, alone or with all that is left of their climb.
        """
        phases, after = self.phases, self.climbs[1]
        if phases[number].level:  # the first step
            return any(at >= number for at in numbers)
        end = next((at for at in range(number, after) if phases[at].level), after)  # of this climb
        later = [at for at in range(number, end) if at in numbers]
        return any(phases[at].growth > 1 or phases[number].growth <= 1 for at in later)

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return sum(phase.duration_s for phase in self.phases)

    @property
    def rounds_s(self) -> float:
        """How long its rounds take, of these seconds."""
        return sum(phase.duration_s for phase in self.phases[self.rounds[0] : self.closing])


class Able(msgspec.Struct, frozen=True):
    """What the server has events for, beside calls."""

    emits: bool = True
    to_all: bool = True
    rooms: bool = True


def warming(users: int, room_size: int = MANY, *, emits: bool = True) -> list[Phase]:
    """Phases after which a server is warm: some of everything and long messages, at a low and at a high load.

    What a turn costs is known better after each of them: so the last of a kind is the heaviest. Long
    messages at a high rate make a heap grow to what it keeps: on Node.js work is dearer until then.
    """
    some = Phase("mixed", users, PILOT_S, 1.0, rate=_PILOT_RATE["mixed"], room_size=room_size, pilot=True)
    heavy = msgspec.structs.replace(some, duration_s=WARM_S, rate=0.0, level=WARM_LEVEL)
    kind: Kind = "emit" if emits else "call"
    long = Phase(kind, users, PILOT_S, 1.0, rate=_PILOT_RATE[kind], size=LARGE, pilot=True)
    heavy_long = msgspec.structs.replace(long, duration_s=LONG_WARM_S, rate=0.0, level=WARM_LEVEL)
    return [some, heavy, heavy, long, heavy_long]


def climb(kind: Kind, users: int) -> list[Phase]:
    """Steps to the load that a server does not keep up with, a rest, and one between the last two of them.

    Those after the first with which it does not keep up are left out as the calibration goes.
    """
    step = Phase(kind, users, STEP_S, SETTLE_S, growth=GROWTH)
    rest = Phase("idle", users, REST_S, SETTLE_S, rate=0.5, pilot=True)
    first, between = (
        msgspec.structs.replace(step, level=FIRST_STEP),
        msgspec.structs.replace(step, growth=GROWTH**-0.5),
    )
    return [first, *[step] * (STEPS - 1), rest, between, rest]


def designed(
    users: int,
    rounds: int,
    shuffle: Shuffle,
    able: Able | None = None,
    transport: str = "upgrade",
    *,
    climbing: bool = True,
) -> Experiment:
    """A calibration with ``users`` connections in most of its phases; ``shuffle`` orders a list anew.

    ``transport`` is that of the run, or a mix; the last phases open connections in all other ways.
    ``climbing`` is False for one without climbs, which takes a minute less.
    """
    able = able or Able()
    kinds: list[tuple[Kind, int, int, TransportWord]] = [
        ("call", SMALL, 0, ""),
        ("call", LARGE, 0, ""),
        ("emit", SMALL, 0, ""),
        ("emit", LARGE, 0, ""),
        ("all", SMALL, 0, ""),
        ("all", LARGE, 0, ""),
        ("all", HUGE, 0, ""),
        ("room", SMALL, FEW, ""),
        ("room", SMALL, MANY, ""),
        ("room", MIDDLE, MANY, ""),
        ("mixed", MIDDLE, MANY, ""),
    ]
    left_out = {
        "emit": not able.emits,
        "all": not able.to_all,
        "room": not able.rooms,
        "mixed": not able.rooms,
    }
    kinds = [one for one in kinds if not left_out.get(one[0], False)]

    def phase(kind: Kind, size: int, room: int, transport: TransportWord, level: float) -> Phase:
        return Phase(kind, users, PHASE_S, SETTLE_S, level, size=size, room_size=room, transport=transport)

    def pilot(kind: Kind, size: int, room: int) -> Phase:
        rate = _PILOT_RATE[kind]
        return Phase(kind, users, PILOT_S, 1.0, rate=rate, size=size, room_size=room, pilot=True)

    idle = Phase("idle", users, SETTLE_S + PING_S, SETTLE_S, rate=0.5)
    many = CROWD_SETTLE_S + PING_S
    crowd = msgspec.structs.replace(idle, users=_CROWD * users, duration_s=many, settle_s=CROWD_SETTLE_S)
    found = [crowd, *warming(users, MANY if able.rooms else 0, emits=able.emits)]
    for kind, size, room, _ in kinds:
        if size == SMALL and room in (0, FEW):
            found += [
                first := pilot(kind, size, room),
                msgspec.structs.replace(first, rate=0.0, level=WARM_LEVEL),
            ]
    begins = []
    for number in range(rounds):
        begins.append(len(found))
        these = [phase(*one, LEVELS[(number + at) % len(LEVELS)]) for at, one in enumerate(kinds)]
        shuffle(these)
        level = LEVELS[(number + len(kinds)) % len(LEVELS)]
        found += [*these, *([] if number else [pilot("connect", 0, 0)]), phase("connect", 0, 0, "", level)]
    begins.append(len(found))
    found.append(idle)
    before = len(found)
    if climbing:
        found += [*climb("call", users), *(climb("all", users) if able.to_all else [])]
    climbs = before, len(found)
    found += [phase("connect", 0, 0, other, _OTHER_LEVEL) for other in WAYS if other != transport]
    return Experiment(tuple(found), tuple(begins), climbs)


def own(users: int, rate: float | None, rounds: int, shuffle: Shuffle) -> Experiment:
    """A calibration by a scenario of the user's own: what can be varied is users, and their rate.

    ``rate`` is that of its users per second, None where they follow no schedule that could be changed.
    """
    levels = [(users, 1.0), (max(1, users // 2), 1.0), (max(1, users // 4), 1.0)]
    if rate is not None:
        levels += [(users, 0.5), (users, 0.25), (max(1, users // 2), 0.5)]
    found = [Phase("own", users, OWN_WARM_S, 1.0, rate=rate or 0.0, pilot=True)]
    begins = []
    for _ in range(rounds):
        begins.append(len(found))
        these = [
            Phase("own", count, OWN_S, OWN_SETTLE_S, rate=share * (rate or 0.0)) for count, share in levels
        ]
        shuffle(these)
        found += these
    begins.append(len(found))
    return Experiment(tuple(found), tuple(begins), (len(found), len(found)))


def rounds_within(seconds: float, make: Callable[[int], Experiment]) -> int:
    """How many rounds of an experiment fit into so many seconds; 0 where not even one does."""
    one, two = make(1).seconds, make(2).seconds
    return 0 if seconds < one else 1 + int((seconds - one) / (two - one) + 1e-9)
