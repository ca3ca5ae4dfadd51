"""What would work where nothing does: the way out of a plan that no number of servers satisfies."""

import math

import msgspec

from siotool.plan.adapters import laws as adapters
from siotool.plan.adapters.nodes import explain_infeasible
from siotool.plan.constraints.cpu import load
from siotool.plan.constraints.event_loop import processes_needed
from siotool.plan.demand.world import World
from siotool.plan.evaluation.evaluate import Bound, Evaluation
from siotool.plan.inputs.figure import Figure
from siotool.plan.inputs.provenance import Provenance
from siotool.units import format_rate


def remedy(evaluation: Evaluation[float]) -> str:
    """Return why no number of servers, shards or balancers is enough and what to change; empty if one is."""
    sentences = []
    for bound in evaluation.bounds:
        if math.isfinite(bound.limit.servers):
            continue
        if bound.constraint.name == "event loop":
            sentences.append(_event_loop(evaluation.world))
        elif bound.constraint.name == "adapter":
            sentences.append(_backend(evaluation.world, bound))
        else:
            reason = bound.constraint.sentence(evaluation.world, bound.limit)
            sentences.append(f"{bound.constraint.name}: {reason}.")
    sentences += [
        f"{day.name}: {day.sentence}."
        for day in evaluation.days
        if math.isinf(day.servers) and math.isfinite(evaluation.needed)
    ]
    return " ".join(sentences)


def _event_loop(world: World[float]) -> str:
    asked = world.values.get("topology.fetch_rate")
    if asked:
        quiet = {key: value for key, value in world.values.items() if key != "topology.fetch_rate"}
        if math.isfinite(processes_needed(msgspec.structs.replace(world, values=quiet))):
            return (
                f"event loop: with {format_rate(asked)} calls such as fetchSockets no number of servers is "
                "enough: all processes answer each, and more of them make more answers. What would work: "
                "fewer calls; an adapter whose answers only the asker hears (redis-sharded, redis-streams, "
                "or redis with publishOnSpecificResponseChannel: topology.own_response_channel); fewer "
                "servers, each of which does more."
            )
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    publishes = sum(stream.traffic.publishes_per_s for stream in world.demand.streams)
    heaviest = max(world.demand.streams, key=lambda stream: stream.traffic.publishes_per_s, default=None)
    each = (
        world.get("server.adapter_cost") + world.get("server.decode_cost") + world.get("server.encode_cost")
    )
    sentence = ""
    if heaviest is not None and each > 0:
        sentence = explain_infeasible(
            adapter,
            publishes_per_s=publishes,
            decode_s=each,
            utilization=world["server.utilization"],
            room_size=heaviest.crowd,
            private_share=heaviest.private_share,
            delivery_cores=load(world).shared,
        )
    return sentence or "No number of servers is enough: what each process repeats fills its core."


#: Adapters that divide by rooms, the one that divides more last.
_SHARDED = ("redis-sharded", "redis-sharded-private")


def _backend(world: World[float], bound: Bound[float]) -> str:
    """Why no number of shards is enough, and what would be: an adapter that divides, or less to deliver."""
    limit = bound.limit
    fits = limit.capacity_per_server / limit.demand
    works = []
    for name in _SHARDED:
        other = Figure(name, Provenance("default"))
        sharded = bound.constraint.limit(
            msgspec.structs.replace(world, inputs=world.inputs.replaced({"topology.adapter": other}))
        )
        if sharded is not None and math.isfinite(sharded.servers):
            works.append(f"{name}, on {math.ceil(sharded.servers):,} shards or more")
            break
    publishes = world.demand.publishes_per_s
    works += [
        f"at most {format_rate(publishes * fits)} publishes instead of {format_rate(publishes)}",
        "the local flag for what need not leave its process",
        "fewer processes, each of which does more",
        f"a backend that delivers {format_rate(limit.demand / world['server.utilization'])} "
        "(topology.backend_rate)",
    ]
    reason = bound.constraint.sentence(world, limit)
    return f"adapter: {reason}. No number of shards, and so no fleet, is enough. What would work: " + (
        "; ".join(works) + "."
    )
