"""What it takes to open a session: TCP, TLS, HTTP, the upgrade, and joining a namespace.

Sequence: https://socket.io/docs/v4/how-it-works/ and github.com/socketio/engine.io-protocol#upgrade,
and what the clients named in ``framing`` were seen to send.
"""

import msgspec

from siotool.plan.wire.framing import Direction, Framing, Travel
from siotool.plan.wire.messages import frame, get_exchange, post_exchange
from siotool.plan.wire.network import pure_acks, quick_acks, tcp_opening, tls_opening, written
from siotool.plan.wire.packet_sizes import (
    OFFERED_UPGRADE_BYTES,
    OPEN_BYTES,
    SID_QUERY_BYTES,
    connect_packets,
    connected_packets,
)

_PROBE_BYTES = len("2probe")
_ONE = 1  # "5" ends the upgrade, "6" ends a poll


def opening(framing: Framing, *, upgrade: bool = False) -> Travel[float]:
    """Return what one session's opening puts on the way, up to the server's consent to its namespace.

    With ``framing.transport`` "websocket": straight to WebSocket, or with ``upgrade`` by polling
    first, the default of Socket.IO's clients. With "polling": polling, and nothing else.
    """
    if framing.transport == "polling":
        return _polling(framing)
    if not upgrade:
        return _connection(framing) + _websocket(framing)
    if framing.client.joins_before_upgrade:
        polling = msgspec.structs.replace(framing, transport="polling")
        return _polling(polling) + _drained(framing) + _connection(framing) + _upgrade(framing)
    first = _connection(framing) + _handshake(framing)
    return first + _connection(framing) + _upgrade(framing) + _join(framing)


def _connection(framing: Framing) -> Travel[float]:
    return tcp_opening(framing) + tls_opening(framing)


def _handshake(framing: Framing) -> Travel[float]:
    """GET that opens a session."""
    body = OPEN_BYTES + OFFERED_UPGRADE_BYTES
    return get_exchange(
        framing, body, body, waits=False, unnamed_bytes=SID_QUERY_BYTES, fresh=framing.tls == "none"
    )


def _polling(framing: Framing) -> Travel[float]:
    """Handshake, then the request to join by POST while a GET on a second connection waits for its answer."""
    wish, consent = connect_packets(framing).polled, connected_packets(framing).polled
    return (
        _connection(framing)
        + _handshake(framing)
        + post_exchange(framing, wish, wish)
        + _connection(framing)
        + get_exchange(framing, consent, consent, waits=False, fresh=framing.tls == "none")
    )


def _drained(framing: Framing) -> Travel[float]:
    """Last GET, which the server ends with ``6`` when the probe has come."""
    return get_exchange(framing, _ONE, _ONE, waits=False, followed=False)


def _websocket(framing: Framing) -> Travel[float]:
    """Request, the open packet, and joining."""
    opened = frame(framing, Direction.TO_CLIENT, OPEN_BYTES)
    acks = quick_acks if framing.tls == "none" else pure_acks
    return _switch(framing, SID_QUERY_BYTES) + Travel(opened, acks(framing, opened.packets)) + _join(framing)


def _upgrade(framing: Framing) -> Travel[float]:
    """Request, ``2probe``, ``3probe`` and ``5``; an acknowledgement for the last."""
    probe, probed = (frame(framing, way, _PROBE_BYTES) for way in (Direction.TO_SERVER, Direction.TO_CLIENT))
    end = frame(framing, Direction.TO_SERVER, _ONE)
    return _switch(framing, 0) + Travel(probed + pure_acks(framing, end.packets), probe + end)


def _switch(framing: Framing, unnamed_bytes: int) -> Travel[float]:
    """HTTP request for WebSocket and its answer, the first on their TCP connection."""
    request = framing.client.upgrade_bytes + framing.extra_request_bytes - unnamed_bytes
    up = written(framing, request)
    down = written(framing, framing.server.upgrade_bytes + framing.extra_response_bytes)
    if framing.tls == "none":
        return Travel(down + quick_acks(framing, up.packets), up + quick_acks(framing, down.packets))
    return Travel(
        down + pure_acks(framing, up.packets, carried=True),
        up + pure_acks(framing, down.packets, carried=True),
    )


def _join(framing: Framing) -> Travel[float]:
    """Request to join and consent, each a frame; the consent is acknowledged by itself."""
    consent = frame(framing, Direction.TO_CLIENT, connected_packets(framing).payload)
    wish = frame(framing, Direction.TO_SERVER, connect_packets(framing).payload)
    return Travel(consent, wish + pure_acks(framing, consent.packets))
