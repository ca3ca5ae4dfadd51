"""The sizing table: the formula's variables planned and measured, and the servers they make.

Capacity per server is extrapolated: what the server carried in the hold phase, times its
cores, divided by the cores it used. That is a straight line through the origin. It holds as
long as nothing but CPU limits the server and the cost of a byte does not grow with load.
"""

import math

import msgspec

from siotool.formula import Figures, servers_exact, whole_servers
from siotool.report.model import (
    Bandwidth,
    ConnectionFigures,
    Constraint,
    Resource,
    ServerFigures,
    Sizing,
    Steady,
    Variable,
    format_cores,
)
from siotool.report.planned import DEFAULT_DOWNTIME_S, DEFAULT_UTILIZATION, DEFAULT_WORKDAY_S, Planned
from siotool.units import format_byte_rate, format_share

#: A capacity extrapolated from less CPU than this deserves a remark.
LITTLE_CPU = 0.2
#: Below this much CPU there is nothing to extrapolate from.
LEAST_CPU_CORES = 0.001


class Sized(msgspec.Struct, frozen=True):
    """The table, and what is to be said about how it came about."""

    sizing: Sizing
    remarks: list[str]


def size(
    planned: Planned,
    connections: ConnectionFigures,
    bandwidth: Bandwidth,
    server: ServerFigures | None,
    steady: Steady,
) -> Sized:
    """Join planned and measured figures into servers."""
    rate = _sum(bandwidth.per_connection_in_bytes_per_s, bandwidth.per_connection_out_bytes_per_s)
    capacity, capacity_how = _capacity(server)
    variables = [
        Variable(
            name="connections",
            planned=planned.connections,
            measured=connections.peak,
            unit="connections",
            how="largest number open at once",
        ),
        Variable(
            name="consumption_rate",
            planned=planned.consumption_rate_bytes_per_s,
            measured=rate,
            unit="bytes_per_s",
            how=f"wire bytes in and out per open connection and second, over {steady.how}"
            if rate is not None
            else "no open connection to measure",
        ),
        _not_measured("downtime", planned.downtime_s),
        _not_measured("workday", planned.workday_s),
        Variable(
            name="capacity",
            planned=planned.capacity_bytes_per_s,
            measured=capacity,
            unit="bytes_per_s",
            how=capacity_how,
        ),
        Variable(
            name="utilization",
            planned=planned.utilization,
            measured=server.cpu_share_mean if server else None,
            unit="share",
            how=f"CPU share of the server in the hold phase, of {format_cores(server.cores)}"
            if server and server.cpu_share_mean is not None
            else "server not sampled",
        ),
    ]
    measured, how, assumed = _measured_figures(planned, connections, rate, capacity)
    constraints, full = _constraints(planned, measured, capacity, connections.peak, server, steady)
    binding = max(constraints, key=lambda constraint: constraint.servers, default=None)
    planned_figures = planned.figures()
    planned_exact = servers_exact(planned_figures) if planned_figures else None
    measured_exact = servers_exact(measured) if measured else None
    sizing = Sizing(
        variables=variables,
        servers_planned=whole_servers(planned_exact) if planned_exact is not None else None,
        servers_planned_exact=planned_exact,
        servers_measured=whole_servers(measured_exact) if measured_exact is not None else None,
        servers_measured_exact=measured_exact,
        servers_measured_how=how,
        constraints=constraints,
        binding=binding.name if binding else None,
        servers_needed=whole_servers(binding.servers) if binding else None,
    )
    return Sized(sizing=sizing, remarks=assumed + full + _weak_capacity(capacity, server))


def _sum(a: float | None, b: float | None) -> float | None:
    return a + b if a is not None and b is not None else None


def _not_measured(name: str, planned: float | None) -> Variable:
    return Variable(name=name, planned=planned, measured=None, unit="s", how="a load test cannot measure it")


def _capacity(server: ServerFigures | None) -> tuple[float | None, str]:
    if server is None:
        return None, "server not sampled"
    if server.wire_bytes_per_s is None or server.cpu_cores_mean is None or server.cpu_share_mean is None:
        return None, "no sample of the server in the hold phase"
    if server.cpu_cores_mean < LEAST_CPU_CORES or server.wire_bytes_per_s <= 0:
        return None, "the server did nothing to extrapolate from"
    capacity = server.wire_bytes_per_s * server.cores / server.cpu_cores_mean
    return capacity, (
        f"{format_byte_rate(server.wire_bytes_per_s)} on the wire, extrapolated linearly from "
        f"{format_share(server.cpu_share_mean)} CPU to {format_cores(server.cores)}"
    )


def _weak_capacity(capacity: float | None, server: ServerFigures | None) -> list[str]:
    if capacity is None or server is None or server.cpu_share_mean is None:
        return []
    if server.cpu_share_mean >= LITTLE_CPU:
        return []
    return [
        f"capacity is extrapolated from {format_share(server.cpu_share_mean)} CPU only: "
        "a run at a higher load says more"
    ]


def _measured_figures(
    planned: Planned, connections: ConnectionFigures, rate: float | None, capacity: float | None
) -> tuple[Figures | None, str, list[str]]:
    """Figures for the formula: measured rate and capacity, planned rest, and what was assumed."""
    wanted = planned.connections if planned.connections is not None else connections.peak
    capacity_used = capacity if capacity is not None else planned.capacity_bytes_per_s
    missing = [
        what
        for what, value in (
            ("connections", wanted),
            ("consumption rate", rate),
            ("capacity (sample the server with --server-pid, or give --capacity)", capacity_used),
        )
        if value is None
    ]
    if wanted is None or rate is None or capacity_used is None:
        return None, f"no {' and no '.join(missing)}", []
    assumed = [
        text
        for value, text in (
            (planned.connections, f"connections {wanted:,.0f}, the measured peak"),
            (planned.downtime_s, "no downtime"),
            (planned.workday_s, "a workday of 24 h"),
            (planned.utilization, f"utilization {format_share(DEFAULT_UTILIZATION)}"),
        )
        if value is None
    ]
    figures = Figures(
        **(
            {
                "downtime_s": DEFAULT_DOWNTIME_S,
                "workday_s": DEFAULT_WORKDAY_S,
                "utilization": DEFAULT_UTILIZATION,
            }
            | planned.known()
            | {
                "connections": wanted,
                "consumption_rate_bytes_per_s": rate,
                "capacity_bytes_per_s": capacity_used,
            }
        )
    )
    how = "the formula with the measured consumption rate and the " + (
        "measured capacity" if capacity is not None else "planned capacity, as none was measured"
    )
    remark = f"servers from measurement assume, as nothing was planned: {', '.join(assumed)}"
    return figures, how, [remark] if assumed else []


def _constraints(
    planned: Planned,
    measured: Figures | None,
    capacity: float | None,
    peak: int | None,
    server: ServerFigures | None,
    steady: Steady,
) -> tuple[list[Constraint], list[str]]:
    """Each resource of a server on its own; without the formula's downtime, which they do not know."""
    wanted = planned.connections if planned.connections is not None else peak
    if wanted is None:
        return [], []
    share = planned.utilization if planned.utilization is not None else DEFAULT_UTILIZATION
    found: list[Constraint] = []
    if capacity is None and measured is not None:
        demand, usable = measured.demand_bytes_per_s, measured.usable_bytes_per_s
        how = "measured consumption rate, planned capacity"
        found.append(_constraint("bandwidth", demand, usable, "bytes_per_s", how))
    if server is not None:
        if server.cpu_cores_mean and steady.connections_mean:
            demand = wanted * server.cpu_cores_mean / steady.connections_mean
            how = "mean CPU of the hold phase divided by its connections, extrapolated linearly"
            found.append(_constraint("cpu", demand, server.cores * share, "cores", how))
        if server.memory_bytes and server.rss_bytes_per_connection:
            demand = wanted * server.rss_bytes_per_connection
            usable = server.memory_bytes * share - (server.rss_bytes_base or 0.0)
            found.append(_constraint("memory", demand, usable, "bytes", server.rss_how))
        if server.files_limit and server.files_per_connection:
            demand = wanted * server.files_per_connection
            usable = server.files_limit * share - (server.files_base or 0.0)
            found.append(_constraint("open files", demand, usable, "files", server.files_how))
    full = [
        f"no number of servers gives enough {constraint.name}: an idle server alone uses more than "
        f"{format_share(share)} of it"
        for constraint in found
        if constraint.capacity_per_server <= 0
    ]
    return [constraint for constraint in found if constraint.capacity_per_server > 0], full


def _constraint(name: Resource, demand: float, capacity: float, unit: str, how: str) -> Constraint:
    return Constraint(
        name=name,
        demand=demand,
        capacity_per_server=capacity,
        unit=unit,
        servers=demand / capacity if capacity > 0 else math.inf,
        how=how,
    )
