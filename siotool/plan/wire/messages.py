"""Messages and heartbeats of a session, in bytes and packets, by direction.

Over WebSocket a message is one frame (and one for each attachment), and what goes back is
acknowledgements. Over polling each message to the client is the answer to a GET, and each
message to the server a POST: HTTP headers outweigh small messages by far.
"""

from siotool.plan.numbers import N
from siotool.plan.wire.framing import Direction, Flow, Framing, Travel
from siotool.plan.wire.network import frame_bytes, pure_acks, quick_acks, towards, written
from siotool.plan.wire.packet_sizes import Packets, ack_packets, digits, event_packets

#: Engine.IO's server default (https://socket.io/docs/v4/server-options/#pinginterval).
PING_INTERVAL_S = 25.0

_POST_ANSWER_BYTES = 2  # "ok"
_PING = _PONG = Packets(1)


def event(
    framing: Framing,
    direction: Direction,
    event_name_bytes: N,
    payload_bytes: N,
    *,
    ack_id: N | None = None,
    attachments: int = 0,
    attachment_bytes: N = 0,
    answered: bool = False,
) -> Travel[N]:
    """Return what one event puts on the way.

    ``event_name_bytes``: its name in UTF-8, of characters that JSON leaves as they are.
    ``payload_bytes``: its arguments as the parser writes them (JSON text or msgpack), with the
    commas between them but without brackets and attachments; 0 for none. ``ack_id``: the id of
    a call that asks for an acknowledgement; None for none. ``attachments``: binary arguments of
    ``attachment_bytes`` each.
    ``answered``: data goes back before TCP's delayed acknowledgement is due (40 ms in Linux) and
    carries it, as the answer to a call does; else it is a packet of its own. A connection with
    more than 25 unanswered messages per second has fewer of these than counted here.

    Recovery adds its offset to events for the client without ack id, as Socket.IO's adapters do
    (github.com/socketio/socket.io, socket.io-adapter/lib/in-memory-adapter.ts).
    """
    recovers = direction == Direction.TO_CLIENT and ack_id is None
    packets = event_packets(
        framing,
        event_name_bytes,
        payload_bytes,
        ack_id=ack_id,
        offset_bytes=framing.recovery_offset_bytes if recovers else 0,
        attachments=attachments,
        attachment_bytes=attachment_bytes,
        options_bytes=framing.client.msgpack_options_bytes if direction == Direction.TO_SERVER else 0,
    )
    return carried(framing, direction, packets, answered=answered)


def ack(
    framing: Framing,
    direction: Direction,
    payload_bytes: N,
    *,
    ack_id: N = 0,
    attachments: int = 0,
    attachment_bytes: N = 0,
    answered: bool = False,
) -> Travel[N]:
    """Return what an acknowledgement of Socket.IO (not of TCP) puts on the way in ``direction``.

    Arguments as those of ``event``; a call is ``event(…, answered=True) + ack(…)``.
    """
    packets = ack_packets(
        framing, payload_bytes, ack_id, attachments=attachments, attachment_bytes=attachment_bytes
    )
    return carried(framing, direction, packets, answered=answered)


def heartbeat_rates(framing: Framing, ping_interval_s: N = PING_INTERVAL_S) -> Travel[N]:
    """Return bytes and packets per second of one idle connection.

    The server sends ``2`` every ``ping_interval_s``, the client answers ``3`` at once
    (github.com/socketio/engine.io-protocol#heartbeat). Over polling the ping ends a GET and the
    pong is a POST.
    """
    ping: Travel[N] = carried(framing, Direction.TO_CLIENT, _PING, answered=True)
    pong = carried(framing, Direction.TO_SERVER, _PONG, answered=framing.transport == "polling")
    return (ping + pong) * (1 / ping_interval_s)


def carried(
    framing: Framing,
    direction: Direction,
    packets: Packets[N],
    *,
    answered: bool = False,
) -> Travel[N]:
    """Return what the Engine.IO packets of one message put on the way."""
    if framing.transport == "websocket":
        return _in_frames(framing, direction, packets, answered)
    if direction == Direction.TO_CLIENT:
        return _in_answers(framing, packets)
    whole = post_exchange(framing, packets.body, packets.polled)
    # an answer in two parts takes both connections, and puts them back in order
    if answered and framing.client.swaps_connections and not _parted(framing, packets):
        whole = whole + Travel(quick_acks(framing, 1.0), Flow())
    return whole


def _in_answers(framing: Framing, packets: Packets[N]) -> Travel[N]:
    """Answers to waiting GETs that carry one message."""
    carries = not framing.client.swaps_connections
    if not _parted(framing, packets):
        return get_exchange(framing, packets.body, packets.polled, waits=True, followed=carries)
    first = packets.polled_first
    rest = packets.polled - first
    return get_exchange(framing, first, first, waits=True) + get_exchange(
        framing, rest + packets.attachments - 1, rest, waits=False, followed=carries
    )


def _parted(framing: Framing, packets: Packets[N]) -> bool:
    """Whether one message takes two answers."""
    return bool(packets.attachments) and framing.server.parts_attachments


def get_exchange(
    framing: Framing,
    body_bytes: N,
    payload: N,
    *,
    waits: bool,
    unnamed_bytes: int = 0,
    followed: bool = True,
    fresh: bool = False,
) -> Travel[N]:
    """Return a GET and its answer.

    ``waits``: the answer comes so late that TCP acknowledges the request by itself.
    ``followed``: the next request comes at once, and with it the answer's acknowledgement.
    ``unnamed_bytes``: what the URL is shorter by. ``fresh``: the first on its TCP connection.
    """
    request = framing.client.get_bytes + framing.extra_request_bytes - unnamed_bytes
    answer = framing.server.get_bytes + framing.extra_response_bytes + digits(body_bytes) + body_bytes
    up: Flow[N] = written(framing, request)
    down = written(framing, answer, payload)
    if fresh:
        return Travel(down + quick_acks(framing, up.packets), up + quick_acks(framing, down.packets))
    return Travel(
        down + pure_acks(framing, up.packets, carried=not waits),
        up + pure_acks(framing, down.packets, carried=followed),
    )


def post_exchange(framing: Framing, body_bytes: N, payload: N) -> Travel[N]:
    """Return a POST and its answer; nothing follows that could carry the answer's acknowledgement."""
    request = framing.client.post_bytes + framing.extra_request_bytes + digits(body_bytes) + body_bytes
    answer = framing.server.post_bytes + framing.extra_response_bytes + 1 + _POST_ANSWER_BYTES
    up = written(framing, request, payload)
    down: Flow[N] = written(framing, answer)
    return Travel(down + pure_acks(framing, up.packets, carried=True), up + pure_acks(framing, down.packets))


def frame(framing: Framing, direction: Direction, size: N) -> Flow[N]:
    """Return an Engine.IO packet of so many bytes in a frame of its own."""
    return written(framing, frame_bytes(size, direction), size)


def _in_frames(framing: Framing, direction: Direction, packets: Packets[N], answered: bool) -> Travel[N]:
    there = frame(framing, direction, packets.first)
    if packets.attachments:
        there = there + frame(framing, direction, packets.attachment) * packets.attachments
    return towards(direction, there, pure_acks(framing, there.packets, carried=answered))
