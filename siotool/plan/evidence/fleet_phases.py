"""What the runs of a measured adapter show: the phases of each fleet, and the work that the law says.

A fleet's work is spread evenly over its servers: users go to them in turn, rooms are dealt at random. So
what one server does is the fleet's share, and what it receives from the adapter is what it counted.
"""

from collections.abc import Sequence
from math import inf

import msgspec

from siotool.calibration.phase import Kind, Phase, Timetable
from siotool.errors import InputError
from siotool.measured_servers import ServerUse
from siotool.plan.adapters.laws import Adapter, hosting_share, received_share
from siotool.plan.evidence.holds import HeldPhase, holds_of
from siotool.runfile import Interval, Pace, Run

#: Clocks of the timetable and of the seconds agree within this, in seconds.
_WITHIN_S = 0.1


class FleetPhase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of a fleet that had settled; rates are per second, of all servers together.

    ``size`` is in bytes of text, ``audience`` how many a publish is for (0: nobody). ``given_per_s`` are the
    messages that servers gave to their adapters, ``received_per_s`` those that each server received from
    there. ``cores`` is the CPU of all servers, ``backend_cores`` of what joins them, None where nothing does;
    both at the machine's pace (``siotool.plan.evidence.holds``). ``machine_share`` is the share of the
    machine's CPUs that fleet and generator took.
    """

    servers: int
    kind: Kind
    size: int
    audience: int
    users: int
    seconds: float
    inbound_per_s: float
    published_per_s: float
    delivered_per_s: float
    given_per_s: float
    received_per_s: tuple[float, ...]
    cores: float
    backend_cores: float | None
    machine_share: float


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What one of so many servers does per second, and what the backend does, in the units of the costs."""

    servers: int
    inbound: float
    published: float
    received: float
    hosted: float
    delivered: float
    bytes: float
    adapter_bytes: float
    backend_published: float
    backend_received: float
    backend_bytes: float


def fleet_words(servers: int) -> str:
    """A fleet by its size: ``1 server``."""
    return f"{servers} server{'' if servers == 1 else 's'}"


def fleet_phases(run: Run, phases: Sequence[Phase], usual: Pace | None) -> list[FleetPhase]:
    """Return the phases of one fleet's run that show something; ``usual`` is the pace of all runs.

    Raises InputError where the servers did not count what they receive.
    """
    timetable = Timetable(phases)
    found = []
    for hold in holds_of(run, phases, usual):
        if hold.phase.pilot:
            continue
        begin = timetable.starts[hold.number] + hold.phase.settle_s
        end = timetable.starts[hold.number + 1]
        rows = [
            one
            for one in run.intervals
            if one.t_s - one.duration_s >= begin - _WITHIN_S and one.t_s <= end + _WITHIN_S
        ]
        found.append(_phase(run, hold, rows))
    if not found:
        raise InputError(f"{run.path}: no phase was seen to its end", "measure again")
    return found


def _phase(run: Run, hold: HeldPhase, rows: Sequence[Interval]) -> FleetPhase:
    phase, seconds = hold.phase, sum(row.duration_s for row in rows)
    servers = [server.name for server in run.header.servers if not server.beside]
    beside = [server.name for server in run.header.servers if server.beside]

    def mean(name: str, field: str) -> float:
        total = weight = 0.0
        for row in rows:
            value = getattr(row.servers.get(name, ServerUse()), field)
            if value is not None:
                total, weight = total + value * row.duration_s, weight + row.duration_s
        if not weight:
            raise InputError(
                f"{run.path}: {name} shows no {field}",
                "only servers of a lab count it, and one that is full does not say it: give a lower --rate",
            )
        return total / weight

    behind = sum(mean(name, "cpu_cores") for name in beside)
    own = sum(mean(name, "cpu_cores") for name in servers)
    generator = sum(worker.cpu_cores * row.duration_s for row in rows for worker in row.generator) / seconds
    return FleetPhase(
        servers=len(servers),
        kind=phase.kind,
        size=phase.size,
        audience={"room": phase.room_size, "all": phase.users}.get(phase.kind, 0),
        users=phase.users,
        seconds=seconds,
        inbound_per_s=hold.load["inbound_per_s"],
        published_per_s=sum(row.delivery.published for row in rows) / seconds,
        delivered_per_s=hold.load["deliveries_per_s"],
        given_per_s=sum(mean(name, "adapter_published_per_s") for name in servers),
        received_per_s=tuple(mean(name, "adapter_received_per_s") for name in servers),
        cores=hold.cores / hold.pace,
        backend_cores=behind / hold.pace if beside else None,
        machine_share=(own + behind + generator) / run.header.generators[0].cpus,
    )


def law_share(adapter: Adapter, phase: FleetPhase) -> float:
    """Share of the servers that the adapter's law has receive a publish of this phase."""
    return received_share(adapter, _crowd(phase), float(phase.servers))


def seen_work(adapter: Adapter, phase: FleetPhase) -> Work:
    """The work of a phase as it was counted."""
    return _work(adapter, phase, sum(phase.received_per_s), phase.delivered_per_s)


def expected_work(adapter: Adapter, phase: FleetPhase) -> Work:
    """The work of a phase from what its users did alone: who receives it is the adapter's law."""
    received = phase.published_per_s * phase.servers * law_share(adapter, phase)
    reached = float(phase.audience)
    if adapter.law == "nobody" and phase.audience:
        # of the others, as many as are on the publisher's own server
        here = (phase.users / phase.servers - 1) / max(1, phase.users - 1)
        reached = 1 + (phase.audience - 1) * max(0.0, here)
    return _work(adapter, phase, received, phase.published_per_s * reached)


def _work(adapter: Adapter, phase: FleetPhase, received_per_s: float, delivered_per_s: float) -> Work:
    joined = adapter.law != "nobody"
    published = phase.published_per_s if joined else 0.0
    hosts = hosting_share(_crowd(phase), float(phase.servers)) if phase.audience else 0.0
    # without an adapter a publish stays where it is made
    hosted = phase.published_per_s * (hosts if joined else 1 / phase.servers)
    count, size = phase.servers, phase.size
    return Work(
        servers=count,
        inbound=phase.inbound_per_s / count,
        published=published / count,
        received=received_per_s / count,
        hosted=hosted,
        delivered=delivered_per_s / count,
        bytes=size * (phase.inbound_per_s + delivered_per_s) / count,
        adapter_bytes=size * (published + received_per_s) / count,
        backend_published=published,
        backend_received=received_per_s,
        backend_bytes=size * (published + received_per_s),
    )


def _crowd(phase: FleetPhase) -> float:
    return inf if phase.audience == phase.users else float(phase.audience)
