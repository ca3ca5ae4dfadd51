"""How bytes are wrapped on their way, and how many there are then.

Two counts are kept apart. ``tcp`` is what TCP carries: HTTP, WebSocket frames, heartbeats and
TLS; the kernel counts it (TCP_INFO) and a run file calls it ``wire``. ``link`` adds the IP and
TCP headers of every packet and the packets that only acknowledge; a network card, a packet
capture and a cloud's bill count it (Ethernet's own 14 bytes are in neither).

Not modelled: compression (WebSocket's is off by default in Node.js since Socket.IO 3, but aiohttp's
server grants it to a browser that offers it; polling's is on by default for answers of 1,024 bytes
and more, https://socket.io/docs/v4/server-options/: give sizes after compression there), HTTP/2
between a browser and its load balancer, retransmissions, and a load balancer that takes bytes apart
and frames them anew.
"""

from enum import StrEnum
from typing import Generic, Literal

import msgspec

from siotool.errors import InputError
from siotool.plan.numbers import N, N_co


class Direction(StrEnum):
    """Which way a message goes: ``in`` and ``out`` would depend on the side."""

    TO_CLIENT = "to_client"
    TO_SERVER = "to_server"


class Flow(msgspec.Struct, Generic[N_co], frozen=True):
    """Bytes that go one way. All of them may be rates instead (per second), or one value per draw."""

    #: Engine.IO packets, as a run file's ``payload`` counts them.
    payload: N_co = 0.0
    #: TCP payload, as the kernel and a run file's ``wire`` count it.
    tcp: N_co = 0.0
    #: IP packets, headers and pure acknowledgements included.
    link: N_co = 0.0
    #: Number of IP packets.
    packets: N_co = 0.0

    def __add__(self: "Flow[N]", other: "Flow[N]") -> "Flow[N]":
        """Both, one after the other."""
        return Flow(
            self.payload + other.payload,
            self.tcp + other.tcp,
            self.link + other.link,
            self.packets + other.packets,
        )

    def __mul__(self: "Flow[N]", times: N) -> "Flow[N]":
        """Return so many times the same; a rate per second makes bytes per second of it."""
        return Flow(self.payload * times, self.tcp * times, self.link * times, self.packets * times)


class Travel(msgspec.Struct, Generic[N_co], frozen=True):
    """What one thing (a message, a heartbeat, an opening) puts on the way in both directions."""

    to_client: Flow[N_co] = Flow()
    to_server: Flow[N_co] = Flow()

    def __add__(self: "Travel[N]", other: "Travel[N]") -> "Travel[N]":
        """Both, one after the other."""
        return Travel(self.to_client + other.to_client, self.to_server + other.to_server)

    @property
    def tcp_both(self: "Travel[N]") -> N:
        """TCP payload of both directions together."""
        return self.to_client.tcp + self.to_server.tcp

    def __mul__(self: "Travel[N]", times: N) -> "Travel[N]":
        """Return so many times the same; a rate per second makes bytes per second of it."""
        return Travel(self.to_client * times, self.to_server * times)


class Client(msgspec.Struct, frozen=True):
    """Sizes and habits of a client's software; header sizes in bytes, with their blank line.

    Each request's URL names the session (``&sid=`` and 20 characters); the first one's does not,
    which is counted. Digits of a Content-Length do not count: they are added with the body.
    """

    get_bytes: int
    post_bytes: int
    upgrade_bytes: int
    #: First TLS message, without its record's header of 5 bytes.
    client_hello_bytes: int
    #: What the client adds to each msgpack event it emits.
    msgpack_options_bytes: int = 0
    #: Auth payload (JSON) in the packet that joins a namespace.
    auth_bytes: int = 0
    #: With an upgrade: whether it joins its namespace by polling, while the upgrade is on its way.
    joins_before_upgrade: bool = True
    #: With polling: whether each request takes the connection that has rested longest, as in aiohttp's pool.
    #: The next GET then does not carry the acknowledgement of the last one's answer, and a POST on
    #: a connection where a GET waited is acknowledged at once.
    swaps_connections: bool = False


class Server(msgspec.Struct, frozen=True):
    """Sizes of a server's answers: header bytes with their blank line, without Content-Length digits."""

    get_bytes: int
    post_bytes: int
    upgrade_bytes: int
    #: With polling: whether a packet answers a waiting GET at once, so that its attachments wait for the next
    #: (github.com/socketio/socket.io, engine.io/lib/socket.ts, ``flush``).
    parts_attachments: bool = True


#: Socket.IO's own client 4.8.4 in Chromium 156, measured at a site named ``127.0.0.1:41505`` without
#: cookies. A site's name stands in GET twice, in POST three times, in the upgrade twice.
CHROMIUM = Client(561, 652, 558, client_hello_bytes=1983, msgpack_options_bytes=19)
#: Socket.IO 4.8.4 on Node.js 20 with CORS for any origin (``cors: {origin: "*"}``), measured.
NODE = Server(219, 203, 161)
#: python-socketio 5.18 on aiohttp 3.14 with ``cors_allowed_origins="*"``, measured.
AIOHTTP = Server(191, 176, 202, parts_attachments=False)

#: Connection state recovery writes an offset into each event to a client. The in-memory adapter:
#: milliseconds in base 64 (github.com/socketio/socket.io, socket.io-adapter/lib/contrib/yeast.ts).
OFFSET_IN_MEMORY_BYTES = 7
#: Redis streams: an entry's id, ``1700000000000-0`` (redis.io/docs/latest/develop/data-types/streams).
OFFSET_REDIS_STREAMS_BYTES = 15
#: MongoDB: an ObjectId in hexadecimal digits.
OFFSET_MONGO_BYTES = 24


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """How a session's bytes are wrapped. The defaults are a browser on Node.js behind TLS 1.3."""

    transport: Literal["websocket", "polling"] = "websocket"
    parser: Literal["json", "msgpack"] = "json"
    #: AEAD ciphers, AES-GCM in 1.2; "none" where TLS ends at a load balancer.
    tls: Literal["none", "1.2", "1.3"] = "1.3"
    ip: Literal[4, 6] = 4
    #: Length of a namespace's name with its slash; 0 for the main namespace ``/``.
    namespace_bytes: int = 0
    #: Connection state recovery: length of the offset in each event to a client; 0 without recovery.
    recovery_offset_bytes: int = 0
    #: Largest IP packet. 1500 on Ethernet; a loopback takes 65535.
    mtu_bytes: int = 1500
    #: RFC 7323 timestamps, 12 bytes per segment: on by default in Linux, macOS, iOS and Android.
    timestamps: bool = True
    #: A receiver acknowledges at least every second full segment (RFC 1122 §4.2.3.2, RFC 5681 §4.2).
    segments_per_ack: int = 2
    client: Client = CHROMIUM
    server: Server = NODE
    #: Cookies and other headers of yours in each request, and in each answer.
    extra_request_bytes: int = 0
    extra_response_bytes: int = 0
    #: The server's certificates in DER form, all together, and how many there are. Default: 2,540 bytes in
    #: two (cryptologie.net/article/410/how-big-are-tls-records-during-a-handshake).
    certificates_bytes: int = 2540
    certificates: int = 2
    #: Its signature in the handshake: RSA-2048 256 bytes, ECDSA P-256 about 71.
    signature_bytes: int = 256
    #: Its share of the key exchange: X25519 32 bytes, X25519MLKEM768 1,120 (OpenSSL 3.5 and newer).
    key_share_bytes: int = 32

    def __post_init__(self) -> None:
        """Refuse an impossible MTU."""
        small = _header_bytes(self) + 64
        if self.mtu_bytes < small:
            raise InputError(
                f"an MTU of {self.mtu_bytes} bytes leaves no room for data",
                f"use at least {small} bytes; Ethernet has 1500",
            )

    @property
    def header_bytes(self) -> int:
        """IP and TCP header of a segment (RFC 791, RFC 8200, RFC 9293, RFC 7323)."""
        return _header_bytes(self)

    @property
    def mss_bytes(self) -> int:
        """TCP payload of a full segment: 1,448 bytes for IPv4 with timestamps on Ethernet."""
        return self.mtu_bytes - _header_bytes(self)


def _header_bytes(framing: Framing) -> int:
    return {4: 20, 6: 40}[framing.ip] + 20 + (12 if framing.timestamps else 0)
