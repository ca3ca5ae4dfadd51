"""How many nodes an adapter allows, and when none is enough.

A node's one core is shared by its deliveries and by what the adapter makes it receive. More nodes
divide the deliveries; with most adapters they do not divide the receiving. With every node
receiving all M publishes at d seconds each, D·w cores of deliveries need

    D·w/N + M·d ≤ u,   so   N ≥ D·w / (u − M·d),   and no N at all where M·d ≥ u.

The shape is reported from production: doubling the nodes doubles what is thrown away
(https://github.com/socketio/socket.io/issues/5226).
"""

from math import inf, isfinite

from siotool.plan.adapters.laws import Adapter, hosting_share, received_per_node, received_share
from siotool.plan.numbers import N, divide, maximum, minimum, sqrt, where, whole
from siotool.units import format_count, format_duration, format_share

#: Halvings of the logarithm of a ratio: from a million to 2 parts in 1e10.
_HALVINGS = 36

#: A room larger than any service; beyond it a broadcast to everybody.
_EVERYBODY = 1e15


def node_load(
    adapter: Adapter,
    nodes: N,
    *,
    delivery_cores: N,
    publishes_per_s: N,
    decode_s: N,
    room_size: N = inf,
    private_share: N = 0.0,
) -> N:
    """Return the share of its one core that a node spends on deliveries and on the adapter.

    ``delivery_cores``: all other CPU of the fleet that divides by nodes, D·w; ``decode_s``:
    seconds of CPU for each message received.
    """
    received = received_per_node(adapter, publishes_per_s, room_size, nodes, private_share)
    return delivery_cores / maximum(nodes, 1.0) + received * decode_s


def fewest_nodes(
    adapter: Adapter,
    *,
    delivery_cores: N,
    publishes_per_s: N,
    decode_s: N,
    utilization: N,
    room_size: N = inf,
    private_share: N = 0.0,
) -> N:
    """Return the fewest nodes whose load stays within ``utilization``; infinite where none suffice.

    At least 1. Without an adapter a publish cannot leave its node: 1, or infinite.
    """
    within = node_load(
        adapter,
        1.0,
        delivery_cores=delivery_cores,
        publishes_per_s=publishes_per_s,
        decode_s=decode_s,
        room_size=room_size,
        private_share=private_share,
    )
    work, hearing = delivery_cores, publishes_per_s * decode_s
    if adapter.law == "nobody":
        more = where(publishes_per_s > 0, inf, divide(work, utilization))
    elif adapter.law == "every":
        more = _divided(work, utilization - hearing)
    elif adapter.law == "others":
        more = _divided(maximum(work - hearing, 0.0), utilization - hearing)
    else:
        private = hearing * private_share if adapter.private_to_all else 0.0 * hearing
        # a private room that only its own node hears of is a room of one
        single = hearing * private_share - private
        public = hearing - hearing * private_share
        more = _hosting(work + single, public, utilization - private, room_size)
    return _whole(where(within <= utilization, 1.0, maximum(more, 1.0)))


def _divided(work: N, spare: N) -> N:
    possible = spare > 0
    return where(possible, divide(work, where(possible, spare, 1.0)), inf)


def _hosting(work: N, hearing: N, spare: N, room_size: N) -> N:
    """Return the least real N with work/N + hearing·share(N) ≤ spare, by halving between two bounds.

    Both terms fall with N. No N below work/spare can do, and as at most g nodes host a room,
    (work + hearing·g)/spare always does.
    """
    room_size = minimum(room_size, _EVERYBODY)
    crowded = (room_size >= _EVERYBODY) & (hearing >= spare) & (hearing > 0)
    possible = (spare > 0) & (crowded == 0)
    spare = where(possible, spare, 1.0)
    low = maximum(1.0, divide(work, spare))
    high = maximum(low, minimum(_divided(work, spare - hearing), (work + hearing * room_size) / spare))
    high = where(possible, high, low)
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        enough = work / middle + hearing * hosting_share(room_size, middle) <= spare
        low, high = where(enough, low, middle), where(enough, middle, high)
    return where(possible, high, inf)


def _whole(nodes: N) -> N:
    finite = nodes < inf
    return where(finite, whole(where(finite, nodes, 1.0)), inf)


def explain_infeasible(
    adapter: Adapter,
    *,
    publishes_per_s: float,
    decode_s: float,
    utilization: float,
    room_size: float = inf,
    private_share: float = 0.0,
    delivery_cores: float = inf,
) -> str:
    """Return why no number of nodes is enough, and what would be; empty where some number is.

    ``delivery_cores`` as in ``fewest_nodes``; left out, the work is taken to need many nodes.
    """
    work = delivery_cores if isfinite(delivery_cores) else 2 * utilization + publishes_per_s * decode_s
    if isfinite(
        fewest_nodes(
            adapter,
            delivery_cores=work,
            publishes_per_s=publishes_per_s,
            decode_s=decode_s,
            utilization=utilization,
            room_size=room_size,
            private_share=private_share,
        )
    ):
        return ""
    if adapter.law == "nobody":
        return (
            "Without an adapter a publish reaches only the sessions of its own process, and one "
            "process cannot carry this. Any adapter would carry it to the others."
        )
    many = 1e9
    heard = publishes_per_s * received_share(adapter, room_size, many, private_share)
    lines = [
        f"No number of nodes is enough: with {adapter.name} each one receives "
        f"{format_count(round(heard))} messages/s, however many there are. At "
        f"{format_duration(decode_s)} each that is {format_share(heard * decode_s)} of its core, "
        f"and {format_share(utilization)} may be used.",
        "What would work: " + "; ".join(_remedies(adapter, heard, decode_s, utilization, room_size)) + ".",
    ]
    return " ".join(lines)


def _remedies(
    adapter: Adapter, heard: float, decode_s: float, utilization: float, room_size: float
) -> list[str]:
    remedies = []
    if isfinite(room_size) and adapter.law != "hosting":
        hundred = hosting_share(room_size, 100.0)
        remedies.append(
            "redis-sharded, whose nodes receive only the rooms they hold "
            f"(of 100 nodes, {format_share(hundred)} hold a room of {format_count(room_size)}; "
            "messages to one socket id need its mode dynamic-private)"
        )
    elif adapter.law == "hosting" and adapter.private_to_all and isfinite(room_size):
        remedies.append("the mode dynamic-private, which sends a private message to one node only")
    remedies.append("the local flag for what need not leave its node")
    remedies.append(f"less than {format_duration(utilization / heard)} of CPU for each message received")
    most = int(utilization / decode_s * (1 + 1e-9))
    remedies.append(f"fewer than {format_count(most)} messages/s received by each node")
    return remedies
