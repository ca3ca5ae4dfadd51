"""The phases of a calibration as they were seen: the load of each, and what it took of the server.

Only the seconds count in which a phase had settled. A phase that took 10 % of a core or less is marked as
light: a server that is nearly at rest pays for waking up, more than for the work itself.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.calibration.phase import Phase, Timetable
from siotool.runfile import Pace, Run
from siotool.runs.hold import Marks
from siotool.runs.keeping_up import late_share
from siotool.runs.seconds import Floats, Seconds, seconds_of

#: A phase that takes no more than this of the server, in cores, is light.
LIGHT_CORES = 0.1
#: A phase shows something when so many of its seconds were sampled.
LEAST_SECONDS = 2
#: An event loop that is busier than this share of the time is full: what waits for it is worked off in larger
#: parts, and each costs less than on a server that keeps up.
FULL_LOOP = 0.95
#: The same where the target kept users from more than this share of what was due.
MOST_WITHHELD = 0.1
#: A server's CPU grows with these powers of what a text and a step through memory cost. From second to second
#: it follows them more (python -m tests.bench.pace), from run to run no more than this.
TEXT_POWER, STEP_POWER = 0.3, 1.0
#: Clocks of the program and of the seconds agree within this, in seconds.
_WITHIN_S = 0.1

#: Columns of ``siotool.runs.seconds`` that make a load.
LOAD = (
    "connections",
    "inbound_per_s",
    "acks_per_s",
    "published_per_s",
    "deliveries_per_s",
    "handshakes_per_s",
    "bytes_in_per_s",
    "bytes_out_per_s",
    "payload_in_per_s",
    "payload_out_per_s",
)

Load = dict[str, float]


class HeldPhase(msgspec.Struct, frozen=True):
    """One phase: its mean ``load`` by column, and the mean CPU of the server in cores.

    ``spent_s`` is the CPU that the server had taken from the begin of the run to the end of the phase,
    ``connections_most`` the most that were open by then, ``opened_besides`` those that had been opened
    besides as many, ``rss_bytes`` the most memory in the phase.
    ``pace`` is how much more CPU the same work took of the machine then than at its usual pace, as a loop of
    fixed work shows (``siotool.swarm.awake``); 1 where none ran.
    ``loop`` is the share of the time in which the server's event loops were busy, NaN where it is not known,
    and ``withheld`` the share of the operations due that the target kept users from. ``late`` is the share of
    answers and deliveries that came late (``siotool.runs.keeping_up``).
    ``number`` counts phases from 0.
    """

    number: int
    phase: Phase
    seconds: float
    load: Load
    cores: float
    spent_s: float
    connections_most: float
    opened_besides: float
    rss_bytes: float
    pace: float
    loop: float
    withheld: float
    late: float

    @property
    def overloaded(self) -> bool:
        """Whether the server did not keep up. Users that connect again are kept from the rest on purpose."""
        return self.loop > FULL_LOOP or (self.phase.kind != "connect" and self.withheld > MOST_WITHHELD)

    @property
    def light(self) -> bool:
        """Whether it took so little of the server that it may mislead."""
        return self.cores <= LIGHT_CORES


def usual_pace(run: Run) -> Pace | None:
    """The median of what fixed work cost in a run; None where no loop of it ran."""
    seconds = seconds_of([run])
    costs = [seconds[name][np.isfinite(seconds[name])] for name in ("text_s", "step_s")]
    return Pace(*(float(np.median(cost)) for cost in costs)) if len(costs[0]) else None


def holds_of(run: Run, phases: Sequence[Phase], usual: Pace | None = None) -> list[HeldPhase]:
    """What a run shows of each of its phases; those without enough samples are left out.

    Their pace is over the ``usual`` one, where that is given, else over the run's own.
    """
    seconds, timetable = seconds_of([run]), Timetable(phases)
    usual = usual or usual_pace(run)
    found = []
    for number, phase in enumerate(timetable.phases):
        begin, end = timetable.starts[number] + phase.settle_s, timetable.starts[number + 1]
        rows = (seconds["begin_s"] >= begin - _WITHIN_S) & (seconds["t_s"] <= end + _WITHIN_S)
        if (hold := _hold(run, seconds, rows, number, phase, usual)) is not None:
            found.append(hold)
    return found


def whole_hold(run: Run, usual: Pace | None) -> HeldPhase | None:
    """The hold phase of any run, to compare with a prediction; None where the server was not sampled.

    Its pace is over the ``usual`` one, of the calibration that the prediction is by.
    """
    seconds = seconds_of([run])
    users = run.header.workload.users_max
    phase = Phase("own", users, run.header.workload.duration_s)
    return _hold(run, seconds, seconds.held, 0, phase, usual)


def opened_besides(seconds: Seconds) -> Floats:
    """Connections opened so far, besides as many as were open at once at most, by the end of each second."""
    opened = np.cumsum(seconds["handshakes_per_s"] * seconds["duration_s"])
    besides: Floats = np.maximum(0.0, opened - np.maximum.accumulate(seconds["connections_end"]))
    return besides


def _hold(
    run: Run, seconds: Seconds, rows: Marks, number: int, phase: Phase, usual: Pace | None
) -> HeldPhase | None:
    rows = rows & seconds.sampled
    if np.count_nonzero(rows) < LEAST_SECONDS:
        return None
    last = int(np.flatnonzero(rows)[-1])
    spent = np.nan_to_num(seconds["cpu_cores"]) * seconds["duration_s"]
    return HeldPhase(
        number=number,
        phase=phase,
        seconds=float(seconds["duration_s"][rows].sum()),
        load={column: seconds.mean(column, rows) for column in LOAD},
        cores=seconds.mean("cpu_cores", rows),
        spent_s=float(spent[: last + 1].sum()),
        opened_besides=float(opened_besides(seconds)[last]),
        connections_most=float(seconds["connections_end"][: last + 1].max()),
        rss_bytes=float(seconds["rss_bytes"][rows].max()),
        pace=_pace(seconds, rows, usual),
        loop=seconds.mean("server_loop_share", rows),
        withheld=_withheld(run, rows),
        late=late_share(run.intervals[number] for number in np.flatnonzero(rows)),
    )


def _withheld(run: Run, rows: Marks) -> float:
    """The share of the operations due in some seconds of a run that the target kept users from."""
    classes = [one for number in np.flatnonzero(rows) for one in run.intervals[number].user_classes]
    return sum(one.withheld for one in classes) / max(1, sum(one.offered for one in classes))


def _pace(seconds: Seconds, rows: Marks, usual: Pace | None) -> float:
    text_s, step_s = seconds.mean("text_s", rows), seconds.mean("step_s", rows)
    if usual is None or not np.isfinite(text_s):
        return 1.0
    return float((text_s / usual.text_s) ** TEXT_POWER * (step_s / usual.step_s) ** STEP_POWER)
