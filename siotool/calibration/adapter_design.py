"""The phases by which the costs of an adapter are told apart, the same for every number of servers.

A message to a room of few is mostly a publish: one server reads it and gives it to the adapter, others
receive it. A message to all is mostly deliveries. Emits are read and go nowhere. Two rates and two sizes of
each tell what a message costs from what a byte costs, and both from a server at rest. Emits have another
rate in every other round.
"""

from collections.abc import Callable

import msgspec

from siotool.calibration.phase import Kind, Phase

#: Sizes of a text in bytes; the longer one is less than PostgreSQL can notify of (8,000 bytes).
SMALL, LARGE = 64, 2048
#: Users of a room, and connections: so many rooms that their members are spread as chance has it.
ROOM, USERS = 4, 60
#: Shares of the highest rate.
_LOW, _MIDDLE = 1 / 3, 2 / 3
#: So many times as many deliveries to all as to rooms: they are cheaper.
_MORE_TO_ALL = 2.0
#: Seconds of a phase, and those in which it settles.
SECONDS, SETTLE_S = 3.0, 1.0
#: Seconds of warming up with messages to rooms, with long ones, and with long ones to all.
_WARM_S = (7.0, 2.0, 3.0)
#: Turns per second of users that do nothing.
_IDLE_RATE = 30.0

Shuffle = Callable[[list[Phase]], None]


def adapter_phases(rate: float, number: int, shuffle: Shuffle) -> tuple[Phase, ...]:
    """The timetable of a round, with up to ``rate`` publishes per second of the fleet; ``shuffle`` orders it.

    ``number`` counts the rounds from 0. The first phases warm the servers up, and show nothing.
    """
    to_all = rate * ROOM / USERS * _MORE_TO_ALL

    def phase(kind: Kind, per_s: float, size: int = SMALL, room: int = 0) -> Phase:
        return Phase(kind, USERS, SECONDS, SETTLE_S, rate=per_s / USERS, size=size, room_size=room)

    to_rooms = phase("room", rate, SMALL, ROOM)
    long_to_rooms = phase("room", rate * _MIDDLE, LARGE, ROOM)
    long_to_all = phase("all", to_all * _MIDDLE, LARGE)
    warm = [
        msgspec.structs.replace(one, duration_s=seconds, pilot=True)
        for one, seconds in zip((to_rooms, long_to_rooms, long_to_all), _WARM_S, strict=True)
    ]
    work = [
        phase("idle", _IDLE_RATE),
        phase("emit", rate * (_LOW if number % 2 else 1)),
        phase("room", rate * _LOW, SMALL, ROOM),
        to_rooms,
        long_to_rooms,
        phase("all", to_all * _LOW),
        phase("all", to_all),
        long_to_all,
    ]
    shuffle(work)
    return (*warm, *work)
