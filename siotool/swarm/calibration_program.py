"""Follows a calibration's timetable, and finds the rates at which phases take the CPU they are to take.

A climb ends with the first load that the server does not keep up with, or that the generator cannot make.
"""

from collections.abc import Callable, Sequence

from siotool.calibration.phase import Phase, Timetable
from siotool.runs.keeping_up import keeps_up, late_share
from siotool.swarm.program import Seen, Wanted

#: The CPU that a phase may take of each generator process, as a share of what it may use.
_GENERATOR_MOST = 0.65
#: Where the generator's CPU does not show it: no phase asks for more than this per generator process. Turns,
#: deliveries, bytes and new connections per second (a local port is in use for a minute after it was closed).
_MOST_TURNS, _MOST_DELIVERIES, _MOST_BYTES, _MOST_CONNECTS = 20e3, 100e3, 200e6, 300.0
#: Turns per second of a user, at least.
_SLOWEST = 0.05
#: Turns that a phase has to have had before it shows what one costs.
_FEWEST_TURNS = 10
#: Users come and leave within this share of the time in which a phase settles.
_MOVE_SHARE = 0.7
#: CPU seconds of the server that a turn of a kind not seen yet is thought to take, and any turn at least.
_GUESS_S, _LEAST_S = 300e-6, 1e-6
#: A step of a climb that grows by less than this is as high as the generator can make it.
_LEAST_GROWTH = 1.01
#: What a larger size is thought to cost at first, per byte and recipient.
_GUESS_BYTE_S = 0.5e-9


class _TurnCosts:
    """What a turn takes of a process, as it was last seen, in seconds of what that process may use."""

    def __init__(self, guess_s: float) -> None:
        self._guess_s = guess_s
        self._rest = 0.0
        self._costs: dict[tuple[str, int, int, str], float] = {}

    def learn(self, phase: Phase, shares: Sequence[float], turns_per_s: float) -> None:
        """Take the shares of a process's CPU that were seen in a phase."""
        if not shares:
            return
        mean = sum(shares) / len(shares)
        if phase.kind == "idle":
            # in a pilot a server may still be at work on what waited for it
            self._rest = self._rest if phase.pilot else mean
        elif turns_per_s > 0:
            self._costs[phase.work] = max(_LEAST_S, (mean - self._rest) / turns_per_s)

    def turns(self, phase: Phase, receivers: int, share: float) -> float:
        """Turns per second that are thought to take a share of the process."""
        return max(0.01, share - self._rest) / self._cost(phase, receivers)

    def _cost(self, phase: Phase, receivers: int) -> float:
        """What a turn is thought to cost: as it did last, or as another of its kind did."""
        if phase.work in self._costs:
            return self._costs[phase.work]
        alike = [(work, cost) for work, cost in self._costs.items() if work[0] == phase.kind]
        if not alike:
            return self._guess_s
        (_, size, room, _), cost = alike[-1]
        return cost * max(1.0, receivers / room if room else 1.0) + (
            max(0, phase.size - size) * receivers * _GUESS_BYTE_S
        )


class CalibrationProgram:
    """A program of load (``siotool.swarm.program``) that follows a timetable.

    ``enough`` is asked at the begin of each phase, with its number, whether it and those after it may be
    left out, up to the phase ``closing`` (None: to the end).
    """

    def __init__(
        self,
        timetable: Timetable,
        processes: int,
        enough: Callable[[int], bool] = lambda number: False,
        closing: int | None = None,
    ) -> None:
        self._planned = timetable
        self._closing = len(timetable.phases) if closing is None else closing
        #: Without what was left out so far: how many phases, and so many seconds.
        self._timetable = timetable
        self._skipped, self._skipped_s = 0, 0.0
        self._processes = processes
        self._enough = enough
        self._server, self._generator = _TurnCosts(_GUESS_S), _TurnCosts(_LEAST_S)
        #: Turns per second of each user, by the number of the phase.
        self._rates: dict[int, float | None] = {}
        #: What a level of 1 is, in cores: a server that may fill less than a core is full before.
        self._full_cores = 1.0

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """The phase of this moment, until it is over; None after the last one."""
        number = self._timetable.number_at(elapsed_s + 1e-6)
        left_out = ""
        if not self._skipped and self._enough(number):
            left_out = self._leave_out(number, self._closing, "enough is known")
        if elapsed_s + 1e-6 >= self._timetable.starts[-1]:
            return None
        if number:
            self._learn(number - 1, seen)
        left_out += self._end_of_climb(number, seen)
        starts = self._timetable.starts
        if elapsed_s + 1e-6 >= starts[-1]:
            return None
        phase = self._timetable.phases[number]
        rate = self._rates[number] = self._rate(number)
        before = self._timetable.phases[number - 1].users if number else 0
        stage = number + self._skipped
        within_s = max(0.5, phase.settle_s * _MOVE_SHARE)
        return Wanted(
            users=phase.users,
            until_s=starts[number + 1],
            spawn_rate_per_s=max(1.0, abs(phase.users - before) / within_s),
            stage=stage,
            note=f"{left_out}phase {stage + 1} of {len(self._planned.phases)}: {phase.words}",
            rate=rate,
            skipped_s=self._skipped_s,
        )

    def _leave_out(self, number: int, until: int, why: str) -> str:
        """Go on with phase ``until`` of those left instead of ``number``; returns what a note says of it."""
        phases, starts = self._timetable.phases, self._timetable.starts
        first, last = number + self._skipped + 1, until + self._skipped
        self._skipped += until - number
        self._skipped_s += starts[until] - starts[number]
        self._timetable = Timetable((*phases[:number], *phases[until:]))
        named = f"phases {first} to {last} are" if last > first else f"phase {first} is"
        return f"{why}, so {named} left out; "

    def _end_of_climb(self, number: int, seen: Sequence[Seen]) -> str:
        """Leave the steps of a climb out that show nothing; returns what a note says of it."""
        phases = self._timetable.phases
        if not (
            number and number < len(phases) and phases[number - 1].growth and _is_next_step(phases[number])
        ):
            return ""
        later = range(number, len(phases))
        if not keeps_up(late_share(one.interval for one in self._settled(number - 1, seen))):
            steps_end = next((at for at in later if not _is_next_step(phases[at])), len(phases))
            return self._leave_out(number, steps_end, "the server does not keep up")
        if (self._rate(number) or 0.0) < _LEAST_GROWTH * (self._rates[number - 1] or 0.0):
            # neither the step between two others nor a rest is needed
            climb_end = next((at for at in later if not _is_in_climb(phases[at])), len(phases))
            return self._leave_out(number, climb_end, "siotool can load it with no more")
        return ""

    def _settled(self, number: int, seen: Sequence[Seen]) -> list[Seen]:
        """The intervals of a phase in which it had settled."""
        begin = self._timetable.starts[number] + self._timetable.phases[number].settle_s
        end = self._timetable.starts[number + 1]
        return [one for one in seen if one.t_s - one.duration_s >= begin - 0.01 and one.t_s <= end + 0.01]

    def _learn(self, number: int, seen: Sequence[Seen]) -> None:
        """Take what a turn of a phase that is over cost."""
        known = [one.server_cores for one in seen if one.server_cores]
        self._full_cores = min(1.0, *known[-1:]) if known else 1.0
        phase, settled = self._timetable.phases[number], self._settled(number, seen)
        seconds = sum(one.duration_s for one in settled)
        begun = sum(one.achieved_per_s * one.duration_s for one in settled)
        if phase.kind != "idle" and begun < _FEWEST_TURNS:
            return  # too few to tell what one costs, whatever was asked for
        turns = begun / seconds if seconds else 0.0
        uses = [use.cpu_cores for one in settled if (use := one.interval.server) is not None]
        self._server.learn(phase, [cores for cores in uses if cores is not None], turns)
        busiest = [
            max(worker.cpu_cores / worker.cpu_allowed for worker in one.interval.generator)
            for one in settled
            if one.interval.generator
        ]
        self._generator.learn(phase, busiest, turns)

    def _rate(self, number: int) -> float | None:
        phase = self._timetable.phases[number]
        if phase.kind == "own":
            return phase.rate or None
        if not (phase.level or phase.growth):
            return max(phase.rate, _SLOWEST)
        receivers = {"all": phase.users, "room": phase.room_size, "mixed": phase.room_size}.get(phase.kind, 1)
        receivers = max(1, receivers)
        most = _MOST_CONNECTS if phase.kind == "connect" else _MOST_TURNS
        turns = min(
            self._climbed(number) * phase.users
            if phase.growth and not phase.level
            else self._server.turns(phase, receivers, phase.level * self._full_cores),
            self._generator.turns(phase, receivers, _GENERATOR_MOST),
            most * self._processes,
            _MOST_DELIVERIES * self._processes / receivers,
            _MOST_BYTES * self._processes / receivers / max(1, phase.size),
        )
        return max(_SLOWEST, turns / max(1, phase.users))

    def _climbed(self, number: int) -> float:
        """The rate of a step of a climb: so many times that of the step before."""
        before = next(at for at in range(number - 1, -1, -1) if self._timetable.phases[at].growth)
        return self._timetable.phases[number].growth * (self._rates[before] or 0.0)


def _is_next_step(phase: Phase) -> bool:
    """Whether it is a higher step of a climb that has begun."""
    return phase.growth > 1 and not phase.level


def _is_in_climb(phase: Phase) -> bool:
    """Whether it is a step of a climb that has begun, or a rest between two."""
    return bool(phase.growth and not phase.level) or (phase.kind == "idle" and phase.pilot)
