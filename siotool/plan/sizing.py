"""From planned figures to a fleet."""

import math

from siotool.errors import InputError
from siotool.formula import Figures, servers_exact, whole_servers
from siotool.plan.availability import MOST_SERVERS, servers_for
from siotool.plan.model import Constraint, Corrected, Document, Fleet, Inputs, Plan
from siotool.units import format_byte_rate, format_share


def size(figures: Figures, availability_target: float, provenance: str) -> Plan:
    """Size a fleet for ``figures``.

    ``availability_target`` is the probability with which enough servers are to be in
    service, 0 < target < 1. ``provenance`` says where the figures come from. Raises
    InputError when the target is out of range or the figures lead to an absurd fleet.
    """
    if not 0 < availability_target < 1:
        raise InputError(
            f"availability target is {availability_target:g}; expected more than 0 and less than 1 (100%)",
            "no fleet is always available; 99.9% is a common target",
        )
    bandwidth = _bandwidth(figures, provenance)
    needed = bandwidth.servers_p95
    corrected = _corrected(figures, needed, availability_target)
    exact = servers_exact(figures)
    document = Document(servers_exact=exact, servers=whole_servers(exact))
    return Plan(
        version=1,
        inputs=Inputs(
            connections=figures.connections,
            consumption_rate_bytes_per_s=figures.consumption_rate_bytes_per_s,
            downtime_s=figures.downtime_s,
            workday_s=figures.workday_s,
            capacity_bytes_per_s=figures.capacity_bytes_per_s,
            utilization=figures.utilization,
            availability_target=availability_target,
        ),
        document=document,
        corrected=corrected,
        constraints=[bandwidth],
        binding=bandwidth.name,
        servers=Fleet(p50=corrected.servers, p90=corrected.servers, p95=corrected.servers),
        warnings=_warnings(figures, document.servers, needed),
    )


def _bandwidth(figures: Figures, provenance: str) -> Constraint:
    """Typed figures have no spread, so every quantile is the same."""
    demand, usable = figures.demand_bytes_per_s, figures.usable_bytes_per_s
    if not math.isfinite(demand) or usable == 0 or demand > usable * MOST_SERVERS:
        raise InputError(
            f"a demand of {format_byte_rate(demand)} and {format_byte_rate(usable)} per server "
            f"make more than {MOST_SERVERS:,} servers",
            "check the units of connections, consumption rate and capacity",
        )
    needed = whole_servers(demand / usable)
    return Constraint(
        name="bandwidth",
        demand=demand,
        capacity_per_server=usable,
        unit="bytes/s",
        servers_p50=needed,
        servers_p95=needed,
        provenance=provenance,
    )


def _corrected(figures: Figures, needed: int, target: float) -> Corrected:
    down = figures.downtime_s / figures.workday_s
    if down >= 1:
        raise InputError("downtime and workday are equal to the last digit: no server is ever in service")
    return Corrected(
        servers=servers_for(needed, down, target),
        availability=1 - down,
        method=(
            f"k of n: the smallest n of which at least {needed:,} servers are in service with probability "
            f"{format_share(target)} (binomial; servers go out of service independently)"
        ),
    )


def _warnings(figures: Figures, by_formula: int, needed: int) -> list[str]:
    warnings = []
    if 0 < by_formula < needed:
        share = figures.demand_bytes_per_s / by_formula / figures.capacity_bytes_per_s
        warnings.append(
            f"the formula's {by_formula:,} servers would run at {format_share(share)} of capacity with all "
            f"of them in service, above the {format_share(figures.utilization)} asked for"
        )
    if figures.downtime_s == 0 and needed:
        warnings.append("downtime is 0: no server is set aside for one that is out of service")
    if figures.utilization == 1:
        warnings.append("utilization is 100 %: nothing is left for a peak above the average")
    if figures.consumption_rate_bytes_per_s > figures.usable_bytes_per_s:
        warnings.append(
            f"one session takes {format_byte_rate(figures.consumption_rate_bytes_per_s)}, more than the "
            f"{format_byte_rate(figures.usable_bytes_per_s)} one server may give, and cannot be split"
        )
    return warnings
