"""A run of a calibration against a server that is made up: its costs are known, and how it misbehaves."""

from collections.abc import Callable, Mapping, Sequence
from math import exp
from pathlib import Path

from numpy.random import PCG64, Generator

from siotool.calibration.phase import Phase, Timetable
from siotool.plan.evidence.curve import CostCurve, CurveShape
from siotool.plan.evidence.holds import STEP_POWER, TEXT_POWER
from siotool.runfile import (
    VERSION,
    Bytes,
    Connections,
    Delivery,
    End,
    GeneratorMachine,
    Header,
    Interval,
    MeasuredServer,
    Operation,
    Pace,
    Run,
    ServerUse,
    UserClass,
    WorkerHealth,
)
from siotool.workload import Stage, Target, Workload

#: CPU seconds of a server on Node.js, about.
SERVER = CostCurve(
    {
        "delivery": 9e-6, "inbound": 12e-6, "ack": 15e-6, "connect": 400e-6, "byte": 0.5e-9, "turn": 400e-6,
        "publish": 20e-6, "long": 3e-6, "long_ack": 6e-6, "byte_in": 5e-9, "idle": 5e-6, "base": 0.004,
    },
    CurveShape(1000.0),
)  # fmt: skip
#: Turns per second of each of 100 users in a phase, by what it does; times four levels, where it has one.
RATES = {"idle": 0.0, "call": 8.0, "emit": 10.0, "all": 0.6, "room": 3.0, "connect": 0.4, "mixed": 6.0}
_WRAPPING = 20


def load_of_phase(phase: Phase) -> dict[str, float]:
    """What users do in a phase, per second, by the columns of ``siotool.runs.seconds``."""
    rate = phase.rate or RATES[phase.kind] * (4 * phase.level or 1.0)
    turns = 0.0 if phase.kind == "idle" else rate * phase.users
    calls = {"call": turns, "mixed": turns * 0.75}.get(phase.kind, 0.0)
    published = {"all": turns, "room": turns, "mixed": turns * 0.25}.get(phase.kind, 0.0)
    audience = {"all": phase.users}.get(phase.kind, phase.room_size)
    inbound = 0.0 if phase.kind == "connect" else turns
    size = phase.size + _WRAPPING
    return {
        "connections": float(phase.users),
        "inbound_per_s": inbound,
        "acks_per_s": calls,
        "published_per_s": published,
        "deliveries_per_s": published * audience,
        "handshakes_per_s": turns if phase.kind == "connect" else 0.0,
        "payload_in_per_s": size * (calls + published * audience),
        "payload_out_per_s": size * inbound,
    }


def warm(second: float) -> float:
    """A server that costs the same at all times."""
    return 1.0


def made_run(
    phases: Sequence[Phase],
    *,
    server: CostCurve = SERVER,
    warm_up: Callable[[float], float] = warm,
    pace: Callable[[float], float] = warm,
    noise: float = 0.02,
    heap: Mapping[str, float] | None = None,
    seed: int = 1,
) -> Run:
    """The run of a timetable. ``warm_up`` is how many times more a server takes at a second.

    ``pace`` is how many times more the machine takes, which a loop of fixed work shows.

    ``noise`` is the error of every second, as a share. ``heap``: base, each, growth and growth_s, in bytes
    and CPU seconds; behind, in bytes for each connection that was opened besides the most that were open.
    """
    heap = heap or {"base": 60e6, "each": 20e3, "growth": 25e6, "growth_s": 4.0}
    table, chance = Timetable(phases), Generator(PCG64(seed))
    intervals, spent, most, open_before, opened = [], 0.0, 0, 0, 0.0
    for second in range(int(table.starts[-1])):
        phase = table.at(second + 0.5)
        load = load_of_phase(phase)
        now = open_before + min(max(phase.users - open_before, -200), 200)
        cores = server.cores(load) * warm_up(second) * pace(second) * (1 + noise * chance.normal())
        spent, most = spent + cores, max(most, now)
        rss = heap["base"] + heap["each"] * most + heap["growth"] * (1 - exp(-spent / heap["growth_s"]))
        opened += round(load["handshakes_per_s"])
        rss += heap.get("behind", 0.0) * max(0.0, opened - most)
        rss -= heap.get("garbage", 0.0) * (second % 7) / 7 * (spent > heap["growth_s"])
        intervals.append(_interval(second, load, now, cores, int(rss), _pace(pace(second))))
        open_before = now
    last = len(intervals)
    return Run(Path("made/run.jsonl"), _header(phases), intervals, [], End(last, "finished", intervals=last))


def _pace(slower: float) -> Pace:
    """What fixed work costs where everything is so many times slower."""
    each = slower ** (1 / (TEXT_POWER + STEP_POWER))
    return Pace(1e-5 * each, 3e-7 * each)


def _interval(
    second: int, load: Mapping[str, float], connections: int, cores: float, rss: int, pace: Pace
) -> Interval:
    count = {name: round(amount) for name, amount in load.items()}
    return Interval(
        t_s=second + 1.0,
        duration_s=1.0,
        stage=0,
        connections=Connections(open=connections, users=connections, established=count["handshakes_per_s"]),
        operations=[
            Operation("ack", "echo", count["acks_per_s"]),
            Operation("deliver", "say", count["deliveries_per_s"]),
        ],
        delivery=Delivery(published=count["published_per_s"]),
        bytes=Bytes(
            payload_in=count["payload_in_per_s"],
            payload_out=count["payload_out_per_s"],
            wire_in=count["payload_in_per_s"],
            wire_out=count["payload_out_per_s"],
        ),
        generator=[WorkerHealth(0, 0.2, 1, 0.0, 0.0, 1, 1000)],
        servers={"server": ServerUse(cores, rss, connections + 10, 1)},
        pace=pace,
        user_classes=[UserClass("Calibration", sent=count["inbound_per_s"])],
    )


def _header(phases: Sequence[Phase]) -> Header:
    return Header(
        version=VERSION,
        run="made",
        started_at="2026-11-26T00:00:00+00:00",
        siotool="0",
        libraries={},
        generators=[GeneratorMachine("localhost", 1, "Linux", 2, 8 << 30, "3.11", 0.0)],
        target=Target("http://127.0.0.1:1"),
        workload=Workload("_calibration", {}, [Stage(one.duration_s, one.users) for one in phases], 1, 1),
        bytes_source="tcp",
        servers=[MeasuredServer("server", [1], "pid 1", 1.0, 8 << 30, 1000)],
    )
