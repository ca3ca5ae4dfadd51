"""What a message, a connection or a byte costs a process in CPU: the sums that constraints share.

``load`` is what any number of processes share between them; ``repeated`` is what each of them
spends on itself and on the publishes of the others, of which ``heard`` says how many there are.
Pre-encoding once per process: socket.io-adapter, in-memory-adapter.ts, ``_encode``.
"""

from typing import Generic

import msgspec

from siotool.plan.adapters import laws as adapters
from siotool.plan.adapters import requests
from siotool.plan.constraints.bandwidth import consumption_rate
from siotool.plan.demand.world import Stream, World
from siotool.plan.numbers import N

#: CPU seconds that a figure is multiplied by, in the order of the sum.
COSTS = (
    "server.idle_cost",
    "server.inbound_cost",
    "server.ack_cost",
    "server.delivery_cost",
    "server.byte_cost",
    "server.connect_cost",
    "server.poll_cost",
    "server.encode_cost",
    "server.publish_cost",
    "server.adapter_cost",
)


class Load(msgspec.Struct, Generic[N], frozen=True):
    """Cores that the service takes: ``shared`` among all processes, by what they are for."""

    idle: N
    inbound: N
    delivery: N
    bytes: N
    connect: N
    polls: N = 0.0
    publishes: N = 0.0

    @property
    def shared(self) -> N:
        """Cores that any number of processes may share."""
        to_clients = self.idle + self.inbound + self.delivery + self.bytes + self.connect + self.polls
        return to_clients + self.publishes


def load(world: World[N]) -> Load[N]:
    """Return the cores the service takes, without what each process repeats."""
    demand = world.demand
    return Load(
        idle=demand.connections * world.get("server.idle_cost"),
        inbound=demand.inbound_per_s * world.get("server.inbound_cost")
        + demand.answers_per_s * answer_s(world),
        delivery=demand.deliveries_per_s * world.get("server.delivery_cost"),
        bytes=wire_bytes_per_s(world) * (world.get("server.byte_cost") + _tls(world, "server.tls_byte_cost")),
        connect=demand.new_per_s * connect_s(world),
        polls=polls_per_s(world) * world.get("server.poll_cost"),
        publishes=sum(stream.traffic.publishes_per_s for stream in demand.streams) * publish_s(world),
    )


def publish_s(world: World[N]) -> N:
    """CPU seconds to give one publish to the adapter; 0 where there is none."""
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    return 0.0 if adapter.law == "nobody" else world.get("server.publish_cost")


def answer_s(world: World[N]) -> N:
    """CPU seconds of one acknowledgement: a delivery's by default."""
    key = "server.ack_cost" if world.has("server.ack_cost") else "server.delivery_cost"
    return world.get(key)


def connect_s(world: World[N]) -> N:
    """CPU seconds of one new connection, its TLS included."""
    return world.get("server.connect_cost") + _tls(world, "server.tls_connect_cost")


def _tls(world: World[N], key: str) -> N:
    """A cost of TLS, 0 unless ``server.tls`` says that the processes end it themselves."""
    return world.get(key) if world.inputs.flag("server.tls") else 0.0


def heartbeats_per_s(world: World[N]) -> N:
    """Pings written and pongs read per second, over all connections."""
    return 2 * world.demand.connections / world["transport.ping_interval"]


def polls_per_s(world: World[N]) -> N:
    """HTTP requests per second of the sessions that stay on polling: one for each message either way.

    A heartbeat is two: the ping is an answer, the pong a request. Messages that wait for the
    same poll share it, so that this is the most there can be.
    """
    demand = world.demand
    messages = demand.inbound_per_s + demand.deliveries_per_s + demand.answers_per_s
    return world["transport.polling"] * (messages + heartbeats_per_s(world))


def wire_bytes_per_s(world: World[N]) -> N:
    """Bytes per second over all connections, both ways; 0 where nothing says how many."""
    rate = consumption_rate(world)
    return 0.0 if rate is None else world.demand.connections * rate


class Heard(msgspec.Struct, Generic[N], frozen=True):
    """Publishes of one stream per second at each process: received from the adapter, decoded, and encoded.

    ``encoded_per_s`` are those that have a recipient on the process.
    """

    received_per_s: N
    decoded_per_s: N
    encoded_per_s: N


def heard(world: World[N], stream: Stream[N], processes: N) -> Heard[N]:
    """Return how much of a stream each of so many processes receives."""
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    publishes, crowd, private = stream.traffic.publishes_per_s, stream.crowd, stream.private_share
    hosts = adapters.hosting_share(crowd, processes)
    received = adapters.received_per_node(adapter, publishes, crowd, processes, private, hosts)
    decoded = received
    if adapter.decodes_rooms_only:
        decoded = adapters.decoded_per_node(adapter, publishes, crowd, processes, private, hosts)
    return Heard(received, decoded, publishes * hosts)


def asking(world: World[N], processes: N) -> N:
    """Cores that each of so many processes spends on calls such as fetchSockets: more, the more there are."""
    if not world.has("topology.fetch_rate"):
        return 0.0
    return requests.cores(
        adapters.adapter_named(world.inputs.choice("topology.adapter")),
        world.requests,
        processes,
        receive_s=world.get("server.adapter_cost"),
        decode_s=world.get("server.decode_cost"),
        encode_s=world.get("server.encode_cost"),
    )


def repeated(world: World[N], processes: N) -> N:
    """Return the cores that each of so many processes spends on itself: receiving, encoding, asked."""
    total: N = world.get("server.base_cost")
    for stream in world.demand.streams:
        one = heard(world, stream, processes)
        received = one.received_per_s * world.get("server.adapter_cost")
        decoded = one.decoded_per_s * world.get("server.decode_cost")
        total = total + (received + decoded) + one.encoded_per_s * world.get("server.encode_cost")
    return total + asking(world, processes)
