"""The sizing table: the formula's variables planned and measured, and the servers they make.

The planner counts the servers, with one function for planned and for measured figures. Here its
answers are joined with what was measured; a run that is no evidence gives none.
"""

from siotool.report.contents import Bandwidth, ConnectionFigures, Steady, format_cores
from siotool.report.planned import Planned
from siotool.report.server_figures import ServerFigures
from siotool.report.sizing_figures import Answer, Counts, Sizing, Variable
from siotool.runs.capacity import straight_line
from siotool.units import format_byte_rate, format_share


def size(
    planned: Planned,
    counts: Counts,
    connections: ConnectionFigures,
    bandwidth: Bandwidth,
    server: ServerFigures | None,
    steady: Steady,
    overload: str,
) -> Sizing:
    """Join planned and measured figures with the servers they make.

    ``overload`` says why the run shows no capacity; empty when it does.
    """
    measured = None if overload else counts.measured
    answers = [answer for answer in (counts.planned, measured) if answer is not None]
    # of equal counts, the measured one
    larger = max(answers, key=lambda one: (_count(one), one is measured), default=None)
    return Sizing(
        variables=_variables(planned, connections, bandwidth, server, steady),
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
) -> list[Variable]:
    rate = _sum(bandwidth.per_connection_in_bytes_per_s, bandwidth.per_connection_out_bytes_per_s)
    capacity, capacity_how = _capacity(server)
    return [
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


def _sum(a: float | None, b: float | None) -> float | None:
    return a + b if a is not None and b is not None else None


def _not_measured(name: str, planned: float | None) -> Variable:
    return Variable(name=name, planned=planned, measured=None, unit="s", how="a load test cannot measure it")


def _capacity(server: ServerFigures | None) -> tuple[float | None, str]:
    """The formula's capacity, and how it was found or why it was not."""
    if server is None:
        return None, "server not sampled"
    if server.elsewhere:
        return None, server.elsewhere
    share = server.share_of_limit_mean
    if server.wire_bytes_per_s is None or share is None:
        return None, "no sample of the server in the hold phase"
    capacity = straight_line(server.wire_bytes_per_s, share * server.cores, server.cores)
    if isinstance(capacity, str):
        return None, capacity
    return capacity, (
        f"{format_byte_rate(server.wire_bytes_per_s)} on the wire, extrapolated linearly from "
        f"{format_share(share)} {'CPU' if server.limit == 'cpu' else 'event-loop time'} to "
        f"{format_cores(server.cores)}: for messages like these; the network's limit is not in it"
    )
