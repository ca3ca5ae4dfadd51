"""What each Socket.IO adapter makes of a publish: who receives it, who decodes it, what its backend carries.

An adapter carries a publish from the node (process) it is made on to the nodes that hold its
receivers. No adapter knows where those are, so each has a law of the share of nodes that receive it:

=========  ======================================================  =======================
law        share of N nodes that receive a publish                 adapters
=========  ======================================================  =======================
nobody     0                                                       none
every      1, the publisher's own copy included                    redis, streams, postgres, python
others     (N − 1)/N: the publisher is left out before it is sent  cluster, mongo
hosting    1 − (1 − 1/N)^g for a room of g, 1 for all              redis-sharded
=========  ======================================================  =======================

Each law is read from the adapter's source, named in its record. Rooms are spread evenly over
the nodes; a room that the load balancer keeps together is received by fewer.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from math import inf
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool.errors import InputError
from siotool.plan.numbers import N, maximum, minimum, where

Law = Literal["nobody", "every", "others", "hosting"]

#: What a backend's load divides by: nothing, the shard of each room, the stream of each namespace.
Division = Literal["nothing", "rooms", "namespaces"]

#: Who receives the answers when one process asks all others (``siotool.plan.adapters.requests``).
Answers = Literal["nobody", "all", "others", "asker"]

Recovery = Literal["none", "memory", "stream", "collection"]

#: Deliveries per second of 256-byte messages by one Redis instance; 8 shards carry 5 million,
#: a classic cluster of three 400,000 (https://centrifugal.dev/blog, 2026-06-29).
REDIS_DELIVERIES_PER_S = 650_000.0
_REDIS_SOURCE = "https://centrifugal.dev/blog, 2026-06-29: one instance, messages of 256 bytes"


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter and its laws.

    ``decodes_rooms_only``: a message for a room that a node does not hold is dropped undecoded.
    ``envelope_bytes``: what one delivery from the backend has beyond the event's JSON array,
    for a six-letter room of the main namespace. ``ceiling_per_s``: deliveries per second of one
    backend, None where it must be measured. ``recovery``: where connection state recovery
    keeps what a client missed.
    """

    name: str
    law: Law
    source: str
    envelope_bytes: float
    recovery_window: str
    decodes_rooms_only: bool = False
    private_to_all: bool = True
    divides_by: Division = "nothing"
    ceiling_per_s: float | None = None
    ceiling_source: str = ""
    recovery: Recovery = "none"
    answers: Answers = "nobody"


#: Mode dynamic: a Redis channel per public room. Mode dynamic-private: one per private room too.
_SHARDED = Adapter(
    name="redis-sharded",
    law="hosting",
    source="socketio/socket.io-redis-adapter lib/sharded-adapter.ts",
    envelope_bytes=185.0,
    divides_by="rooms",
    ceiling_per_s=REDIS_DELIVERIES_PER_S,
    ceiling_source=_REDIS_SOURCE,
    recovery_window="not supported: pub/sub keeps nothing.",
    answers="asker",
)

_RECORDS = (
    Adapter(
        name="none",
        law="nobody",
        source="socketio/socket.io packages/socket.io-adapter/lib/in-memory-adapter.ts",
        envelope_bytes=0.0,
        recovery="memory",
        recovery_window="120 s on the same process only; messages stay in its heap for up to 180 s.",
    ),
    Adapter(
        name="cluster",
        law="others",
        source="socketio/socket.io packages/socket.io-cluster-adapter/lib/index.ts",
        envelope_bytes=158.0,
        ceiling_source="measure it: the primary, one process, copies each publish to every worker",
        recovery_window="not supported: the adapter gives messages no offset.",
        answers="asker",
    ),
    Adapter(
        name="redis",
        law="every",
        source="socketio/socket.io-redis-adapter lib/index.ts",
        envelope_bytes=125.0,
        decodes_rooms_only=True,
        ceiling_per_s=REDIS_DELIVERIES_PER_S,
        ceiling_source=_REDIS_SOURCE,
        recovery_window="not supported: pub/sub keeps nothing.",
        answers="all",
    ),
    _SHARDED,
    msgspec.structs.replace(_SHARDED, name="redis-sharded-private", private_to_all=False),
    Adapter(
        name="redis-streams",
        law="every",
        source="socketio/socket.io-redis-streams-adapter lib/adapter.ts",
        envelope_bytes=193.0,
        divides_by="namespaces",
        ceiling_source="measure it: every node reads every entry, 100 per XREAD",
        recovery="stream",
        recovery_window="120 s, or maxLen entries when that is shorter: 10,000 by default.",
        answers="asker",
    ),
    Adapter(
        name="postgres",
        law="every",
        source="socketio/socket.io-postgres-adapter lib/util.ts",
        envelope_bytes=155.0,
        ceiling_source=(
            "measure it: a commit with NOTIFY takes one lock for the whole database cluster "
            "(https://simonwillison.net/2025/Jul/11/postgres-listen-notify)"
        ),
        recovery_window="not supported: the adapter gives messages no offset.",
        answers="all",
    ),
    Adapter(
        name="mongo",
        law="others",
        source="socketio/socket.io-mongo-adapter lib/index.ts",
        envelope_bytes=495.0,
        ceiling_source="measure it: each node's change stream reads every entry of the oplog",
        recovery="collection",
        recovery_window="as long as the collection keeps messages, by its size or its TTL index.",
        answers="others",
    ),
    Adapter(
        name="python-redis",
        law="every",
        source="miguelgrinberg/python-socketio src/socketio/pubsub_manager.py",
        envelope_bytes=213.0,
        ceiling_per_s=REDIS_DELIVERIES_PER_S,
        ceiling_source=_REDIS_SOURCE,
        recovery_window="not supported by python-socketio.",
    ),
)

ADAPTERS: Mapping[str, Adapter] = MappingProxyType({record.name: record for record in _RECORDS})


def adapter_named(name: str) -> Adapter:
    """Return the record of an adapter; InputError names the nearest when there is none."""
    if name in ADAPTERS:
        return ADAPTERS[name]
    near = get_close_matches(name, ADAPTERS, 1)
    raise InputError(
        f"topology.adapter: {name!r} is not an adapter",
        f"did you mean {near[0]}?" if near else "known adapters: " + ", ".join(ADAPTERS),
    )


def hosting_share(room_size: N, nodes: N) -> N:
    """Return the share of nodes that hold at least one of a room's sessions, 0 to 1.

    1 − (1 − 1/N)^g; a mean of less than one session is one session that often. Checked
    against https://github.com/socketio/socket.io/issues/5226: of 100 nodes, 9.6 % hold one of a
    room of 10. ``room_size`` may be infinite: a broadcast to all.
    """
    nodes = maximum(nodes, 1.0)
    crowd = maximum(room_size, 1.0)
    missed: N = (1 - 1 / nodes) ** crowd
    return minimum(room_size, 1.0) * (1 - missed)


def others(nodes: N) -> N:
    """Return the share of nodes other than the publisher's."""
    return 1 - 1 / maximum(nodes, 1.0)


def received_share(
    adapter: Adapter,
    room_size: N,
    nodes: N,
    private_share: N = 0.0,
    hosts: N | None = None,
) -> N:
    """Return the share of nodes that one publish reaches, the publisher's own copy included.

    ``private_share`` of the publishes go to a socket's own room (``io.to(socket.id)``). The
    sharded adapter in mode dynamic sends those to every node; in mode dynamic-private, to one.
    ``hosts`` is the room's ``hosting_share``, where the caller has it already.
    """
    match adapter.law:
        case "nobody":
            return 0.0 * nodes
        case "every":
            return 1.0 + 0.0 * nodes
        case "others":
            return others(nodes)
    public = hosting_share(room_size, nodes) if hosts is None else hosts
    private = 1.0 if adapter.private_to_all else 1 / maximum(nodes, 1.0)
    return (1 - private_share) * public + private_share * private


def received_per_node(
    adapter: Adapter,
    publishes_per_s: N,
    room_size: N,
    nodes: N,
    private_share: N = 0.0,
    hosts: N | None = None,
) -> N:
    """Return the messages per second that each node receives from the backend.

    ``publishes_per_s`` are those of the whole fleet, ``room_size`` the sessions one is for,
    the sender's included (infinite: all). ``hosts`` as for ``received_share``.
    """
    return publishes_per_s * received_share(adapter, room_size, nodes, private_share, hosts)


def decoded_per_node(
    adapter: Adapter,
    publishes_per_s: N,
    room_size: N,
    nodes: N,
    private_share: N = 0.0,
    hosts: N | None = None,
) -> N:
    """Return the messages per second that each node decodes, its own among them.

    The classic Redis adapter looks at the channel first and leaves a room it does not hold
    undecoded (``onmessage``); all others decode what they receive, their own copy too.
    """
    if not adapter.decodes_rooms_only:
        return received_per_node(adapter, publishes_per_s, room_size, nodes, private_share, hosts)
    private = 1 / maximum(nodes, 1.0)
    public = hosting_share(room_size, nodes) if hosts is None else hosts
    return publishes_per_s * ((1 - private_share) * public + private_share * private)


def backend_rate(
    adapter: Adapter,
    publishes_per_s: N,
    room_size: N,
    nodes: N,
    *,
    private_share: N = 0.0,
    shards: N = 1.0,
    namespaces: N = 1.0,
) -> N:
    """Return the messages per second that the busiest shard of the backend delivers.

    Classic Redis delivers M·N, to the publishers too. ``shards`` help as the adapter allows: the
    sharded one by room, except that a broadcast to all is one channel and so one shard;
    streams by namespace; the rest not at all (a classic Redis cluster of three carries less than
    one instance: ``REDIS_DELIVERIES_PER_S``).
    """
    nodes = maximum(nodes, 1.0)
    delivered = nodes * received_per_node(adapter, publishes_per_s, room_size, nodes, private_share)
    common = publishes_per_s * nodes * _together(adapter, room_size, private_share)
    return _on_the_busiest(adapter, delivered, common, shards, namespaces)


def backend_taken(
    adapter: Adapter,
    publishes_per_s: N,
    room_size: N,
    *,
    private_share: N = 0.0,
    shards: N = 1.0,
    namespaces: N = 1.0,
) -> N:
    """Return the messages per second that the busiest shard of the backend takes from the nodes.

    Each publish once, however many receive it, also one that no other node does. ``shards`` as for
    ``backend_rate``.
    """
    if adapter.law == "nobody":
        return 0.0 * publishes_per_s
    common = publishes_per_s * _together(adapter, room_size, private_share)
    return _on_the_busiest(adapter, publishes_per_s, common, shards, namespaces)


def _together(adapter: Adapter, room_size: N, private_share: N) -> N:
    """Return the share of publishes that shards by room cannot part.

    All, and private rooms whose messages every node receives, share the namespace's one channel.
    """
    return where(room_size == inf, 1.0, private_share if adapter.private_to_all else 0.0)


def _on_the_busiest(adapter: Adapter, all_of_them: N, common: N, shards: N, namespaces: N) -> N:
    """Return how many are on one shard; ``common`` of them are on one, however many there are."""
    if adapter.divides_by == "namespaces":
        return all_of_them / maximum(1.0, minimum(shards, namespaces))
    if adapter.divides_by == "rooms":
        return common + maximum(all_of_them - common, 0.0) / maximum(shards, 1.0)
    return all_of_them
