"""Fleets with an adapter that are made up: what they do, what it costs, who receives a publish is known."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from numpy.random import PCG64, Generator

from siotool.calibration.adapter_design import USERS, adapter_phases
from siotool.calibration.phase import Phase, Timetable
from siotool.plan.adapters.laws import Adapter
from siotool.plan.evidence.adapter_fit import TERMS, Side
from siotool.plan.evidence.fleet_phases import FleetPhase, Work, expected_work, law_share
from siotool.runfile import (
    Bytes,
    Connections,
    Delivery,
    End,
    Interval,
    MeasuredServer,
    Operation,
    Run,
    ServerUse,
    UserClass,
    WorkerHealth,
)
from tests.unit.synthetic_server import made_run

#: CPU seconds, and cores at rest.
SERVER = {
    "base": 0.004, "delivery": 12e-6, "inbound": 60e-6, "receive": 25e-6, "publish": 70e-6, "byte": 0.4e-9,
    "adapter_byte": 3e-9, "encode": 8e-6, "turn": 80e-6,
}  # fmt: skip
BACKEND = {
    "base": 0.002, "receiver": 6e-6, "message": 20e-6, "byte": 0.5e-9, "turn": 60e-6,
    "turn_for_others": 400e-6,
}  # fmt: skip
#: Turns per second that a loop makes at most.
TURNS = 200.0


def cores_of(side: Side, costs: dict[str, float], work: Work) -> float:
    """CPU that a piece of work takes."""
    return sum(costs[term.name] * term.of(work, TURNS) for term in TERMS[side])


def fleet_of(
    adapter: Adapter,
    nodes: Sequence[int],
    *,
    heard: Adapter | None = None,
    noise: float = 0.0,
    machine_share: float = 0.3,
) -> list[FleetPhase]:
    """All phases of fleets of so many servers. ``heard`` is the adapter that they really have."""
    heard = heard or adapter
    chance = Generator(PCG64(1))
    found = []
    for servers in nodes:
        phases = [one for number in range(2) for one in adapter_phases(2400.0, number, lambda work: None)]
        for phase in phases:
            if phase.pilot:
                continue
            done = _done(adapter, servers, phase)
            published = done.published_per_s
            seen = msgspec.structs.replace(
                done,
                given_per_s=published if heard.law != "nobody" else 0.0,
                machine_share=machine_share,
            )
            work = expected_work(heard, seen)
            off = 1 + noise * float(chance.normal())
            behind = cores_of("backend", BACKEND, work) * off if heard.law != "nobody" else None
            found.append(
                msgspec.structs.replace(
                    seen,
                    received_per_s=(published * law_share(heard, seen),) * servers,
                    delivered_per_s=work.delivered * servers,
                    cores=cores_of("server", SERVER, work) * servers * off,
                    backend_cores=behind,
                )
            )
    return found


def run_of_fleet(adapter: Adapter, servers: int, phases: Sequence[Phase], *, counts: bool = True) -> Run:
    """The run of one fleet; without ``counts`` its servers do not say what passes through their adapters."""
    table, behind = Timetable(phases), adapter.law != "nobody"
    names = [f"server-{number}" for number in range(1, servers + 1)]
    lines = []
    for second in range(int(table.starts[-1])):
        phase = table.at(second + 0.5)
        one = msgspec.structs.replace(_done(adapter, servers, phase), seconds=1.0)
        own = expected_work(adapter, one)
        use = ServerUse(
            cpu_cores=cores_of("server", SERVER, own),
            rss_bytes=60_000_000,
            processes=1,
            adapter_published_per_s=own.published if counts else None,
            adapter_received_per_s=own.received if counts else None,
        )
        uses = dict.fromkeys(names, use)
        if behind:
            uses["redis"] = ServerUse(cpu_cores=cores_of("backend", BACKEND, own), beside=True)
        lines.append(
            Interval(
                t_s=second + 1.0,
                duration_s=1.0,
                stage=0,
                connections=Connections(open=USERS, users=USERS),
                operations=[Operation("deliver", "say", round(own.delivered * servers))],
                delivery=Delivery(published=round(one.published_per_s)),
                bytes=Bytes(wire_in=round(own.bytes), wire_out=round(own.bytes)),
                generator=[WorkerHealth(0, 0.2, 1, 0.0, 0.0, 1, 1000)],
                servers=uses,
                user_classes=[UserClass("Calibration", sent=round(one.inbound_per_s))],
            )
        )
    header = msgspec.structs.replace(
        made_run(phases[:1]).header,
        run=f"made-{servers}",
        servers=[MeasuredServer(name, [1], "pid 1", 1.0, 8 << 30) for name in names]
        + ([MeasuredServer("redis", [2], "pid 2", 1.0, beside=True)] if behind else []),
    )
    return Run(Path("made/run.jsonl"), header, lines, [], End(len(lines), "finished", intervals=len(lines)))


def _done(adapter: Adapter, servers: int, phase: Phase) -> FleetPhase:
    turns = phase.rate * phase.users if phase.kind != "idle" else 0.0
    return FleetPhase(
        servers=servers,
        kind=phase.kind,
        size=phase.size,
        audience={"room": phase.room_size, "all": USERS}.get(phase.kind, 0),
        users=USERS,
        seconds=2.0,
        inbound_per_s=turns,
        published_per_s=turns if phase.kind in ("room", "all") else 0.0,
        delivered_per_s=0.0,
        given_per_s=0.0,
        received_per_s=(0.0,) * servers,
        cores=0.0,
        backend_cores=None,
        machine_share=0.3,
    )
