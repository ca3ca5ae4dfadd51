"""What to change in a plan that no number of servers satisfies."""

import math

import msgspec

from siotool.plan.adapters.laws import Adapter, adapter_named, hosting_share, received_share
from siotool.plan.constraints.cpu import heard, load
from siotool.plan.constraints.event_loop import processes_needed, usable
from siotool.plan.demand.world import World
from siotool.plan.evaluation.evaluate import Bound, Evaluation
from siotool.plan.inputs.figure import Figure
from siotool.plan.inputs.provenance import Provenance
from siotool.units import format_count, format_duration, format_rate, format_share

#: So many nodes that almost none of them holds a given room.
_MANY = 1e12


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
                "fewer calls; an adapter that answers the asker alone (redis-sharded, redis-streams, "
                "or redis with publishOnSpecificResponseChannel: topology.own_response_channel); fewer "
                "servers, each of which does more."
            )
    heaviest = max(world.demand.streams, key=lambda stream: stream.traffic.publishes_per_s, default=None)
    sentence = ""
    if heaviest is not None:
        sentence = of_adapter(
            adapter_named(world.inputs.choice("topology.adapter")),
            publishes_per_s=world.demand.publishes_per_s,
            each_s=_each_s(world),
            utilization=usable(world),
            room_size=heaviest.crowd,
            private_share=heaviest.private_share,
            delivery_cores=load(world).shared,
        )
    return sentence or "No number of servers is enough: what each process repeats fills its core."


def _each_s(world: World[float]) -> float:
    """Mean CPU seconds of a message that one of very many nodes receives: few of them hold its room.

    So few decode it, where the adapter leaves out who does not hold the room, and few encode it.
    """
    received = cores = 0.0
    for stream in world.demand.streams:
        one = heard(world, stream, _MANY)
        received += one.received_per_s
        cores += one.received_per_s * world.get("server.adapter_cost")
        cores += one.decoded_per_s * world.get("server.decode_cost")
        cores += one.encoded_per_s * world.get("server.encode_cost")
    return cores / received if received > 0 else 0.0


def of_adapter(
    adapter: Adapter,
    *,
    publishes_per_s: float,
    each_s: float,
    utilization: float,
    room_size: float,
    private_share: float,
    delivery_cores: float,
) -> str:
    """Return why receiving leaves no node enough of its core, and what would help; empty if one has enough.

    More nodes divide the deliveries; with most adapters they do not divide the receiving. With
    every node receiving all M publishes at ``each_s`` = d seconds no N is enough where M·d ≥ u. That
    doubling the nodes doubles what is thrown away is reported from production:
    https://github.com/socketio/socket.io/issues/5226. ``delivery_cores``: all CPU that divides.
    """

    def heard_on(nodes: float) -> float:
        return float(publishes_per_s * received_share(adapter, room_size, nodes, private_share))

    if delivery_cores + heard_on(1.0) * each_s <= utilization:
        return ""
    if adapter.law == "nobody":
        return (
            "Without an adapter a publish reaches only the sessions of its own process, and one "
            "process cannot carry this. Any adapter would carry it to the others."
            if publishes_per_s > 0
            else ""
        )
    received = heard_on(_MANY)
    if received * each_s < utilization:
        return ""
    most = int(utilization / each_s * (1 + 1e-9))
    works = [
        "the local flag for what need not leave its node",
        f"less than {format_duration(utilization / received)} of CPU for each message received",
        f"fewer than {format_count(most)} messages/s received by each node",
    ]
    if math.isfinite(room_size) and adapter.law != "hosting":
        works.insert(
            0,
            "redis-sharded, whose nodes receive only the rooms they hold "
            f"(of 100 nodes, {format_share(hosting_share(room_size, 100.0))} hold a room of "
            f"{format_count(room_size)}; messages to one socket id need its mode dynamic-private)",
        )
    elif math.isfinite(room_size) and adapter.private_to_all:
        works.insert(0, "the mode dynamic-private, which sends a private message to one node only")
    return (
        f"No number of nodes is enough: with {adapter.name} each one receives "
        f"{format_count(round(received))} messages/s, however many there are. At "
        f"{format_duration(each_s)} each that is {format_share(received * each_s)} of its core, "
        f"and {format_share(utilization)} may be used. What would work: {'; '.join(works)}."
    )


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
            shards = math.ceil(sharded.servers)
            works.append(f"{name}, on {shards:,} shard{'s' if shards > 1 else ''} or more")
            break
    publishes = world.demand.publishes_per_s
    works += [
        f"at most {format_rate(publishes * fits)} publishes instead of {format_rate(publishes)}",
        "the local flag for what need not leave its process",
        "fewer processes, each of which does more",
        _faster_backend(world, limit.demand, fits),
    ]
    reason = bound.constraint.sentence(world, limit)
    return f"adapter: {reason}. No number of shards, and so no fleet, is enough. What would work: " + (
        "; ".join(works) + "."
    )


def _faster_backend(world: World[float], demand: float, fits: float) -> str:
    """Return what a backend would carry the demand; this one carries a share of it that ``fits``."""
    once = world.inputs.figures.get("topology.backend_publish_cost")
    if once is not None and once.provenance.kind == "typed":  # a rate that is typed too would not be all
        return f"a backend that a message costs {format_share(fits)} of that, once and for each process"
    return (
        f"a backend that delivers {format_rate(demand / world['server.utilization'])} (topology.backend_rate)"
    )
