"""The sizing table: the formula's variables planned and measured, and the servers they make.

The planner counts the servers, with one function for planned and for measured figures. Here its
answers are joined with what was measured; a run that is no evidence gives none.
"""

from siotool.report.contents import Bandwidth, ConnectionFigures, ServerFigures, Steady, format_cores
from siotool.report.planned import Planned
from siotool.report.sizing_figures import Answer, Counts, Sizing, Variable
from siotool.runs.blocks import mean_interval
from siotool.runs.capacity import straight_line
from siotool.runs.seconds import Seconds
from siotool.units import format_byte_rate, format_share


def size(
    planned: Planned,
    counts: Counts,
    connections: ConnectionFigures,
    bandwidth: Bandwidth,
    server: ServerFigures | None,
    steady: Steady,
    seconds: Seconds,
    overload: str,
) -> Sizing:
    """Join planned and measured figures with the servers they make.

    ``seconds`` are those of the runs, over the held of which the other figures are means.
    ``overload`` says why the run shows no capacity; empty when it does.
    """
    measured = None if overload else counts.measured
    answers = [answer for answer in (counts.planned, measured) if answer is not None]
    # of equal counts, the measured one
    larger = max(answers, key=lambda one: (_count(one), one is measured), default=None)
    return Sizing(
        variables=_variables(planned, connections, bandwidth, server, steady, seconds.only(seconds.held)),
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
    )


def _count(answer: Answer) -> float:
    return float("inf") if answer.servers is None else answer.servers


def _variables(
    planned: Planned,
    connections: ConnectionFigures,
    bandwidth: Bandwidth,
    server: ServerFigures | None,
    steady: Steady,
    held: Seconds,
) -> list[Variable]:
    rate = _sum(bandwidth.per_connection_in_bytes_per_s, bandwidth.per_connection_out_bytes_per_s)
    rate_low, rate_high = _interval(rate, mean_interval(held, "bytes_per_s", "connections"))
    capacity, capacity_how = _capacity(server)
    share = server.cpu_share_mean if server else None
    used_low, used_high = _interval(share, mean_interval(held.only(held.sampled), "cpu_cores"))
    return [
        Variable(
            name="connections",
            planned=planned.connections,
            measured=connections.peak,
            low=None,
            high=None,
            unit="connections",
            how="largest number open at once: a count",
        ),
        Variable(
            name="consumption_rate",
            planned=planned.consumption_rate_bytes_per_s,
            measured=rate,
            low=rate_low,
            high=rate_high,
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
            low=None,
            high=None,
            unit="bytes_per_s",
            how=capacity_how,
        ),
        Variable(
            name="utilization",
            planned=planned.utilization,
            measured=share,
            low=used_low / server.cores if server and used_low is not None else None,
            high=used_high / server.cores if server and used_high is not None else None,
            unit="share",
            how=f"CPU share of the server in the hold phase, of {format_cores(server.cores)}"
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


def _not_measured(name: str, planned: float | None) -> Variable:
    return Variable(
        name=name,
        planned=planned,
        measured=None,
        low=None,
        high=None,
        unit="s",
        how="a load test cannot measure it",
    )


def _capacity(server: ServerFigures | None) -> tuple[float | None, str]:
    """The formula's capacity, and how it was found or why it was not."""
    if server is None:
        return None, "server not sampled"
    if server.wire_bytes_per_s is None or server.cpu_cores_mean is None or server.cpu_share_mean is None:
        return None, "no sample of the server in the hold phase"
    capacity = straight_line(server.wire_bytes_per_s, server.cpu_cores_mean, server.cores)
    if isinstance(capacity, str):
        return None, capacity
    return capacity, (
        f"{format_byte_rate(server.wire_bytes_per_s)} on the wire, extrapolated linearly from "
        f"{format_share(server.cpu_share_mean)} CPU to {format_cores(server.cores)}: "
        "for messages like these; the network's limit is not in it"
    )
