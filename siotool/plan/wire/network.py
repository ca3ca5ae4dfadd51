"""What the layers below Engine.IO add: WebSocket frames, TLS records, TCP segments, acknowledgements."""

from siotool.plan.numbers import N, ceil, where
from siotool.plan.wire.framing import Direction, Flow, Framing, Travel

#: Most plaintext in a TLS record (RFC 8446 §5.1, RFC 5246 §6.2.1).
RECORD_BYTES = 16_384
_RECORD_HEADER = 5
_TAG = 16
_MASK_BYTES = 4
_CHANGE_CIPHER_SPEC = _RECORD_HEADER + 1
_HANDSHAKE_HEADER = 4
#: OpenSSL 3.0's session tickets, measured: two in TLS 1.3, each in a record; one in TLS 1.2.
_TICKETS_1_3 = 2 * 255
_TICKET_1_2 = 191
_HASH = 48  # SHA-384, of the AES-256 suites that OpenSSL and browsers come to


def record_overhead(framing: Framing) -> int:
    """Bytes TLS adds to a record.

    TLS 1.3: header, inner content type and tag, 22 (RFC 8446 §5.2). TLS 1.2 with AES-GCM: header,
    explicit nonce of 8 and tag, 29 (RFC 5288 §3). Without TLS: 0.
    """
    return {"none": 0, "1.2": _RECORD_HEADER + 8 + _TAG, "1.3": _RECORD_HEADER + 1 + _TAG}[framing.tls]


def frame_bytes(size: N, direction: Direction) -> N:
    """Return the size of a WebSocket frame with so much payload; clients mask (RFC 6455 §5.2)."""
    header = where(size < 126, 2, where(size < 65536, 4, 10))
    return size + header + (_MASK_BYTES if direction == Direction.TO_SERVER else 0)


def written(framing: Framing, size: N, payload: N = 0.0) -> Flow[N]:
    """Return the flow of bytes handed to the connection in one write.

    Writes do not share segments: Node.js and Python turn Nagle's algorithm off.
    """
    tcp = size + ceil(size / RECORD_BYTES) * record_overhead(framing)
    return _segmented(framing, tcp, payload)


def _segmented(framing: Framing, tcp: N, payload: N = 0.0) -> Flow[N]:
    """Return the flow of TCP payload as it is, TLS included."""
    packets = ceil(tcp / framing.mss_bytes)
    return Flow(payload, tcp, tcp + packets * framing.header_bytes, packets)


def pure_acks(framing: Framing, segments: N, *, carried: bool = False) -> Flow[N]:
    """Return packets that only acknowledge so many segments of the other direction.

    Every ``segments_per_ack`` segments are acknowledged at once; those left over wait for data
    that goes back (``carried``), or for the timer.
    """
    full = segments / framing.segments_per_ack
    count = -ceil(-full) if carried else ceil(full)
    return Flow(0.0, 0.0, count * framing.header_bytes, count)


def quick_acks(framing: Framing, segments: N) -> Flow[N]:
    """Return the same for the first exchange of a connection: Linux acknowledges each segment at once.

    Quick acknowledgements last until data has gone back (linux/net/ipv4/tcp_input.c,
    ``tcp_in_quickack_mode``).
    """
    return Flow(0.0, 0.0, segments * framing.header_bytes, segments)


def towards(direction: Direction, there: Flow[N], back: Flow[N]) -> Travel[N]:
    """Return the travel of one flow in a direction and another against it."""
    return Travel(there, back) if direction == Direction.TO_CLIENT else Travel(back, there)


def tcp_opening(framing: Framing) -> Travel[float]:
    """SYN, SYN-ACK and ACK; a SYN's options come to 20 bytes with timestamps (Linux), else to 12."""
    syn = framing.header_bytes + (8 if framing.timestamps else 12)
    ack = pure_acks(framing, 1.0)
    return Travel(Flow(link=syn, packets=1.0), Flow(link=syn, packets=1.0) + ack)


def tls_opening(framing: Framing) -> Travel[float]:
    """Full TLS handshake of one connection, with the session tickets of OpenSSL.

    Messages and their sizes: RFC 8446 §4, RFC 5246 §7.4 and RFC 8422 §5.4; X25519 key exchange.
    """
    if framing.tls == "none":
        return Travel()
    hello = _RECORD_HEADER + framing.client.client_hello_bytes
    overhead = record_overhead(framing)
    if framing.tls == "1.3":
        finished = overhead + _HANDSHAKE_HEADER + _HASH
        flight: tuple[float, ...] = (
            *(_RECORD_HEADER + 90 + framing.key_share_bytes, _CHANGE_CIPHER_SPEC),
            overhead + 6,  # EncryptedExtensions, empty
            _records(framing, _HANDSHAKE_HEADER + 4 + framing.certificates_bytes + 5 * framing.certificates),
            overhead + _HANDSHAKE_HEADER + 4 + framing.signature_bytes,
            finished,
        )
        answer = _CHANGE_CIPHER_SPEC + finished
        last = _TICKETS_1_3
    else:
        finished = overhead + _HANDSHAKE_HEADER + 12
        chain = _HANDSHAKE_HEADER + 3 + framing.certificates_bytes + 3 * framing.certificates
        flight = (
            _RECORD_HEADER + 65,  # ServerHello
            _RECORD_HEADER + chain,
            _RECORD_HEADER + _HANDSHAKE_HEADER + 40 + framing.signature_bytes,
            _RECORD_HEADER + _HANDSHAKE_HEADER,
        )
        answer = _RECORD_HEADER + _HANDSHAKE_HEADER + 33 + _CHANGE_CIPHER_SPEC + finished
        last = _TICKET_1_2 + _CHANGE_CIPHER_SPEC + finished
    request, down = _segmented(framing, hello), _segmented(framing, sum(flight))
    return Travel(
        quick_acks(framing, request.packets) + down + _segmented(framing, last),
        request + quick_acks(framing, down.packets) + _segmented(framing, answer),
    )


def _records(framing: Framing, size: N) -> N:
    return size + ceil(size / RECORD_BYTES) * record_overhead(framing)
