"""Follows a calibration's timetable, and finds the rates at which phases take the CPU they are to take."""

from collections.abc import Callable, Sequence

from siotool.calibration.phase import Phase, Timetable
from siotool.swarm.program import Seen, Wanted

#: No phase asks for more than this per generator process: turns and deliveries per second, bytes per second.
_MOST_TURNS, _MOST_DELIVERIES, _MOST_BYTES = 9000.0, 35000.0, 200e6
#: And for no more new connections per second: a generator pays more for one than many a server.
_MOST_CONNECTS = 250.0
#: Turns per second of a user, at least.
_SLOWEST = 0.05
#: Users come and leave within this share of the time in which a phase settles.
_MOVE_SHARE = 0.7
#: CPU seconds of a turn of a kind that was not seen yet.
_GUESS_S = 300e-6
#: What a larger size is thought to cost at first, per byte and recipient.
_GUESS_BYTE_S = 0.5e-9


class CalibrationProgram:
    """A program of load (``siotool.swarm.program``) that follows a timetable.

    ``enough`` is asked at the begin of each phase, with its number, whether the calibration may end.
    """

    def __init__(
        self, timetable: Timetable, processes: int, enough: Callable[[int], bool] = lambda number: False
    ) -> None:
        self._timetable = timetable
        self._processes = processes
        self._enough = enough
        #: CPU seconds of one turn, by what a phase does; and cores of a server at rest.
        self._costs: dict[tuple[str, int, int, str], float] = {}
        self._rest = 0.0
        #: Turns per second of each user, by the number of the phase.
        self._rates: dict[int, float | None] = {}

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """The phase of this moment, until it is over; None after the last one."""
        starts = self._timetable.starts
        number = self._timetable.number_at(elapsed_s + 1e-6)
        if elapsed_s + 1e-6 >= starts[-1] or self._enough(number):
            return None
        phase = self._timetable.phases[number]
        if number:
            self._learn(number - 1, seen)
        rate = self._rates[number] = self._rate(phase)
        before = self._timetable.phases[number - 1].users if number else 0
        within_s = max(0.5, phase.settle_s * _MOVE_SHARE)
        return Wanted(
            users=phase.users,
            until_s=starts[number + 1],
            spawn_rate_per_s=max(1.0, abs(phase.users - before) / within_s),
            stage=number,
            note=f"phase {number + 1} of {len(self._timetable.phases)}: {phase.words}",
            rate=rate,
        )

    def _learn(self, number: int, seen: Sequence[Seen]) -> None:
        """Take what a turn of a phase that is over cost."""
        phase, begin = self._timetable.phases[number], self._timetable.starts[number]
        end = self._timetable.starts[number + 1]
        cores = [
            use.cpu_cores
            for one in seen
            if (use := one.interval.server) is not None
            and use.cpu_cores is not None
            and one.t_s - one.duration_s >= begin + phase.settle_s - 0.01
            and one.t_s <= end + 0.01
        ]
        if not cores:
            return
        mean = sum(cores) / len(cores)
        if phase.kind == "idle":
            self._rest = mean
        elif rate := self._rates[number]:
            self._costs[phase.work] = max(1e-6, (mean - self._rest) / (rate * phase.users))

    def _rate(self, phase: Phase) -> float | None:
        if phase.kind == "own":
            return phase.rate or None
        if not phase.level:
            return max(phase.rate, _SLOWEST)
        receivers = {"all": phase.users, "room": phase.room_size, "mixed": phase.room_size}.get(phase.kind, 1)
        receivers = max(1, receivers)
        most = _MOST_CONNECTS if phase.kind == "connect" else _MOST_TURNS
        turns = min(
            max(0.01, phase.level - self._rest) / self._cost(phase, receivers),
            most * self._processes,
            _MOST_DELIVERIES * self._processes / receivers,
            _MOST_BYTES * self._processes / receivers / max(1, phase.size),
        )
        return max(_SLOWEST, turns / phase.users)

    def _cost(self, phase: Phase, receivers: int) -> float:
        """What a turn is thought to cost: as it did last, or as another of its kind did."""
        if phase.work in self._costs:
            return self._costs[phase.work]
        alike = [(work, cost) for work, cost in self._costs.items() if work[0] == phase.kind]
        if not alike:
            return _GUESS_S
        (_, size, room, _), cost = alike[-1]
        return cost * max(1.0, receivers / room if room else 1.0) + (
            max(0, phase.size - size) * receivers * _GUESS_BYTE_S
        )
