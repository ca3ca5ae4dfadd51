"""Limits of an adapter besides its load: buffers, patterns, payloads, heartbeats, requests.

``lint`` says which of them a fleet meets.
"""

from collections.abc import Iterator, Sequence
from math import isfinite

import msgspec

from siotool.plan.adapters.laws import Adapter, backend_rate, received_per_node
from siotool.plan.adapters.requests import Requests, delivered
from siotool.plan.numbers import N, divide, maximum, minimum
from siotool.units import format_count, format_duration, format_size

#: Redis's default client-output-buffer-limit for pub/sub clients, 32mb 8mb 60: disconnected at
#: once beyond the first, or after 60 s beyond the second (https://redis.io/docs, redis.conf).
OUTPUT_BUFFER_BYTES = 32 * 2**20
OUTPUT_BUFFER_SOFT_BYTES = 8 * 2**20
OUTPUT_BUFFER_SOFT_S = 60.0

#: socket.io-postgres-adapter lib/adapter.ts, payloadThreshold: NOTIFY carries less than 8,000 bytes
#: (https://www.postgresql.org/docs/current/sql-notify.html); cleanupInterval in seconds.
POSTGRES_PAYLOAD_BYTES = 8000
POSTGRES_CLEANUP_S = 30.0

#: heartbeatInterval of ClusterAdapterWithHeartbeat (socket.io-adapter/lib/cluster-adapter.ts), which
#: the cluster and postgres adapters extend, and of socket.io-mongo-adapter lib/index.ts.
HEARTBEAT_S = 5.0
_WITH_HEARTBEAT = ("cluster", "postgres", "mongo")

_PUBSUB = ("redis", "redis-sharded", "redis-sharded-private", "python-redis")


def slow_node_s(bytes_per_s: N) -> N:
    """Return the seconds until Redis drops a pub/sub node that stops reading what it is sent.

    What is in the socket's own buffers comes on top.
    """
    return minimum(
        divide(OUTPUT_BUFFER_BYTES + 0.0 * bytes_per_s, bytes_per_s),
        divide(OUTPUT_BUFFER_SOFT_BYTES + 0.0 * bytes_per_s, bytes_per_s) + OUTPUT_BUFFER_SOFT_S,
    )


def heartbeats_per_s(adapter: Adapter, nodes: N) -> N:
    """Return the messages per second each node receives because the others say they are alive.

    One per node every 5 s; the postgres adapter receives its own too. The mongo
    adapter leaves one out when it has published within 5 s, so this is its most.
    """
    if adapter.name not in _WITH_HEARTBEAT:
        return 0.0 * nodes
    senders = nodes if adapter.law == "every" else maximum(nodes - 1, 0.0)
    return senders / HEARTBEAT_S


def attachment_rows(large_per_s: N, nodes: N) -> tuple[N, N]:
    """Return (rows kept at most, SELECTs per second) of the postgres adapter's table.

    ``large_per_s``: publishes that are binary or of 8,000 bytes and more. A row goes at the first
    sweep after 30 s, at most 60 s old. Every node reads every row, the publisher too: the
    notification of an attachment lacks the namespace by which a node knows its own
    (socket.io-postgres-adapter lib/util.ts, publishWithAttachment and isFromSelf).
    """
    return large_per_s * 2 * POSTGRES_CLEANUP_S, large_per_s * nodes


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of message that goes through the adapter, ``per_s`` over the whole service.

    ``message_bytes`` is the event as JSON; ``room_size`` and ``private_share`` as for ``received_share``.
    """

    name: str
    per_s: float
    message_bytes: float
    room_size: float = 1.0
    private_share: float = 0.0
    binary: bool = False


def lint(
    adapter: Adapter,
    *,
    nodes: float,
    published: Sequence[Published],
    shards: float,
    machines: float,
    requests: Requests[float],
    recovery: bool,
    ceiling_per_s: float | None,
) -> list[str]:
    """Return what is wrong, or will be, with this adapter in this fleet: one sentence each.

    ``nodes`` are processes, on ``machines``; ``requests`` are calls of fetchSockets and the like;
    ``recovery``: connectionStateRecovery is set. ``ceiling_per_s`` replaces the record's.
    """
    publishes_per_s = sum(one.per_s for one in published)
    return [
        *_topology(adapter, nodes, publishes_per_s, machines),
        *_backend(adapter, published, nodes, shards, ceiling_per_s or adapter.ceiling_per_s),
        *_shards(adapter, published, shards),
        *_buffers(adapter, published, nodes),
        *_postgres(adapter, published, nodes),
        *_chatter(adapter, nodes, publishes_per_s, requests),
        *_recovery(adapter, nodes, recovery),
    ]


def _topology(adapter: Adapter, nodes: float, publishes_per_s: float, machines: float) -> Iterator[str]:
    if adapter.law == "nobody" and nodes > 1 and publishes_per_s > 0:
        yield (
            f"Without an adapter, {format_count(nodes)} processes get nothing from each other: a broadcast "
            "reaches only the sessions of the process it is made on."
        )
    if adapter.name == "cluster" and machines > 1:
        yield (
            "The cluster adapter serves one machine: the sessions of the other "
            f"{format_count(machines - 1)} machines get nothing."
        )
    if adapter.law != "nobody" and nodes <= 1:
        yield f"One process needs no adapter: {adapter.name} carries every publish without need."


def _backend(
    adapter: Adapter, published: Sequence[Published], nodes: float, shards: float, ceiling: float | None
) -> Iterator[str]:
    rate = sum(
        backend_rate(adapter, one.per_s, one.room_size, nodes, private_share=one.private_share, shards=shards)
        for one in published
    )
    if ceiling is not None and rate > ceiling:
        yield (
            f"The backend would deliver {format_count(round(rate))} messages/s from one instance; "
            f"{format_count(ceiling)} is its maximum"
            + (f" ({adapter.ceiling_source})." if ceiling == adapter.ceiling_per_s else ".")
        )


def _shards(adapter: Adapter, published: Sequence[Published], shards: float) -> Iterator[str]:
    if shards > 1 and adapter.divides_by == "nothing" and adapter.law != "nobody":
        yield (
            f"{format_count(shards)} shards do not help {adapter.name}: each publish still goes to "
            "every node."
        )
    if shards > 1 and adapter.divides_by == "namespaces":
        yield f"Streams are divided by namespace: only 1 of {format_count(shards)} would be used."
    heaviest = max(published, key=lambda one: one.per_s, default=None)
    if heaviest is None or adapter.divides_by != "rooms":
        return
    if shards > 1 and not isfinite(heaviest.room_size):
        yield (
            "A broadcast to all is one channel of one shard, however many shards there are: "
            "broadcast to rooms to use them."
        )
    if heaviest.private_share > 0 and adapter.private_to_all:
        yield (
            "In the mode dynamic, what is sent to one socket id goes to every node; dynamic-private "
            "sends it to one."
        )


def _buffers(adapter: Adapter, published: Sequence[Published], nodes: float) -> Iterator[str]:
    if adapter.name not in _PUBSUB:
        return
    bytes_per_s = sum(
        received_per_node(adapter, one.per_s, one.room_size, nodes, one.private_share)
        * (one.message_bytes + adapter.envelope_bytes)
        for one in published
    )
    lasts = slow_node_s(float(bytes_per_s))
    if lasts < OUTPUT_BUFFER_SOFT_S:
        yield (
            f"Redis drops a node that stops reading for {format_duration(lasts)} "
            f"({format_size(OUTPUT_BUFFER_BYTES)} of output buffer); what it misses is lost without an error."
        )


def _postgres(adapter: Adapter, published: Sequence[Published], nodes: float) -> Iterator[str]:
    publishes_per_s = sum(one.per_s for one in published)
    if adapter.name != "postgres" or publishes_per_s <= 0:
        return
    # the JSON: without the 22 bytes of type, length, process id, channel and its end, end
    around = adapter.envelope_bytes - 22
    rows = [one for one in published if one.binary or one.message_bytes + around >= POSTGRES_PAYLOAD_BYTES]
    if rows:
        inserts = sum(one.per_s for one in rows)
        kept, reads = attachment_rows(inserts, nodes)
        largest = max((one.message_bytes for one in rows if not one.binary), default=0.0)
        why = "binary" if not largest else f"{format_size(largest)} is over the 8,000 bytes of a NOTIFY"
        of = "" if len(rows) == len(published) else f" of {', '.join(one.name for one in rows)}"
        yield (
            f"Each publish{of} becomes a row of a table ({why}): {format_count(inserts)} INSERTs/s, "
            f"{format_count(reads)} SELECTs/s by the nodes, up to {format_count(kept)} rows kept."
        )
    yield (
        f"Each of {format_count(publishes_per_s)} publishes/s is a transaction with NOTIFY, and those "
        "commit one after another, in the whole database cluster: measure it before relying on it."
    )


def _chatter(
    adapter: Adapter, nodes: float, publishes_per_s: float, requests: Requests[float]
) -> Iterator[str]:
    beats = float(heartbeats_per_s(adapter, nodes))
    if beats > max(1.0, 0.1 * publishes_per_s):
        yield (
            f"From heartbeats alone each node receives {format_count(beats)} messages/s, in addition to "
            f"{format_count(publishes_per_s)} publishes/s."
        )
    if adapter.name == "redis" and not requests.own_channel and nodes > 2:
        now = delivered(adapter, requests, nodes)
        then = delivered(adapter, msgspec.structs.replace(requests, own_channel=True), nodes)
        if now > then:
            yield (
                f"{format_count(requests.calls_per_s)} requests/s such as fetchSockets make Redis deliver "
                f"{format_count(now)} messages/s; with publishOnSpecificResponseChannel {format_count(then)}."
            )


def _recovery(adapter: Adapter, nodes: float, recovery: bool) -> Iterator[str]:
    if not recovery:
        return
    if adapter.recovery == "none":
        yield f"Connection state recovery with {adapter.name}: {adapter.recovery_window}"
    elif adapter.recovery == "memory" and nodes > 1:
        yield "Kept messages are in one process: a session that comes back to another one is new."
    if adapter.law != "nobody" and not adapter.name.startswith("python"):
        yield (
            "With connection state recovery each socket.emit() goes through the adapter as well: "
            "count messages to one session as publishes."
        )
