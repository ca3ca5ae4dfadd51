"""Fabricated runs for the tests of report, small, seeded, with known answers; plans from a few keys."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from siotool.cli.counts import Counting, Intent
from siotool.deliveries_by_node import DeliveriesByNode, NodeDeliveries
from siotool.histogram import Histogram, Sparse
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.service import world
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.fields import field_of
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.report.contents import Report
from siotool.report.gates import Gate
from siotool.report.join import summarize
from siotool.runfile import (
    VERSION,
    AudienceDeliveries,
    Bytes,
    Connections,
    Delivery,
    End,
    GeneratorMachine,
    Header,
    Interval,
    Note,
    Operation,
    Run,
    UserClass,
    WorkerHealth,
)
from siotool.workload import Stage, Target, Workload

MB = 1_000_000
SERVER = MeasuredServer(
    name="server",
    source="pid 4711 and its children",
    pids=[4711],
    cores=1,
    memory_bytes=1000 * MB,
    files_limit=1024,
)


def sparse(values: Any) -> Sparse:
    """A histogram of values rounded to 2^-20 s, so that their sum is exact on every machine."""
    histogram = Histogram()
    histogram.record(np.round(np.asarray(values, dtype=float) * 2**20) / 2**20)
    return histogram.sparse()


def make_run(
    *,
    name: str = "20260101T000000Z-echo",
    scenario: str = "echo",
    url: str = "http://127.0.0.1:3000",
    users: int = 100,
    ramp_s: int = 10,
    hold_s: int = 20,
    latency_s: float = 0.002,
    bytes_per_connection_s: int = 1000,
    cpu_per_connection: float = 0.004,
    rss_base: int = 50 * MB,
    rss_per_connection: int = 20_000,
    server: MeasuredServer | None = SERVER,
    generator_cpu: float = 0.2,
    loop_lag_s: float = 0.001,
    change: Callable[[Interval], Interval] = lambda interval: interval,
    notes: list[Note] | None = None,
    ended: bool = True,
    seed: int = 1,
) -> Run:
    """A run that ramps evenly, holds, and does one acknowledged echo per user and second.

    In the hold phase the server uses ``users × cpu_per_connection`` cores and every
    connection moves ``bytes_per_connection_s`` in and as much out.
    """
    random = np.random.default_rng(seed)
    intervals = []
    before = 0
    for second in range(1, ramp_s + hold_s + 1):
        now = min(users, users * second // ramp_s) if ramp_s else users
        mean = (before + now) / 2
        moved = round(mean * bytes_per_connection_s)
        operations = [Operation(op="ack", name="echo", count=now, response=sparse(np.full(now, latency_s)))]
        if now > before:
            times = random.uniform(0.004, 0.006, now - before)
            operations.insert(
                0, Operation(op="connect", name="websocket", count=now - before, response=sparse(times))
            )
        interval = Interval(
            t_s=float(second),
            duration_s=1.0,
            stage=0 if second <= ramp_s else 1,
            connections=Connections(open=now, users=now, attempted=now - before, established=now - before),
            user_classes=[UserClass("Echo", users=now, started=now - before, begun=now, sent=now)],
            operations=operations,
            delivery=Delivery(),
            bytes=Bytes(
                payload_in=moved * 9 // 10, payload_out=moved * 9 // 10, wire_in=moved, wire_out=moved
            ),
            generator=[
                WorkerHealth(
                    worker=0,
                    cpu_cores=generator_cpu,
                    rss_bytes=80 * MB,
                    loop_lag_s=loop_lag_s,
                    schedule_lag_s=0.0005,
                    files_open=20 + now,
                    files_limit=100_000,
                )
            ],
            servers={
                "server": ServerUse(
                    cpu_cores=mean * cpu_per_connection,
                    rss_bytes=rss_base + now * rss_per_connection,
                    files_open=15 + now,
                    processes=1,
                )
            }
            if server
            else {},
        )
        intervals.append(change(interval))
        before = now
    return Run(
        path=Path(name) / "run.jsonl",
        header=Header(
            version=VERSION,
            run=name,
            started_at="2026-01-01T00:00:00Z",
            siotool="0.1.0",
            libraries={"locust": "2.46.2"},
            generators=[GeneratorMachine("localhost", 1, "Linux", 8, 16_000 * MB, "3.12.1", 0.0)],
            target=Target(url=url),
            workload=Workload(
                scenario=scenario,
                settings={"rate": 1.0},
                stages=[Stage(duration_s=float(seconds), users=users) for seconds in (ramp_s, hold_s)],
                processes=1,
                seed=7,
            ),
            bytes_source="the kernel's TCP_INFO counters",
            servers=[server] if server else [],
        ),
        intervals=intervals,
        notes=notes or [],
        end=End(t_s=float(ramp_s + hold_s), reason="finished") if ended else None,
    )


def make_chat_run() -> Run:
    """A bad day: a saturated generator, lost messages, errors, and a name full of markup."""

    def change(interval: Interval) -> Interval:
        fanout = interval.connections.open**2 // 50
        lost = fanout // 100 if interval.t_s > 20 else 0
        stalled = 18 <= interval.t_s < 21
        times = np.linspace(0.005, 1.5 if stalled else 0.05, max(1, fanout - lost))
        deliver = Operation(
            op="deliver",
            name="chat <b>message</b> | [x] \x1b[31m",
            count=fanout - lost,
            response=sparse(times[: fanout - lost]),
        )
        publish = Operation(
            op="ack",
            name="join",
            count=interval.connections.open,
            errors={"timeout": 3} if stalled else {},
            response=sparse(np.full(interval.connections.open, 0.03)),
            service=sparse(np.full(interval.connections.open, 0.02)),
        )
        other = [operation for operation in interval.operations if operation.op == "connect"]
        connections = msgspec.structs.replace(
            interval.connections,
            attempted=interval.connections.attempted + (2 if interval.t_s in (5, 25) else 0),
            established=interval.connections.established + (2 if interval.t_s == 25 else 0),
            failed={"refused": 1, "timeout": 1} if interval.t_s == 5 else {},
            closed={"ping_timeout": 2} if interval.t_s == 25 else {},
        )
        return msgspec.structs.replace(
            interval,
            connections=connections,
            operations=[*other, publish, deliver],
            delivery=Delivery(
                published=fanout // 50,
                expected=fanout,
                received=fanout - lost,
                lost=lost,
                duplicate=1 if stalled else 0,
                misdelivered=int(stalled),
                pending=12,
            ),
            audiences=[
                AudienceDeliveries(
                    to="all",
                    size=50,
                    messages=fanout // 50,
                    expected=fanout,
                    received=fanout - lost,
                    lost=lost,
                    duplicate=int(stalled),
                    misdelivered=int(stalled),
                    first=sparse(np.full(fanout // 50, 0.005)),
                    median=sparse(np.full(fanout // 50, 0.010)),
                    last=sparse(np.full(fanout // 50, 0.025)),
                    spread=sparse(np.full(fanout // 50, 0.020)),
                ),
                AudienceDeliveries(to="room", size=20, messages=2, expected=24, received=24),
            ],
            by_node=DeliveriesByNode(
                2,
                NodeDeliveries(fanout // 2, fanout // 2, 0, sparse(times[: fanout // 2])),
                NodeDeliveries(
                    fanout - fanout // 2,
                    fanout - fanout // 2 - lost,
                    lost,
                    sparse(times[fanout // 2 : fanout - lost]),
                ),
            ),
        )

    return make_run(
        name="20260102T000000Z-chat",
        scenario="chat",
        server=None,
        generator_cpu=0.97,
        loop_lag_s=0.15,
        change=change,
        notes=[
            Note(t_s=18.0, level="doubt", text="worker 1 stopped answering"),
            Note(t_s=19.0, level="warning", text="the target closed 2 connections"),
        ],
    )


#: The article's example, by the keys of a plan.
ARTICLE = {
    "workload.connections": "1M",
    "workload.consumption_rate": "2KB/s",
    "goals.downtime": "0.5h",
    "server.capacity": "100MB/s",
    "server.utilization": "70%",
}


def reported(
    runs: Run | list[Run], planned: Mapping[str, str] | None = None, gates: Sequence[Gate] = (), **more: Any
) -> Report:
    """The report of runs as the command makes it; ``planned`` by the keys of a plan."""
    typed = compose.from_flags({key: (key, text) for key, text in (planned or {}).items()})
    intent, several = Intent(typed), runs if isinstance(runs, list) else [runs]
    return summarize(several, intent.planned, gates, counts=Counting(several, intent), **more)


@pytest.fixture(name="reported", scope="session")
def _reported() -> Callable[..., Report]:
    return reported


@pytest.fixture(name="sparse", scope="session")
def _sparse() -> Callable[[Any], Sparse]:
    return sparse


@pytest.fixture(name="article", scope="session")
def _article() -> dict[str, str]:
    return ARTICLE


def make_cut_run() -> Run:
    """A run whose file stops in the middle of the ramp."""
    run = make_run(name="20260103T000000Z-echo", ramp_s=10, hold_s=0, ended=False)
    run.truncated_line = True
    return run


def to_jsonl(run: Run) -> str:
    """The run as its file would hold it."""
    lines: list[Any] = [run.header, *sorted([*run.intervals, *run.notes], key=lambda line: line.t_s)]
    if run.end:
        lines.append(run.end)
    text = "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)
    return text + ('{"kind":"interval","t_s":' if run.truncated_line else "")


@pytest.fixture(name="make_run", scope="session")
def _make_run() -> Callable[..., Run]:
    return make_run


@pytest.fixture(scope="session")
def fabricated() -> dict[str, Run]:
    """The three runs of the golden files, by name."""
    return {"echo": make_run(), "chat": make_chat_run(), "cut": make_cut_run()}


@pytest.fixture(name="to_jsonl")
def _to_jsonl() -> Callable[[Run], str]:
    return to_jsonl


Keys = Mapping[str, str]
Kinds = Mapping[str, Keys]


def plan_text(keys: Keys, messages: Kinds | None = None) -> str:
    """A plan file with these keys (``server.memory``), and these keys of each kind of message."""
    lines = []
    for section in dict.fromkeys(key.partition(".")[0] for key in keys):
        lines.append(f"[{section}]")
        lines += [
            f"{k.partition('.')[2]} = '{text}'" for k, text in keys.items() if k.startswith(f"{section}.")
        ]
    for name, figures in (messages or {}).items():
        lines.append(f"[workload.messages.{name}]")
        lines += [f"{key} = {_toml(text)}" for key, text in figures.items()]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return text if text in ("true", "false") else f"'{text}'"


def plan_inputs(keys: Keys, messages: Kinds | None = None) -> Inputs:
    """What a plan file with these keys makes, defaults and published costs filled in."""
    # flags in a plan file are no strings
    text = plan_text(keys, messages).replace("'true'", "true").replace("'false'", "false")
    return compose.complete(planfile.decode(text, "plan.toml"))


def both_ways(
    constraint: Constraint,
    keys: Keys,
    messages: Kinds | None = None,
    *,
    servers: float = 0.0,
    rel: float = 1e-11,
) -> Limit | None:
    """A constraint's limit for single figures, after it was found equal draw by draw for arrays.

    The draws move every figure that may be a range on its own, between half and twice what it is.
    """
    inputs = plan_inputs(keys, messages)
    values = middles(inputs)
    single = constraint.limit(msgspec.structs.replace(world(inputs, values), servers=servers))
    random, count = np.random.default_rng(1), 25
    drawn = {}
    for key, value in values.items():
        field = field_of(key)
        low = np.nextafter(field.low, np.inf) if field.above else field.low
        spread = np.clip(value * random.uniform(0.5, 2, count), low, field.high)
        drawn[key] = value if field.fixed else spread
    together = constraint.limit(msgspec.structs.replace(world(inputs, drawn), servers=servers))
    assert (single is None) == (together is None)
    if single is None or together is None:
        return None
    for i in range(count):
        at = {key: float(value[i]) if np.ndim(value) else value for key, value in drawn.items()}
        alone = constraint.limit(msgspec.structs.replace(world(inputs, at), servers=servers))
        assert alone is not None
        for name in ("demand", "capacity_per_server", "servers"):
            all_of_them = np.broadcast_to(np.asarray(getattr(together, name), dtype=float), (count,))
            assert not np.isnan(all_of_them).any()
            assert all_of_them[i] == pytest.approx(getattr(alone, name), rel=rel), (name, i)
    return single


@pytest.fixture(name="both_ways")
def _both_ways() -> Callable[..., Limit | None]:
    return both_ways


@pytest.fixture(name="plan_inputs", scope="session")
def _plan_inputs() -> Callable[..., Inputs]:
    return plan_inputs
