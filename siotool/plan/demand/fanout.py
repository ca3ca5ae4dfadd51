"""What one kind of message makes of a service's traffic: messages in, deliveries out, publishes between.

A service is charged for deliveries, not for emits: in Azure SignalR's tables 2 broadcasts per
second to 1,000 connections cost as much as 1,000 echoes per second
(https://learn.microsoft.com/azure/azure-signalr/signalr-concept-performance).
"""

from typing import Generic

import msgspec

from siotool.errors import InputError
from siotool.plan.inputs.figure import KINDS, Kind
from siotool.plan.numbers import N, maximum, minimum


class MessageKind(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """One kind of message, and how often a session sends (``push``: receives) it.

    ==========  ====================================  =======================================
    kind        who sends                             who receives
    ==========  ====================================  =======================================
    echo        a session                             that session, from the server it is on
    emit        a session                             its server alone
    direct      a session                             one other session
    room        a session                             the ``room_size`` sessions of its room
    broadcast   a session                             every session
    push        the service, to each session          that session
    announce    the service                           every session
    ==========  ====================================  =======================================

    ``rate_per_s`` is per session; of an announcement, it is that of the whole service.
    ``room_size`` counts the sender; it is the room that a mean *message* meets. Where rooms
    differ, most messages come from the larger ones: a mean room of m sessions with standard
    deviation d counts as m + d²/m.

    ``to_sender`` is false where the sender is left out (``socket.to(room).emit``), true for
    ``io.to(room).emit``. ``acknowledged``: the receiving side answers each message once; a
    session's message is answered by its server, a push or an announcement by each session.
    An acknowledged echo is its own answer and costs no further message.
    """

    name: str
    kind: Kind
    size_bytes: N
    rate_per_s: N
    room_size: N = 1.0
    acknowledged: bool = False
    binary: bool = False
    to_sender: bool = True


class MessageTraffic(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """Rates over the whole service, in messages per second.

    ``inbound_per_s`` sessions → servers and ``deliveries_per_s`` servers → sessions, both
    without acknowledgements, which are ``acks_in_per_s`` and ``acks_out_per_s``.
    ``publishes_per_s`` is what goes through the adapter to reach the other servers,
    ``room_size`` the sessions one publish is for, the sender included (0 in an empty service).
    ``payload_in_bytes_per_s`` and ``payload_out_bytes_per_s`` are application data only: what
    the wire adds to each message is the wire model's to say.
    """

    inbound_per_s: N
    deliveries_per_s: N
    publishes_per_s: N
    room_size: N
    acks_in_per_s: N
    acks_out_per_s: N
    payload_in_bytes_per_s: N
    payload_out_bytes_per_s: N


def traffic(message: MessageKind[N], connections: N) -> MessageTraffic[N]:
    """Return the traffic of one kind of message in a service of ``connections`` sessions.

    A room holds no more sessions than there are. Every message to another session is published:
    Socket.IO's adapters publish without knowing where a room's sessions are, even to a room of
    one (https://github.com/socketio/socket.io-redis-adapter, lib/index.ts). An echo is not, nor an emit.
    Raises InputError for an unknown kind.
    """
    from_sessions = connections * message.rate_per_s
    room_size = minimum(_room_size(message, connections), connections)
    match message.kind:
        case "echo":
            inbound, publishes, deliveries = from_sessions, 0.0 * from_sessions, from_sessions
        case "emit":
            inbound, publishes, deliveries = from_sessions, 0.0 * from_sessions, 0.0 * from_sessions
        case "direct":
            inbound = publishes = deliveries = from_sessions
        case "room" | "broadcast":
            inbound = publishes = from_sessions
            deliveries = from_sessions * (room_size if message.to_sender else maximum(room_size - 1.0, 0.0))
        case "push":
            inbound, publishes, deliveries = 0.0 * from_sessions, from_sessions, from_sessions
        case "announce":
            publishes = message.rate_per_s
            inbound, deliveries = 0.0 * publishes, message.rate_per_s * room_size
    asked_by_service = message.kind in ("push", "announce")
    answered_by_server = message.kind in ("emit", "direct", "room", "broadcast")
    return MessageTraffic(
        inbound_per_s=inbound,
        deliveries_per_s=deliveries,
        publishes_per_s=publishes,
        room_size=room_size,
        acks_in_per_s=deliveries * (1.0 if message.acknowledged and asked_by_service else 0.0),
        acks_out_per_s=inbound * (1.0 if message.acknowledged and answered_by_server else 0.0),
        payload_in_bytes_per_s=inbound * message.size_bytes,
        payload_out_bytes_per_s=deliveries * message.size_bytes,
    )


def _room_size(message: MessageKind[N], connections: N) -> N:
    match message.kind:
        case "echo" | "emit" | "direct" | "push":
            return 1.0
        case "room":
            return message.room_size
        case "broadcast" | "announce":
            return connections
        case _:
            raise InputError(
                f'message "{message.name}" is of kind "{message.kind}"', f"use one of {', '.join(KINDS)}"
            )
