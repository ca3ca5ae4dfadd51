"""Every key of a plan file: its unit, bounds, default, and what it means.

The one table that reading, defaults, ``plan init``, the JSON Schema and the errors share.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool import units
from siotool.plan.adapters import laws as adapters
from siotool.plan.inputs.balancers import BALANCERS
from siotool.plan.inputs.costs import COSTS, PROFILES, ServerCost

Kind = Literal["count", "rate", "byte_rate", "size", "duration", "share", "factor", "choice", "flag"]


class Dimension(msgspec.Struct, frozen=True):
    """How figures of one kind are read and written; one beyond ``most`` is a slip of units."""

    parse: Callable[[str, str], float]
    show: Callable[[float], str]
    unit: str
    most: float


DIMENSIONS: Mapping[str, Dimension] = MappingProxyType(
    {
        "count": Dimension(units.parse_count, units.format_count, "", 1e15),
        "rate": Dimension(units.parse_rate, units.format_rate, "per_s", 1e12),
        "byte_rate": Dimension(units.parse_byte_rate, units.format_byte_rate, "bytes_per_s", 1e18),
        "size": Dimension(units.parse_size, units.format_size, "bytes", 1e18),
        "duration": Dimension(units.parse_duration, units.format_duration, "s", 1e10),
        "share": Dimension(units.parse_share, units.format_share, "share", 100.0),
        "factor": Dimension(units.parse_factor, units.format_count, "factor", 1e6),
    }
)


def dimension(kind: Kind) -> Dimension:
    """Return how to read and write figures of a kind; choices and flags have none (KeyError)."""
    return DIMENSIONS[kind]


class Field(msgspec.Struct, frozen=True):
    """One key: ``low`` and ``high`` bound its value, excluded themselves where ``above`` and ``below``.

    ``default`` is written as in a plan file; None: the plan can do without it. A
    ``fixed`` figure is decided, not guessed: it takes no range, and a count is a whole number.
    """

    key: str
    kind: Kind
    about: str
    default: str | None = None
    low: float = 0.0
    high: float = math.inf
    above: bool = False
    below: bool = False
    choices: tuple[str, ...] = ()
    example: str = ""
    fixed: bool = False

    @property
    def section(self) -> str:
        """The table of the plan file it is in."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """Its key within that table."""
        return self.key.partition(".")[2]


def _share(key: str, about: str, default: str | None = None, above: bool = False, example: str = "") -> Field:
    return Field(key, "share", about, default, high=1.0, above=above, example=example)


def _choice(key: str, about: str, default: str | None, *choices: str) -> Field:
    return Field(key, "choice", about, default, choices=choices)


def _of_cost(cost: ServerCost) -> Field:
    return Field(cost.key, cost.kind, cost.about, high=cost.high, example=cost.example)


#: What the key of a message's figure starts with; the message's name and the figure's follow.
MESSAGES = "workload.messages."

SECTIONS = ("workload", "transport", "server", "topology", "goals", "storage")

#: The table in which ``plan init`` says what it filled in itself: key → the value it wrote.
FILLED_IN = "init"

ADAPTERS = tuple(adapters.ADAPTERS)
#: The place of the flag that turns on the costs of TLS.
_TLS = [cost.key for cost in COSTS].index("server.tls_connect_cost")

FIELDS: tuple[Field, ...] = (
    # workload
    Field("workload.connections", "count", "concurrent sessions over the whole service", example="1M"),
    Field("workload.peak_factor", "factor", "busiest hour over the mean of the day", "1", low=1),
    Field("workload.event_factor", "factor", "an event's spike over the busiest hour", "1", low=1),
    Field("workload.growth", "share", "growth of connections per year, compound", "0%", low=-1, above=True),
    Field(
        "workload.ahead",
        "duration",
        "how far ahead the fleet must suffice",
        "0s",
        high=20 * 366 * 86_400,
        example="180d",
        fixed=True,
    ),
    Field(
        "workload.consumption_rate",
        "byte_rate",
        "average bandwidth of one session, both ways; left out, it follows from the messages",
        example="2KB/s",
    ),
    Field(
        "workload.session_length",
        "duration",
        "how long a session stays connected; new connections per second follow from it",
        above=True,
        example="30min",
    ),
    Field(
        "workload.churn",
        "rate",
        "new connections per second over the service, beside storms",
        example="500/s",
    ),
    # transport
    _share("transport.polling", "share of sessions that stay on long polling", "0%"),
    Field("transport.upgrade", "flag", "clients start with polling and upgrade (the default client)", "true"),
    _choice("transport.parser", "Socket.IO parser", "json", "json", "msgpack"),
    _choice("transport.tls", "TLS version towards the clients", "1.3", "none", "1.2", "1.3"),
    _choice("transport.ip", "IP version", "4", "4", "6"),
    Field("transport.ping_interval", "duration", "Engine.IO pingInterval", "25s", above=True),
    Field("transport.recovery", "flag", "connection state recovery is on", "false"),
    # server
    _choice("server.profile", "published costs of a server implementation", None, *PROFILES),
    Field("server.capacity", "byte_rate", "bandwidth one server can process", above=True, example="100MB/s"),
    _share("server.utilization", "share of each capacity you are willing to use", "70%", above=True),
    Field(
        "server.processes",
        "count",
        "event-loop processes on one server, a core each",
        "1",
        low=1,
        high=4096,
        fixed=True,
    ),
    _share(
        "server.process_cores",
        "share of a core that one process may fill, under a quota",
        "100%",
        above=True,
    ),
    Field("server.bandwidth_in", "byte_rate", "network towards one server", above=True, example="1Gbit/s"),
    Field("server.bandwidth_out", "byte_rate", "network from one server", above=True, example="1Gbit/s"),
    Field("server.memory", "size", "memory of one server", above=True, example="16GiB"),
    Field("server.heap", "size", "heap limit of one process", above=True, example="4GiB"),
    Field("server.connections", "count", "connections one server may hold", above=True, example="60k"),
    Field("server.open_files", "count", "open-file limit of one process", above=True, example="65536"),
    Field("server.open_files_reserved", "count", "open files of one process for other uses", "1024"),
    Field(
        "server.accept_rate",
        "rate",
        "handshakes a server with nothing else to do completes per second",
        above=True,
        example="500/s",
    ),
    Field(
        "server.seen_connections",
        "count",
        "connections one core was seen to carry; a plan believes 2.5 times as many",
        above=True,
        example="2k",
    ),
    Field("server.seen_messages", "rate", "messages a core received in a run", above=True, example="500/s"),
    Field(
        "server.seen_deliveries", "rate", "messages a core delivered in a run", above=True, example="10k/s"
    ),
    *map(_of_cost, COSTS[:_TLS]),
    Field("server.tls", "flag", "the server's processes end TLS themselves", "false"),
    *map(_of_cost, COSTS[_TLS:]),
    # topology
    _choice("topology.adapter", "what carries messages between processes", "none", *ADAPTERS),
    Field(
        "topology.shards",
        "count",
        "shards, or instances, of the adapter's backend",
        "1",
        low=1,
        high=1e6,
        fixed=True,
    ),
    Field(
        "topology.backend_rate",
        "rate",
        "messages per second one shard delivers",
        above=True,
        example="650k/s",
    ),
    Field(
        "topology.backend_publish_cost",
        "duration",
        "CPU of one shard for a message that it takes from a process, however many it goes to; "
        "beside topology.backend_rate, or backend_delivery_cost",
        example="7us",
    ),
    Field(
        "topology.backend_delivery_cost",
        "duration",
        "CPU of one shard for each process that it sends a message to, where topology.backend_rate is not "
        "given",
        example="2us",
    ),
    Field(
        "topology.fetch_rate",
        "rate",
        "calls of fetchSockets, allRooms, serverSideEmit with acknowledgement over the service: "
        "all processes answer each",
        example="10/s",
    ),
    Field("topology.fetch_sessions", "count", "sessions that one of these calls returns", example="50"),
    Field(
        "topology.own_response_channel",
        "flag",
        "redis adapter: publishOnSpecificResponseChannel is set",
        "false",
    ),
    _choice("topology.balancer", "what spreads connections over servers", "none", *BALANCERS),
    Field("topology.sticky", "flag", "the balancer sends all requests of a session to one process", "false"),
    Field(
        "topology.balancer_connections", "count", "connections one balancer holds", above=True, example="1M"
    ),
    Field(
        "topology.balancer_accept_rate",
        "rate",
        "new connections per second of one balancer",
        above=True,
        example="10k/s",
    ),
    Field(
        "topology.balancer_bandwidth",
        "byte_rate",
        "bandwidth of one balancer",
        above=True,
        example="10Gbit/s",
    ),
    Field("topology.balancer_addresses", "count", "source addresses one balancer connects from", "1", low=1),
    Field(
        "topology.balancer_ports", "count", "ports per source address and server port", low=1, example="28232"
    ),
    Field(
        "topology.conntrack",
        "count",
        "connections a server's conntrack table holds",
        above=True,
        example="262144",
    ),
    Field("topology.imbalance", "factor", "fullest server over the mean", "1", low=1),
    Field("topology.zones", "count", "zones, failing one at a time", "1", low=1, high=100, fixed=True),
    # goals
    Field(
        "goals.availability",
        "share",
        "share of time in which enough servers are up",
        "99.9%",
        high=1,
        above=True,
        below=True,
        fixed=True,
    ),
    Field("goals.downtime", "duration", "time per workday a server is out of service", "0s"),
    Field(
        "goals.workday",
        "duration",
        "time the service works per day",
        "24h",
        high=86_400,
        above=True,
        fixed=True,
    ),
    Field(
        "goals.spares", "count", "servers that may be missing: 1 is N+1, 2 is N+2", "0", high=1e6, fixed=True
    ),
    Field(
        "goals.max_unavailable", "count", "servers out at once in a rolling deploy", "0", high=1e6, fixed=True
    ),
    Field(
        "goals.max_servers",
        "count",
        "servers the fleet may have: a gate, exit 4",
        high=1e8,
        fixed=True,
        example="40",
    ),
    Field(
        "goals.budget",
        "count",
        "what the fleet may cost a month, in the price file's currency: a gate, exit 4",
        fixed=True,
        example="5k",
    ),
    Field("goals.survive_zone", "flag", "the fleet carries the load without one zone", "false"),
    Field(
        "goals.delivery_time",
        "duration",
        "time in which 99 of 100 broadcasts reach the last client of a process, waiting included",
        above=True,
        fixed=True,
        example="200ms",
    ),
    Field(
        "goals.reconnect_time",
        "duration",
        "time in which 99 % are back after a storm",
        above=True,
        fixed=True,
        example="30s",
    ),
    _choice("goals.storm", "what is lost at once, for the reconnect time", "server", "server", "zone", "all"),
    # storage of the backlog for users that are offline
    _choice("storage.kind", "store of the backlog", None, "relational", "document"),
    Field("storage.offline_users", "count", "users with a backlog", example="5M"),
    Field("storage.messages", "rate", "messages per second and offline user", example="20/d"),
    Field("storage.message_size", "size", "bytes of one stored message", "200B"),
    Field(
        "storage.stored_size",
        "size",
        "bytes that a message takes in the chosen store, with its indexes, where that was measured",
        above=True,
        example="715B",
    ),
    Field("storage.readers", "count", "offline users that one stored message is for", "1", low=1),
    Field("storage.retention", "duration", "how long a message is kept", "30d", above=True),
    Field("storage.replicas", "count", "copies of the data", "3", low=1),
    Field(
        "storage.drain_rate",
        "rate",
        "messages per second that all servers hand to users who come back",
        above=True,
        example="10k/s",
    ),
)

#: The figures of each ``[workload.messages.NAME]``.
MESSAGE_FIELDS: tuple[Field, ...] = (
    Field("size", "size", "payload of one message", "64B"),
    Field("rate", "rate", "messages per second and session; of announce, of the whole service"),
    Field("room_size", "count", "members of a room", "10", low=1),
)
MESSAGE_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "acknowledged": "whether the receiving side answers each message",
        "binary": "whether the payload is a binary attachment",
        "to_sender": "whether the sender is among the receivers",
    }
)


def field_of(key: str) -> Field:
    """Return the field of a key, also of a message's; LookupError where there is none."""
    if key.startswith("workload.messages."):
        name = key.rpartition(".")[2]
        found = next((f for f in MESSAGE_FIELDS if f.key == name), None)
        if found is not None:
            return msgspec.structs.replace(found, key=key)
    for field in FIELDS:
        if field.key == key:
            return field
    raise LookupError(key)
