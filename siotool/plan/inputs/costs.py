"""What a process of a server costs: each cost once, by the one name it has everywhere.

The table says what a plan file, ``plan init``, the server profiles, what is learnt from runs and the JSON
of a plan say of a cost. A new one is a row here and a term of its constraint (``constraints.cpu``,
``constraints.memory``).

Until it is measured, a cost has a prior: published, or a guess. Its range is the central 90 % of what
is believed, wide where little is known. Your own measured runs replace it (``plan --from``).
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool.errors import InputError
from siotool.plan.inputs.figure import Figure
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range


class Prior(msgspec.Struct, frozen=True):
    """A cost in SI units before it is measured, and its source; ``low`` = ``high`` is a single value."""

    low: float
    likely: float | None
    high: float
    kind: Literal["published", "default"]
    source: str

    def figure(self) -> Figure:
        """Return it as a plan's figure."""
        value = self.low if self.low == self.high else Range(self.low, self.likely, self.high)
        return Figure(value, Provenance(self.kind, self.source))


class ServerCost(msgspec.Struct, frozen=True, kw_only=True):
    """One cost. ``key`` is its name; ``about`` and ``example`` are shown in a plan file; ``high`` bounds it.

    ``unit`` is that of a measured figure. ``column`` is the kind of work, in a run's table of
    seconds, by which the cost is learnt; "" for one that is not. ``words`` and ``one`` name that work.
    Where runs cannot separate two kinds, the cost of both is that of the lower ``rank``, which a
    planner needs more; ``try_next`` is the run that would separate them. ``priors`` are by
    server profile.
    """

    key: str
    kind: Literal["duration", "size", "share"] = "duration"
    about: str
    example: str
    high: float = math.inf
    unit: str = "core-seconds"
    column: str = ""
    rank: int = 0
    words: str = ""
    one: str = ""
    try_next: str = ""
    priors: Mapping[str, Prior] = MappingProxyType({})


#: Server profiles → the profile whose priors replace those that it lacks; "" for none.
PROFILES: Mapping[str, str] = MappingProxyType(
    {
        "node-ws": "",  # Socket.IO on Node.js with ws, as installed
        "node-eiows": "node-ws",  # with eiows in its place
        "node-uws": "node-ws",  # with µWebSockets.js
        "python-socketio": "",  # on an asyncio loop
    }
)

_BENCHMARK = "https://github.com/ezioda004/benchmark-socketio-uwebsockets"
_MEMORY = "https://socket.io/docs/v4/memory-usage/"
#: siotool loadtest, scenarios idle, listen and echo with 400 users; one machine is no publication.
_HERE = "by siotool loadtest on a virtual machine with 2 cores, November 2026"
#: Broadcasts of five sizes to 40 clients of a Socket.IO server on Node.js, its own CPU in user and system.
_BENCH = "by tests/bench/server_costs.mjs on a virtual machine with 2 cores, November 2026"


def _guess(low: float, likely: float | None, high: float, why: str) -> Prior:
    return Prior(low, likely, high, "default", why)


def _published(low: float, high: float, source: str) -> Prior:
    return Prior(low, None, high, "published", source)


def _priors(
    node_ws: Prior,
    python: Prior | None = None,
    *,
    node_eiows: Prior | None = None,
    node_uws: Prior | None = None,
) -> Mapping[str, Prior]:
    all_four = dict(zip(PROFILES, (node_ws, node_eiows, node_uws, python), strict=True))
    return MappingProxyType({name: prior for name, prior in all_four.items() if prior is not None})


# One heartbeat in 25 s is a write and a read. Centrifugo, in Go, with the same interval.
_IDLE = _published(
    4.7e-6,
    10e-6,
    "Centrifugo, 25 s pings: 4.7 µs (https://centrifugal.dev/blog, 2026-08-17), 10 µs (2020-02-10)",
)
_KERNEL = _published(
    4096.0,
    4096.0,
    "Centrifugo: about 4 kB of kernel slab a socket (https://centrifugal.dev/blog, 2026-08-17)",
)
_HANDSHAKES = _published(
    1 / 2000,
    1 / 350,
    "full handshakes a core: 2,000/s with ECDSA P-256, 350/s with RSA-2048 "
    "(https://www.nginx.com/blog/nginx-ssl-performance)",
)
_SAVED = _guess(12e3, 35e3, 75e3, f"as ws, less what {_MEMORY} saw its heap save")

#: In the order of a plan file.
COSTS = (
    ServerCost(
        key="server.base_cost",
        kind="share",
        about="share of its core that a process with nothing to do takes",
        example="2%",
        high=1.0,
        unit="cores",
    ),
    ServerCost(
        key="server.idle_cost",
        about="CPU per second of an idle connection",
        example="5us",
        unit="core-seconds/s",
        column="connections",
        rank=5,
        words="connections",
        one="idle connection",
        try_next="--scenario idle",
        priors=_priors(
            _IDLE,
            _guess(5e-6, 10e-6, 25e-6, "a task and a timer for each connection's heartbeats"),
            node_uws=_guess(
                1e-6, 3e-6, 10e-6, "at most as with ws; its heartbeats are Socket.IO's all the same"
            ),
        ),
    ),
    ServerCost(
        key="server.inbound_cost",
        about="CPU per message received from a client",
        example="40us",
        column="inbound_per_s",
        rank=2,
        words="inbound messages/s",
        one="inbound message",
        try_next="--scenario echo",
        priors=_priors(
            _guess(20e-6, 50e-6, 80e-6, f"a call with its answer: 78 µs {_HERE}"),
            _guess(100e-6, 200e-6, 300e-6, f"a call with its answer: 251 µs {_HERE}"),
        ),
    ),
    ServerCost(
        key="server.ack_cost",
        about="CPU to answer a message with an acknowledgement; by default a delivery's",
        example="20us",
        column="acks_per_s",
        rank=3,
        words="acknowledgements/s",
        one="acknowledgement",
        try_next="emits without acknowledgement",
    ),
    ServerCost(
        key="server.encode_cost",
        about="CPU to encode one publish, once per process",
        example="20us",
        priors=_priors(
            _guess(3e-6, 10e-6, 30e-6, "JSON of a small message"),
            _guess(5e-6, 15e-6, 40e-6, "JSON of a small message"),
        ),
    ),
    ServerCost(
        key="server.delivery_cost",
        about="CPU per message written to one client",
        example="33us",
        column="deliveries_per_s",
        rank=1,
        words="deliveries/s",
        one="delivery",
        try_next="--scenario chat with another number of users",
        priors=_priors(
            _published(
                33e-6, 45e-6, f"1 kB each: 30,000/s fill a core, 20,000/s take 90 % of one ({_BENCHMARK})"
            ),
            _guess(30e-6, 46e-6, 120e-6, f"small messages: 46 µs {_HERE}"),
            node_eiows=_guess(15e-6, 30e-6, 45e-6, f"at most as ws ({_BENCHMARK}); not measured"),
            node_uws=_guess(
                5.8e-6,
                6.7e-6,
                33e-6,
                f"plain µWebSockets: 120,000/s at 70 % of a core, some 150,000/s at most ({_BENCHMARK}); "
                "rooms use its topics, emits to one socket cost about as much as with ws",
            ),
        ),
    ),
    ServerCost(
        key="server.byte_cost",
        about="CPU per byte on the wire, both ways",
        example="2ns",
        column="bytes_per_s",
        rank=6,
        words="bytes/s",
        one="byte",
        try_next="another --set size=…",
        # a payload is copied and sent once for each recipient: nothing at 2 kB, ten deliveries at 1 MB
        priors=_priors(
            _guess(
                0.1e-9,
                0.28e-9,
                0.4e-9,
                "broadcasts on Node.js: 17.6 µs a delivery at 200 B and 2 kB, 20 at 20 kB, 45 at 100 kB, 353 "
                f"at 1 MB ({_BENCH}: 0.2 ns/B up to 20 kB, 0.32 at 1 MB)",
            ),
            _guess(0.1e-9, 0.4e-9, 1.5e-9, "as Node.js or more: not measured"),
        ),
    ),
    ServerCost(
        key="server.poll_cost",
        about="CPU per HTTP request of a polling session",
        example="150us",
        priors=_priors(
            _guess(
                80e-6,
                140e-6,
                300e-6,
                f"a delivery by polling with the request it answers: 140–270 µs on Node.js {_BENCH}",
            ),
            _guess(150e-6, 400e-6, 1e-3, "an aiohttp request: as a call or more; not measured"),
        ),
    ),
    ServerCost(
        key="server.tls_connect_cost",
        about="CPU per new connection for its TLS",
        example="700us",
        priors=_priors(_HANDSHAKES, _HANDSHAKES),
    ),
    ServerCost(
        key="server.tls_byte_cost",
        about="CPU per byte on the wire for its TLS",
        example="0.5ns",
        priors=_priors(
            _guess(
                0.2e-9,
                0.5e-9,
                0.8e-9,
                f"TLS 1.3 in the process: 0.47–0.6 ns/B more than without, Node.js {_BENCH}",
            ),
            _guess(0.2e-9, 0.6e-9, 1.5e-9, "OpenSSL as in Node.js, a copy more; not measured"),
        ),
    ),
    ServerCost(
        key="server.publish_cost",
        about="CPU per message given to the adapter, in the process that publishes it",
        example="30us",
    ),
    ServerCost(
        key="server.adapter_cost",
        about="CPU per message received from the adapter",
        example="30us",
        priors=_priors(
            _guess(5e-6, 10e-6, 30e-6, "one Redis message read, its channel looked up"),
            _guess(30e-6, 80e-6, 200e-6, "one channel for all rooms: every message is decoded everywhere"),
        ),
    ),
    ServerCost(
        key="server.decode_cost",
        about="CPU to decode a message from the adapter",
        example="10us",
        priors=_priors(
            _guess(5e-6, 15e-6, 40e-6, "msgpack of a small message, and the way to its room"),
            _guess(5e-6, 10e-6, 30e-6, "the way of a decoded message to its room"),
        ),
    ),
    ServerCost(
        key="server.connect_cost",
        about="CPU per new connection, TLS not included",
        example="1ms",
        column="handshakes_per_s",
        rank=4,
        words="new connections/s",
        one="handshake",
        try_next="a ramp with another --spawn-rate",
        priors=_priors(
            _guess(0.7e-3, 1.5e-3, 4e-3, f"WebSocket at once: 1.3–1.8 ms {_HERE}"),
            _guess(0.7e-3, 1e-3, 4e-3, f"WebSocket at once: 0.9 ms {_HERE}"),
        ),
    ),
    ServerCost(
        key="server.memory_base",
        kind="size",
        about="memory of one process without connections",
        example="60MB",
        unit="bytes",
        priors=_priors(
            _guess(45e6, 60e6, 120e6, "a Node.js process with socket.io and little else"),
            _guess(35e6, 55e6, 120e6, "a Python process with an asyncio server and little else"),
        ),
    ),
    ServerCost(
        key="server.memory_per_connection",
        kind="size",
        about="memory of one connection",
        example="40kB",
        unit="bytes",
        priors=_priors(
            _guess(
                15e3,
                40e3,
                80e3,
                f"a heap of 9.2 kB idle ({_MEMORY}), 37–50 kB at 1 kB/s each ({_BENCHMARK}), and buffers "
                "outside it",
            ),
            _guess(25e3, 34e3, 90e3, f"31–34 kB {_HERE}"),
            node_eiows=_SAVED,
            node_uws=_SAVED,
        ),
    ),
    ServerCost(
        key="server.kernel_memory_per_connection",
        kind="size",
        about="kernel memory of one socket",
        example="4kB",
        unit="bytes",
        priors=_priors(_KERNEL, _KERNEL),
    ),
    ServerCost(
        key="server.heap_per_connection",
        kind="size",
        about="heap of one connection",
        example="10kB",
        unit="bytes",
        # what the limit of the JavaScript heap counts
        priors=_priors(
            _published(
                9.2e3, 50e3, f"heapUsed, idle: 9.2 kB ({_MEMORY}); with 1 kB/s each: 37–50 kB ({_BENCHMARK})"
            ),
            node_eiows=_guess(
                6e3,
                None,
                47e3,
                f"heapUsed, idle: 6.0 kB, 3.2 less than ws ({_MEMORY}); with traffic as ws less those",
            ),
            node_uws=_guess(
                5.6e3,
                None,
                46e3,
                f"heapUsed, idle: 5.6 kB, 3.6 less than ws ({_MEMORY}); with traffic as ws less those",
            ),
        ),
    ),
)


#: The costs that are learnt from what runs did.
LEARNT = tuple(sorted((cost for cost in COSTS if cost.column), key=lambda cost: cost.rank))


def priors(profile: str) -> dict[str, Prior]:
    """Return a profile's costs by key, before they are measured.

    Raises InputError, with the names there are, for a profile that is not known.
    """
    if profile not in PROFILES:
        raise InputError(f'there is no server profile "{profile}"', f"use one of {', '.join(PROFILES)}")
    found = {cost.key: cost.priors.get(profile, cost.priors.get(PROFILES[profile])) for cost in COSTS}
    return {key: prior for key, prior in found.items() if prior is not None}
