"""Warnings that an experienced colleague would give, whatever the number of servers."""

import math

from siotool.plan.adapters import limits as adapter_limits
from siotool.plan.adapters import recovery
from siotool.plan.adapters.laws import adapter_named
from siotool.plan.constraints import event_loop
from siotool.plan.constraints.adapter import ceiling
from siotool.plan.demand.world import World
from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.evaluation.oddities import odd
from siotool.units import format_count, format_duration, format_share

#: Engine.IO's pingTimeout: a connection without a pong for so long is dead.
PING_TIMEOUT_S = 20.0

#: A typed consumption rate further than this from what the messages make is a slip.
_DISAGREE = 0.25


def lint(evaluation: Evaluation[float]) -> list[str]:
    """Return warnings about the configuration, each a sentence."""
    world = evaluation.world
    rules = (_growth, _several, _two_rates, _adapter, _asking, _recovery)
    return odd(world) + [sentence for rule in rules for sentence in rule(world, evaluation)]


def _processes(world: World[float], evaluation: Evaluation[float]) -> float:
    return float(evaluation.fleet * world["server.processes"])


def _several(world: World[float], evaluation: Evaluation[float]) -> list[str]:
    return of_several(world) if _processes(world, evaluation) > 1 else []


def of_several(world: World[float]) -> list[str]:
    """Return what more than one process needs: an adapter, and a sticky balancer where sessions poll."""
    return _no_adapter(world) + _sticky(world)


def _no_adapter(world: World[float]) -> list[str]:
    publishes = any(stream.traffic.publishes_per_s > 0 for stream in world.demand.streams)
    if world.inputs.choice("topology.adapter") != "none" or not publishes:
        return []
    return [
        "there is more than one process and no adapter: what is sent to other sessions reaches only those "
        "of the same process. Set topology.adapter"
    ]


def _two_rates(world: World[float], evaluation: Evaluation[float]) -> list[str]:
    typed, demand = world.get("workload.consumption_rate"), world.demand
    measured = world.has("workload.consumption_rate") and (
        world.inputs.figures["workload.consumption_rate"].provenance.kind == "measured"
    )
    if not typed or measured or demand.travel is None or not demand.connections:
        return []
    both = demand.travel.tcp_both / demand.connections
    if abs(both / typed - 1) <= _DISAGREE:
        return []
    return [
        f"the messages make {both:,.0f} bytes/s a session, the consumption rate says {typed:,.0f}: "
        "the formula uses the second"
    ]


def _sticky(world: World[float]) -> list[str]:
    share = world["transport.polling"]
    # a plan of the formula alone has no transports
    spread = world.inputs.choice("topology.balancer") != "none" or world.demand.streams
    polls = share > 0 or (world.inputs.flag("transport.upgrade") and spread)
    if not polls or world.inputs.flag("topology.sticky"):
        return []
    who = f"{format_share(share)} of sessions poll" if share else "clients open with polling"
    patience = world["transport.ping_interval"] + PING_TIMEOUT_S
    return [
        f"{who}: the balancer must send all requests of a session to one process (sticky sessions), and "
        f"keep an idle connection for more than {format_duration(patience)}; topology.sticky = true says "
        "that it does"
    ]


def _growth(world: World[float], evaluation: Evaluation[float]) -> list[str]:
    if world.get("workload.growth") == 0 or world["workload.ahead"] > 0:
        return []
    return [
        "workload.growth alone does not make the fleet larger: workload.ahead says how far ahead it must "
        "suffice; the forecast says how long today's fleet suffices"
    ]


def _published(world: World[float]) -> list[adapter_limits.Published]:
    """What goes through the adapter, by kind of message; an event is the JSON array ["name","payload"]."""
    return [
        adapter_limits.Published(
            name=stream.message.name,
            per_s=stream.traffic.publishes_per_s,
            message_bytes=len(stream.message.name) + stream.message.size_bytes + 7,
            room_size=float(stream.crowd),
            private_share=stream.private_share,
            binary=stream.message.binary,
        )
        for stream in world.demand.streams
        if stream.traffic.publishes_per_s > 0
    ]


def _adapter(world: World[float], evaluation: Evaluation[float]) -> list[str]:
    adapter = adapter_named(world.inputs.choice("topology.adapter"))
    processes = _processes(world, evaluation)
    if not world.demand.streams or not math.isfinite(processes):
        return []
    # shards that were not given are as many as the plan needs
    decided = world.inputs.figures["topology.shards"].provenance.kind != "default"
    needed = evaluation.shards if math.isfinite(evaluation.shards) else 1.0
    shards = world["topology.shards"] if decided else max(1.0, needed)
    return adapter_limits.lint(
        adapter,
        nodes=processes,
        machines=float(evaluation.fleet),
        # without an adapter another warning says that they reach no other process
        published=[] if adapter.law == "nobody" else _published(world),
        shards=shards,
        requests=world.requests,
        recovery=world.inputs.flag("transport.recovery"),
        ceiling_per_s=ceiling(world, processes, shards),
    )


def _asking(world: World[float], evaluation: Evaluation[float]) -> list[str]:
    processes = _processes(world, evaluation)
    if not world.has("topology.fetch_rate") or not 1 < processes < math.inf:
        return []
    busy, goal = event_loop.occupied(world)(processes), world["server.utilization"]
    if busy <= goal * (1 + 1e-9) or processes <= event_loop.lightest(world):
        return []
    return [
        f"with all {format_count(processes)} processes up each is busy for {format_share(busy)}, more than "
        f"the {format_share(goal)} asked for: every one answers each call of fetchSockets, and spares are "
        "processes too"
    ]


def _recovery(world: World[float], evaluation: Evaluation[float]) -> list[str]:
    adapter = adapter_named(world.inputs.choice("topology.adapter"))
    fleet, published = float(evaluation.fleet), _published(world)
    recovers = world.inputs.flag("transport.recovery") and adapter.recovery != "none"
    if not recovers or not published or not 0 < fleet < math.inf:
        return []
    fullest = min(1.0, world["topology.imbalance"] / fleet)
    publishes = sum(one.per_s for one in published)
    mean = sum(one.per_s * one.message_bytes for one in published) / publishes
    return recovery.lint(
        adapter,
        publishes_per_s=publishes,
        entry_bytes=mean + adapter.envelope_bytes,
        nodes=_processes(world, evaluation),
        sessions=math.ceil(world.demand.connections * fullest),
        heap_bytes=world.get("server.heap"),
    )
