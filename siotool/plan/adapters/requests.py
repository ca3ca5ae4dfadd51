"""What asking every other process costs: fetchSockets, allRooms, serverSideEmit with acknowledgement.

One call is a request that all N processes receive, and an answer of each of the N − 1 others.
Adapters differ in who receives an answer (``Adapter.answers``):

=======  ==========================  ===============================================================
answers  received by                 adapters
=======  ==========================  ===============================================================
all      every process, its own too  redis (unless publishOnSpecificResponseChannel), postgres
others   all but its sender          mongo
asker    the asker                   redis-sharded, redis-streams, cluster
nobody   there is no such call       none, python-redis: a process has its own sessions only
=======  ==========================  ===============================================================

Each process decodes all it receives before it can see whether it is for itself. Sources:
socketio/socket.io-redis-adapter lib/index.ts (fetchSockets, publishResponse, onresponse) and
lib/sharded-adapter.ts (doPublishResponse), socketio/socket.io-redis-streams-adapter lib/adapter.ts
(isEphemeral, doPublishResponse), socketio/socket.io-postgres-adapter lib/adapter.ts,
socketio/socket.io-mongo-adapter lib/index.ts (initChangeStream), socketio/socket.io
packages/socket.io-cluster-adapter/lib/index.ts (setupPrimary) and
packages/socket.io-adapter/lib/cluster-adapter.ts.
"""

from typing import Generic

import msgspec

from siotool.plan.adapters.laws import Adapter, others
from siotool.plan.numbers import N, maximum, where


class Requests(msgspec.Struct, Generic[N], frozen=True):
    """Calls per second over the service; ``sessions`` that one call returns, of the whole service.

    ``own_channel``: publishOnSpecificResponseChannel of the redis adapter is set.
    """

    calls_per_s: N
    sessions: N = 0.0
    own_channel: bool = False


def requests_heard(adapter: Adapter, requests: Requests[N], nodes: N) -> N:
    """Return the requests per second that each of N processes receives; none with one process."""
    if adapter.answers == "nobody":
        return 0.0 * nodes
    nodes = maximum(nodes, 1.0)
    share = others(nodes) if adapter.law == "others" else 1.0
    return where(nodes > 1, requests.calls_per_s * share, 0.0)


def answers_heard(adapter: Adapter, requests: Requests[N], nodes: N) -> N:
    """Return the answers per second that each of N processes receives."""
    nodes = maximum(nodes, 1.0)
    return requests.calls_per_s * (nodes - 1) * _share(adapter, requests, nodes)


def delivered(adapter: Adapter, requests: Requests[N], nodes: N, shards: N = 1.0) -> N:
    """Return the messages per second that the busiest shard delivers for requests and answers.

    The sharded adapter has a channel for each process that asks, spread over the shards; its
    requests are one channel of one shard.
    """
    nodes = maximum(nodes, 1.0)
    spread = maximum(shards, 1.0) if adapter.divides_by == "rooms" else 1.0
    answers = nodes * answers_heard(adapter, requests, nodes) / spread
    return nodes * requests_heard(adapter, requests, nodes) + answers


def taken(adapter: Adapter, requests: Requests[N], nodes: N, shards: N = 1.0) -> N:
    """Return the requests and answers per second that the busiest shard takes from N processes.

    Each once, however many receive it; ``shards`` as for ``delivered``.
    """
    if adapter.answers == "nobody":
        return 0.0 * nodes
    nodes = maximum(nodes, 1.0)
    spread = maximum(shards, 1.0) if adapter.divides_by == "rooms" else 1.0
    return where(nodes > 1, requests.calls_per_s * (1 + (nodes - 1) / spread), 0.0)


def cores(
    adapter: Adapter,
    requests: Requests[N],
    nodes: N,
    *,
    receive_s: N,
    decode_s: N,
    encode_s: N,
) -> N:
    """Return the cores each of N processes spends on requests and answers.

    A message received takes ``receive_s``; ``decode_s`` and ``encode_s`` are taken for the
    message and again for each session in it, about as much JSON as a small message.
    """
    if adapter.answers == "nobody":
        return 0.0 * nodes
    nodes = maximum(nodes, 1.0)
    calls, rest = requests.calls_per_s, others(nodes)
    heard = requests_heard(adapter, requests, nodes) + answers_heard(adapter, requests, nodes)
    # sessions that others hold, in answers of all processes together
    sent = calls * rest * requests.sessions
    read = heard + sent * _share(adapter, requests, nodes)
    written = where(nodes > 1, calls / nodes, 0.0) + calls * rest + sent / nodes
    return heard * receive_s + read * decode_s + written * encode_s


def _share(adapter: Adapter, requests: Requests[N], nodes: N) -> N:
    """The share of processes that receive one answer."""
    own = requests.own_channel and adapter.name == "redis"
    match "asker" if own else adapter.answers:
        case "nobody":
            return 0.0
        case "all":
            return 1.0
        case "others":
            return others(nodes)
    return 1 / nodes
