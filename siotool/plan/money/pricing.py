"""What a plan costs a month, and what it would cost on other shapes of server.

A shape replaces all that it says of one server, and nothing else:

===========  ==================================================================================
it says      replaced
===========  ==================================================================================
cores        ``server.processes``: an event loop each, whole ones
memory       ``server.memory``
bandwidth    ``server.bandwidth_in``, ``server.bandwidth_out``, and ``server.capacity`` where the
             plan means the network by it
connections  ``server.connections``; a shape without leaves the plan's
===========  ==================================================================================

Costs per message and per connection stay: they are those of a core. So do the limits that are
set for a process, its heap and its open files. A capacity that is not the network but what the
processes were seen to carry (measured, or typed beside the network) follows the cores, and is
never more than the network.
"""

import math
from collections.abc import Iterable

import msgspec

from siotool.errors import InputError
from siotool.plan.constraints.bandwidth import consumption_rate
from siotool.plan.demand.service import world
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.growth.counting import fleet_of, mean_day, values_of
from siotool.plan.inputs.figure import Figure, Inputs, Value
from siotool.plan.inputs.middles import middle, middle_of, middles
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.model import FleetCost, Plan, ShapeComparison
from siotool.plan.money.cost import PaidTraffic, SizedShape, compare_shapes, fleet_cost
from siotool.plan.money.prices import PriceFile, Shape
from siotool.plan.redundancy.bad_days import worst
from siotool.units import format_byte_rate, format_count, format_size

#: Adapters without a backend of their own.
_NO_BACKEND = ("none", "cluster")


def as_shape(inputs: Inputs, shape: Shape, source: str) -> Inputs:
    """Return the plan's inputs with one server being of this shape. Raises InputError below one core."""
    if shape.cores < 1:
        raise InputError(
            f"{source}: shapes.{shape.name} has {shape.cores:g} cores", "an event loop needs at least one"
        )
    said = Provenance("typed", f"{source}: shapes.{shape.name}")
    network = Figure(shape.bandwidth_bytes_per_s, said)
    processes = float(math.floor(shape.cores))
    changes = {
        "server.processes": Figure(processes, said),
        "server.process_cores": Figure(1.0, said),
        "server.memory": Figure(shape.memory_bytes, said),
        "server.bandwidth_in": network,
        "server.bandwidth_out": network,
        "server.capacity": _capacity(inputs, processes, network) or network,
    }
    if shape.connections is not None:
        changes["server.connections"] = Figure(shape.connections, said)
    return inputs.replaced(changes)


def _capacity(inputs: Inputs, processes: float, network: Figure) -> Figure | None:
    """What so many processes carry at the plan's capacity of each; None where that means the network."""
    capacity = inputs.figures.get("server.capacity")
    if capacity is None or isinstance(capacity.value, str | bool):
        return None
    typed = inputs.figures.get("server.bandwidth_out")
    apart = typed is not None and typed.value != capacity.value
    if capacity.provenance.kind != "measured" and not apart:
        return None
    before = [key for key in ("server.processes", "server.process_cores") if key in inputs]
    times = processes / math.prod(middle_of(inputs, key) for key in before)
    most = middle("server.bandwidth_out", network.value)

    def scaled(value: float) -> float:
        return min(value * times, most)

    match capacity.value:
        case Replicates(values=values):
            value: Value = msgspec.structs.replace(capacity.value, values=tuple(map(scaled, values)))
        case Range(low=low, likely=likely, high=high):
            likely = None if likely is None else scaled(likely)
            value = Range(scaled(low), likely, scaled(high)) if scaled(low) < scaled(high) else scaled(low)
        case single:
            value = scaled(single)
    origin = capacity.provenance
    detail = f"{origin.detail}, for {processes:g} cores and {format_byte_rate(most)} of network".lstrip(", ")
    return Figure(value, Provenance(origin.kind, detail))


#: Limits of a whole server besides those that every shape sets.
_WHOLE = ("server.connections", "server.accept_rate", "topology.conntrack")


def kept(inputs: Inputs, shapes: Iterable[Shape]) -> list[str]:
    """Return a sentence on the limits of one server that these shapes leave as they are; none without any."""
    silent = [shape.name for shape in shapes if shape.connections is None]
    names = [key for key in _WHOLE if key in inputs and inputs.figures[key].provenance.kind != "published"]
    if not silent:
        names = [key for key in names if key != "server.connections"]
    if not names:
        return []
    named = ", ".join(names).replace("connections", f"connections (not in {', '.join(silent)})", 1)
    return [
        f"no shape replaces {named}: each keeps what the plan says of one server, even of another machine"
    ]


def shape_of(plan: Plan, inputs: Inputs, prices: PriceFile) -> Shape:
    """Return the cheapest shape that has what the plan says of one server.

    It holds the connections of one server, too: those that the plan says, or those of its fleet.
    Raises InputError, saying what is asked for, when no shape with a price has it.
    """
    asked = {key: value for key, value in middles(inputs).items() if key.startswith("server.")}
    bandwidth = max(
        asked.get(key, 0.0) for key in ("server.capacity", "server.bandwidth_in", "server.bandwidth_out")
    )
    each = asked.get("server.connections") or plan.inputs.connections / (plan.servers.p95 or 1)
    least = (asked["server.processes"], asked.get("server.memory", 0.0), bandwidth, each)
    fitting = [
        shape
        for name, shape in prices.shapes.items()
        if name in prices.prices
        and all(
            has >= wants
            for has, wants in zip(
                (
                    shape.cores,
                    shape.memory_bytes,
                    shape.bandwidth_bytes_per_s,
                    math.inf if shape.connections is None else shape.connections,
                ),
                least,
                strict=True,
            )
        )
    ]
    if not fitting:
        raise InputError(
            f"{prices.source}: no shape with a price has the {format_count(least[0])} cores, "
            f"{format_size(least[1])} of memory, {format_byte_rate(least[2])} and room for "
            f"{format_count(math.ceil(least[3]))} connections of the plan's server",
            f"name the shape to plan with: --shape {next(iter(prices.shapes))}",
        )
    return min(fitting, key=lambda shape: (prices.prices[shape.name], shape.name))


def traffic(plan: Plan, inputs: Inputs) -> PaidTraffic:
    """Return what is paid for besides servers: the bytes of a mean day, balancers and adapter nodes.

    Without messages only the consumption rate is known, both ways in one: all of it is then
    taken as sent, the most that egress can be.
    """
    mean = world(inputs, middles(mean_day(inputs)))
    demand = mean.demand
    out, back = demand.connections * (consumption_rate(mean) or 0.0), 0.0
    if demand.travel is not None:
        out, back = demand.travel.to_client.link, demand.travel.to_server.link
    adapter = inputs.choice("topology.adapter")
    return PaidTraffic(
        egress_bytes_per_s=out,
        ingress_bytes_per_s=back,
        connections=demand.connections,
        new_connections_per_s=demand.new_per_s,
        balancers=0.0 if inputs.choice("topology.balancer") == "none" else float(plan.balancers or 1),
        adapter_nodes=0.0 if adapter in _NO_BACKEND else max(_shards(inputs), float(plan.shards or 1)),
    )


def cost(plan: Plan, inputs: Inputs, prices: PriceFile, shape: Shape) -> FleetCost | None:
    """Price the plan's fleet, spares included, at 95 % sureness; None where no fleet is enough."""
    if plan.servers.p95 is None:
        return None
    connections = plan.inputs.connections
    return fleet_cost(prices, shape.name, plan.servers.p95, connections, traffic(plan, inputs))


def shapes(plan: Plan, inputs: Inputs, prices: PriceFile, *, draws: int, seed: int) -> ShapeComparison:
    """Size and price the fleet for each shape that has a price, with the same goals and bad days.

    ``inputs`` are the plan's without any shape.
    """
    paid = traffic(plan, inputs)

    def sized(shape: Shape) -> SizedShape:
        changed = as_shape(inputs, shape, prices.source)
        evaluation = evaluate(changed, values_of(changed, draws, seed))
        days = evaluate(changed, middles(changed)).days
        nodes = paid.adapter_nodes and max(_shards(inputs), float(fleet_of(evaluation.shards).p95 or 1))
        return SizedShape(fleet_of(evaluation.fleet), days[int(worst(days))].name, nodes)

    return compare_shapes(prices, sized, plan.inputs.connections, paid)


def _shards(inputs: Inputs) -> float:
    return middle_of(inputs, "topology.shards")
