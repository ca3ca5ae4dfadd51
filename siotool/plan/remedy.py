"""What would work where nothing does: the way out of a plan that no number of servers satisfies."""

import math

from siotool.plan.adapters import laws as adapters
from siotool.plan.adapters.nodes import explain_infeasible
from siotool.plan.constraints.event_loop import load
from siotool.plan.evaluate import Evaluation
from siotool.plan.world import World


def remedy(evaluation: Evaluation) -> str:
    """Return why no number of servers, shards or balancers is enough and what to change; empty if one is."""
    sentences = []
    for bound in evaluation.bounds:
        if math.isfinite(bound.limit.servers):
            continue
        if bound.constraint.name == "event loop":
            sentences.append(_event_loop(evaluation.world))
        else:
            reason = bound.constraint.sentence(evaluation.world, bound.limit)
            sentences.append(f"{bound.constraint.name}: {reason}.")
    sentences += [
        f"{day.name}: {day.sentence}."
        for day in evaluation.days
        if math.isinf(day.servers) and math.isfinite(evaluation.needed)
    ]
    return " ".join(sentences)


def _event_loop(world: World) -> str:
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
