"""The sizing table: the formula's variables planned and measured, and the servers they make.

The planner counts the servers, with one function for planned and for measured figures. Here its
answers are joined with what was measured; a run that is no evidence gives none.
"""

from collections.abc import Sequence
from types import MappingProxyType

import msgspec

from siotool.report.capacity_estimate import CapacityEstimate
from siotool.report.capacity_figures import CapacityFigures
from siotool.report.contents import Bandwidth, ConnectionFigures, Steady, format_cores
from siotool.report.disagreements import Context, disagreements
from siotool.report.downtime import measure_downtime
from siotool.report.next_test import ShownSoFar, next_test
from siotool.report.outage_figures import OutageFigures
from siotool.report.planned import Planned
from siotool.report.server_figures import ServerFigures
from siotool.report.sizing_figures import Answer, Counts, Sizing, Variable
from siotool.runfile import Header
from siotool.runs.blocks import mean_interval
from siotool.runs.capacity import straight_line
from siotool.runs.seconds import Seconds
from siotool.searched import FAILED_IN_ONE, GENERATOR, TIME, UNSAMPLED
from siotool.units import format_byte_rate, format_share

#: What of a server was in use.
_BUSY = MappingProxyType(
    {
        "event loop": "share of its event loops' time",
        "cpu": "CPU share of the server",
        None: "share of the server",
    }
)


class MeasuredParts(msgspec.Struct, frozen=True):
    """What was measured of the formula's variables, by the parts of a report; ``seconds`` are the runs'."""

    connections: ConnectionFigures
    bandwidth: Bandwidth
    server: ServerFigures | None
    steady: Steady
    seconds: Seconds
    outages: Sequence[OutageFigures]
    capacity: CapacityFigures | None


def size(planned: Planned, counts: Counts, seen: MeasuredParts, header: Header, overload: str) -> Sizing:
    """Join planned and measured figures with the servers they make.

    ``overload`` says why the run shows no capacity; empty when it does. A search that found one has gone
    beyond it on purpose. ``header`` is that of a run, for the next one.
    """
    found = counts.capacity
    by_search = found is not None and found.source == "search"
    overload = "" if by_search else overload
    measured = None if overload else counts.measured
    answers = [answer for answer in (counts.planned, measured) if answer is not None]
    # of equal counts, the measured one
    larger = max(answers, key=lambda one: (_count(one), one is measured), default=None)
    elsewhere = seen.server.elsewhere if seen.server and not by_search else ""
    unknown = seen.capacity.servers_how if seen.capacity and seen.capacity.servers is None else ""
    of_load = sum(not one.beside for one in header.servers)
    capacity = overload or elsewhere or found or unknown or by_line(seen.server, of_load)
    variables = _variables(planned, seen, capacity)
    estimate = capacity if isinstance(capacity, CapacityEstimate) else None
    context = Context(
        planned_by=counts.planned_by,
        capacity=estimate.source if estimate else None,
        cpu_share=seen.server.share_of_limit_mean if seen.server else None,
        planned_bytes=counts.planned_bytes,
        run_bytes=counts.run_bytes,
    )
    return Sizing(
        variables=variables,
        document_planned=counts.planned.document if counts.planned else None,
        document_planned_exact=counts.planned.document_exact if counts.planned else None,
        document_measured=measured.document if measured else None,
        document_measured_exact=measured.document_exact if measured else None,
        servers_planned=counts.planned.servers if counts.planned else None,
        servers_measured=measured.servers if measured else None,
        servers_measured_how=overload or (measured.remedy if measured else "") or counts.how,
        servers_needed=larger.servers if larger else None,
        bound=measured.bound if measured else "",
        server=larger.server if larger else "",
        constraints=[constraint for answer in answers for constraint in answer.constraints],
        binding=larger.binding if larger else None,
        stages=[stage for answer in answers for stage in answer.stages],
        capacity=estimate,
        costs=[] if overload or elsewhere else counts.costs,
        disagreements=disagreements(variables, context),
        next_test=next_test(header, _known(seen, measured, by_search=by_search, overloaded=bool(overload))),
    )


def _known(seen: MeasuredParts, measured: Answer | None, *, by_search: bool, overloaded: bool) -> ShownSoFar:
    """What the next test is chosen by."""
    search, last = seen.capacity, measured.stages[-1] if measured and measured.stages else None
    between = (last.low, last.high) if last and last.low is not None and last.high is not None else None
    return ShownSoFar(
        searched=by_search,
        at_least=search is not None and search.at_least and search.why != FAILED_IN_ONE,
        by_generator=search is not None and search.limited_by == GENERATOR,
        unsampled=search is not None and search.limited_by == UNSAMPLED,
        out_of_time=search is not None and search.limited_by == TIME,
        low=0.0 if search is None else search.low,
        overloaded=overloaded,
        peak=seen.connections.peak or 0,
        count=between,
    )


def _count(answer: Answer) -> float:
    return float("inf") if answer.servers is None else answer.servers


def _variables(planned: Planned, seen: MeasuredParts, capacity: CapacityEstimate | str) -> list[Variable]:
    held, server = seen.seconds.only(seen.seconds.held), seen.server
    bandwidth = seen.bandwidth
    rate = _sum(bandwidth.per_connection_in_bytes_per_s, bandwidth.per_connection_out_bytes_per_s)
    share = server.share_of_limit_mean if server else None
    used = mean_interval(held, "server_limit_share")
    rate_low, rate_high = _interval(rate, mean_interval(held, "bytes_per_s", "connections"))
    used_low, used_high = _interval(share, used)
    downtime = measure_downtime(seen.outages, seen.seconds, planned.workday_s)
    estimate = capacity if isinstance(capacity, CapacityEstimate) else None
    return [
        Variable(
            "connections",
            planned.connections,
            seen.connections.peak,
            None,
            None,
            "connections",
            "largest number open at once: a count",
        ),
        Variable(
            "consumption_rate",
            planned.consumption_rate_bytes_per_s,
            rate,
            rate_low,
            rate_high,
            "bytes_per_s",
            f"wire bytes in and out per open connection and second, over {seen.steady.how}"
            if rate is not None
            else "no open connection to measure",
        ),
        Variable(
            "downtime",
            planned.downtime_s,
            downtime.seconds,
            downtime.low,
            downtime.high,
            "s",
            downtime.how,
        ),
        Variable("workday", planned.workday_s, None, None, None, "s", "a load test cannot measure it"),
        Variable(
            "capacity",
            planned.capacity_bytes_per_s,
            estimate.bytes_per_s if estimate else None,
            estimate.low if estimate else None,
            estimate.high if estimate else None,
            "bytes_per_s",
            estimate.how if estimate else str(capacity),
        ),
        Variable(
            "utilization",
            planned.utilization,
            share,
            used_low,
            used_high,
            "share",
            f"{_BUSY[server.limit]} in the hold phase, of {format_cores(server.cores)}"
            if server and share is not None
            else "server not sampled",
        ),
    ]


def _interval(
    value: float | None, found: tuple[float, float] | None
) -> tuple[float, float] | tuple[None, None]:
    """The bounds of a figure that cannot be below 0; none where it is not known."""
    return (max(found[0], 0.0), found[1]) if value is not None and found is not None else (None, None)


def _sum(a: float | None, b: float | None) -> float | None:
    return a + b if a is not None and b is not None else None


def by_line(server: ServerFigures | None, servers: int) -> CapacityEstimate | str:
    """The straight line through the CPU that a run took of so many servers; or why there is none.

    ``server`` are all of them together; the capacity is that of one.
    """
    if server is None:
        return "server not sampled"
    if server.elsewhere:
        return server.elsewhere
    share = server.share_of_limit_mean
    if server.wire_bytes_per_s is None or share is None:
        return "no sample of the server in the hold phase"
    cores = server.cores / max(1, servers)
    capacity = straight_line(server.wire_bytes_per_s, share * server.cores, cores)
    if isinstance(capacity, str):
        return capacity
    busy = "CPU" if server.limit == "cpu" else "event-loop time"
    return CapacityEstimate(
        capacity,
        None,
        None,
        "line",
        f"by a straight line, the weakest way: {format_byte_rate(server.wire_bytes_per_s)} on the wire, "
        f"extrapolated linearly from {format_share(share)} {busy} to {format_cores(cores)}: for "
        "messages like these; the network's limit is not in it",
    )
