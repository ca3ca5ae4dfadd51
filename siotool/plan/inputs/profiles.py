"""What servers cost that nobody has measured yet: published figures, and honest guesses for the rest.

A range is the central 90 % of what is believed, wide where little is known. Published figures
are of somebody else's machine: measured runs of one's own replace them (``plan --from``).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool.errors import InputError
from siotool.plan.inputs.figure import Figure
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range


class Cost(msgspec.Struct, frozen=True):
    """A cost in SI units, with where it comes from; ``low`` = ``high`` is a single value."""

    low: float
    likely: float | None
    high: float
    kind: Literal["published", "default"]
    source: str


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of a server implementation costs, in CPU seconds and bytes.

    ``idle_s_per_s``: one open connection, per second, heartbeats every 25 s. ``inbound_s``: one
    message from a client. ``encode_s``: one publish turned into a frame, once in each process.
    ``delivery_s``: one frame written to one client; ``byte_s`` more for each byte of payload.
    ``adapter_s``: one publish received from the adapter, whether anybody here wants it or not;
    ``decode_s`` more where somebody does. ``connect_s``: one new connection, and
    ``tls_connect_s`` more where this process ends TLS, ``tls_byte_s`` for each byte.
    ``poll_s``: one HTTP request of a polling session, beside the message it brings.
    ``memory_base_bytes``: the process without connections; ``memory_per_connection_bytes``:
    resident memory of each, of which
    ``heap_per_connection_bytes`` under the JavaScript heap's limit;
    ``kernel_per_connection_bytes`` beside it.
    """

    name: str
    about: str
    idle_s_per_s: Cost
    inbound_s: Cost
    encode_s: Cost
    delivery_s: Cost
    byte_s: Cost
    adapter_s: Cost
    decode_s: Cost
    connect_s: Cost
    poll_s: Cost
    tls_connect_s: Cost
    tls_byte_s: Cost
    memory_base_bytes: Cost
    memory_per_connection_bytes: Cost
    kernel_per_connection_bytes: Cost
    heap_per_connection_bytes: Cost | None = None


#: Field of a profile → key of the plan file.
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "idle_s_per_s": "server.idle_cost",
        "inbound_s": "server.inbound_cost",
        "encode_s": "server.encode_cost",
        "delivery_s": "server.delivery_cost",
        "byte_s": "server.byte_cost",
        "adapter_s": "server.adapter_cost",
        "decode_s": "server.decode_cost",
        "connect_s": "server.connect_cost",
        "poll_s": "server.poll_cost",
        "tls_connect_s": "server.tls_connect_cost",
        "tls_byte_s": "server.tls_byte_cost",
        "memory_base_bytes": "server.memory_base",
        "memory_per_connection_bytes": "server.memory_per_connection",
        "kernel_per_connection_bytes": "server.kernel_memory_per_connection",
        "heap_per_connection_bytes": "server.heap_per_connection",
    }
)

_BENCHMARK = "https://github.com/ezioda004/benchmark-socketio-uwebsockets"
_MEMORY = "https://socket.io/docs/v4/memory-usage/"
_TLS = "https://www.nginx.com/blog/nginx-ssl-performance"

# One heartbeat in 25 s is a write and a read. Centrifugo, in Go, with the same interval.
_IDLE = Cost(
    4.7e-6,
    None,
    10e-6,
    "published",
    "Centrifugo, 25 s pings: 4.7 µs (https://centrifugal.dev/blog, 2026-08-17), 10 µs (2020-02-10)",
)
_KERNEL = Cost(
    4096.0,
    None,
    4096.0,
    "published",
    "Centrifugo: about 4 kB of kernel slab a socket (https://centrifugal.dev/blog, 2026-08-17)",
)
_HANDSHAKES = Cost(
    1 / 2000,
    None,
    1 / 350,
    "published",
    f"full handshakes a core: 2,000/s with ECDSA P-256, 350/s with RSA-2048 ({_TLS})",
)


#: siotool loadtest, scenarios idle, listen and echo with 400 users; one machine is no publication.
_HERE = "by siotool loadtest on a virtual machine with 2 cores, November 2026"


#: Broadcasts of five sizes to 40 clients of a Socket.IO server on Node.js, its own CPU in user and system.
_BENCH = "by tests/bench/server_costs.mjs on a virtual machine with 2 cores, November 2026"


def _guess(low: float, likely: float | None, high: float, why: str) -> Cost:
    return Cost(low, likely, high, "default", why)


# A payload is copied and sent once for each recipient: nothing at 2 kB, ten deliveries at 1 MB.
_BYTES = _guess(
    0.1e-9,
    0.28e-9,
    0.4e-9,
    "broadcasts on Node.js: 17.6 µs a delivery at 200 B and 2 kB, 20 at 20 kB, 45 at 100 kB, 353 at 1 MB "
    f"({_BENCH}: 0.2 ns/B up to 20 kB, 0.32 at 1 MB)",
)
_POLLS = _guess(
    80e-6,
    140e-6,
    300e-6,
    f"a delivery by polling with the request it answers: 140–270 µs on Node.js {_BENCH}",
)
_TLS_BYTES = _guess(
    0.2e-9, 0.5e-9, 0.8e-9, f"TLS 1.3 in the process: 0.47–0.6 ns/B more than without, Node.js {_BENCH}"
)


_NODE_WS = Profile(
    name="node-ws",
    about="Socket.IO on Node.js with ws, as installed",
    idle_s_per_s=_IDLE,
    inbound_s=_guess(20e-6, 50e-6, 80e-6, f"a call with its answer: 78 µs {_HERE}"),
    encode_s=_guess(3e-6, 10e-6, 30e-6, "JSON of a small message"),
    delivery_s=Cost(
        33e-6,
        None,
        45e-6,
        "published",
        f"1 kB each: 30,000/s fill a core, 20,000/s take 90 % of one ({_BENCHMARK})",
    ),
    byte_s=_BYTES,
    adapter_s=_guess(5e-6, 10e-6, 30e-6, "one Redis message read, its channel looked up"),
    decode_s=_guess(5e-6, 15e-6, 40e-6, "msgpack of a small message, and the way to its room"),
    connect_s=_guess(0.7e-3, 1.5e-3, 4e-3, f"WebSocket at once: 1.3–1.8 ms {_HERE}"),
    poll_s=_POLLS,
    tls_connect_s=_HANDSHAKES,
    tls_byte_s=_TLS_BYTES,
    memory_base_bytes=_guess(45e6, 60e6, 120e6, "a Node.js process with socket.io and little else"),
    memory_per_connection_bytes=_guess(
        15e3,
        40e3,
        80e3,
        f"a heap of 9.2 kB idle ({_MEMORY}), 37–50 kB at 1 kB/s each ({_BENCHMARK}), and buffers outside it",
    ),
    heap_per_connection_bytes=Cost(
        9.2e3,
        None,
        50e3,
        "published",
        f"heapUsed, idle: 9.2 kB ({_MEMORY}); with 1 kB/s each: 37–50 kB ({_BENCHMARK})",
    ),
    kernel_per_connection_bytes=_KERNEL,
)

_NODE_EIOWS = msgspec.structs.replace(
    _NODE_WS,
    name="node-eiows",
    about="Socket.IO on Node.js with eiows in the place of ws",
    delivery_s=_guess(15e-6, 30e-6, 45e-6, f"at most as ws ({_BENCHMARK}); not measured"),
    memory_per_connection_bytes=_guess(12e3, 35e3, 75e3, f"as ws, less what {_MEMORY} saw its heap save"),
    heap_per_connection_bytes=_guess(
        6e3,
        None,
        47e3,
        f"heapUsed, idle: 6.0 kB, 3.2 less than ws ({_MEMORY}); with traffic as ws less those",
    ),
)

_NODE_UWS = msgspec.structs.replace(
    _NODE_WS,
    name="node-uws",
    about="Socket.IO on Node.js with µWebSockets.js",
    idle_s_per_s=_guess(1e-6, 3e-6, 10e-6, "at most as with ws; its heartbeats are Socket.IO's all the same"),
    delivery_s=_guess(
        5.8e-6,
        6.7e-6,
        33e-6,
        f"plain µWebSockets: 120,000/s at 70 % of a core, some 150,000/s at most ({_BENCHMARK}); "
        "rooms use its topics, emits to one socket cost about as much as with ws",
    ),
    memory_per_connection_bytes=_guess(12e3, 35e3, 75e3, f"as ws, less what {_MEMORY} saw its heap save"),
    heap_per_connection_bytes=_guess(
        5.6e3,
        None,
        46e3,
        f"heapUsed, idle: 5.6 kB, 3.6 less than ws ({_MEMORY}); with traffic as ws less those",
    ),
)

_PYTHON = Profile(
    name="python-socketio",
    about="python-socketio on an asyncio loop",
    idle_s_per_s=_guess(5e-6, 10e-6, 25e-6, "a task and a timer for each connection's heartbeats"),
    inbound_s=_guess(100e-6, 200e-6, 300e-6, f"a call with its answer: 251 µs {_HERE}"),
    encode_s=_guess(5e-6, 15e-6, 40e-6, "JSON of a small message"),
    delivery_s=_guess(30e-6, 46e-6, 120e-6, f"small messages: 46 µs {_HERE}"),
    byte_s=_guess(0.1e-9, 0.4e-9, 1.5e-9, "as Node.js or more: not measured"),
    adapter_s=_guess(30e-6, 80e-6, 200e-6, "one channel for all rooms: every message is decoded everywhere"),
    decode_s=_guess(5e-6, 10e-6, 30e-6, "the way of a decoded message to its room"),
    connect_s=_guess(0.7e-3, 1e-3, 4e-3, f"WebSocket at once: 0.9 ms {_HERE}"),
    poll_s=_guess(150e-6, 400e-6, 1e-3, "an aiohttp request: as a call or more; not measured"),
    tls_connect_s=_HANDSHAKES,
    tls_byte_s=_guess(0.2e-9, 0.6e-9, 1.5e-9, "OpenSSL as in Node.js, a copy more; not measured"),
    memory_base_bytes=_guess(35e6, 55e6, 120e6, "a Python process with an asyncio server and little else"),
    memory_per_connection_bytes=_guess(25e3, 34e3, 90e3, f"31–34 kB {_HERE}"),
    kernel_per_connection_bytes=_KERNEL,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (_NODE_WS, _NODE_EIOWS, _NODE_UWS, _PYTHON)}
)


def profile_named(name: str) -> Profile:
    """Return a profile; InputError, with the names there are, for another one."""
    try:
        return PROFILES[name]
    except KeyError:
        raise InputError(
            f'there is no server profile "{name}"', f"use one of {', '.join(PROFILES)}"
        ) from None


def published(name: str) -> dict[str, Figure]:
    """Return a profile's costs by key of the plan file, each with its range and its source."""
    profile = profile_named(name)
    return {
        key: figure_of(cost) for field, key in KEYS.items() if (cost := getattr(profile, field)) is not None
    }


def figure_of(cost: Cost) -> Figure:
    """Return a cost as a plan's figure."""
    value = cost.low if cost.low == cost.high else Range(cost.low, cost.likely, cost.high)
    return Figure(value, Provenance(cost.kind, cost.source))
