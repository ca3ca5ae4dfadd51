"""What one of each costs, for a report: from the planner's profile of the runs, and their bytes."""

from collections.abc import Sequence

import numpy as np

from siotool.plan.evidence.profile import HIGH, LOW, ServerProfile
from siotool.plan.evidence.wire_costs import WireCosts
from siotool.report.cost_figures import Cost, CostFigures
from siotool.runs.seconds import Floats

#: What a report calls it → the costs that it is the sum of, and the kind of work whose bytes it has.
_ONE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("connection", ("server.idle_cost",), "connections"),
    ("delivery", ("server.delivery_cost",), "deliveries_per_s"),
    ("acknowledged call", ("server.inbound_cost", "server.ack_cost"), "acks_per_s"),
    ("handshake", ("server.connect_cost",), "handshakes_per_s"),
)
_MEMORY = "server.memory_per_connection"


def costs_of(profile: ServerProfile, wire: WireCosts) -> list[CostFigures]:
    """Return a row for each of ``_ONE``; the sentence of each cost that is missing, or inside another one."""
    why = {one.cost: one.sentence for one in profile.absent}
    # what is inside another cost says so behind the colon
    why |= {one.cost: one.sentence.partition(": ")[2] for one in profile.absorbed}
    return [_row(profile, wire, why, *one) for one in _ONE]


def _row(
    profile: ServerProfile, wire: WireCosts, why: dict[str, str], of: str, keys: Sequence[str], column: str
) -> CostFigures:
    there = [key for key in keys if key in profile.figures]
    missing = [why[key] for key in keys if key in why][:1]
    cpu = None
    if there and there[0] == keys[0]:
        cpu = _cost(np.sum([profile.figures[key].replicates for key in there], axis=0), profile, there)
    memory = None
    if of == "connection":
        if _MEMORY in profile.figures:
            one = profile.figures[_MEMORY]
            memory = Cost(one.value, one.low, one.high)
        elif _MEMORY in why:
            missing.append(f"memory: {why[_MEMORY].rpartition('; ')[2]}")
    found = wire.of(column)
    if isinstance(found, str):
        missing += [f"bytes: {found}"] if found else []
    bytes_ = Cost(*found) if not isinstance(found, str) else None
    return CostFigures(of, cpu, memory, bytes_, "; ".join(dict.fromkeys(missing)))


def _cost(replicates: Floats, profile: ServerProfile, keys: Sequence[str]) -> Cost:
    value = float(sum(profile.figures[key].value for key in keys))
    low, high = (float(one) for one in np.quantile(replicates, (LOW, HIGH)))
    return Cost(value, min(low, value), max(high, value))
