"""One world a plan is made for: a number for every figure, and the traffic that follows."""

from collections.abc import Mapping
from math import inf
from typing import Generic

import msgspec

from siotool.plan.adapters.requests import Requests
from siotool.plan.demand.fanout import MessageKind, MessageTraffic
from siotool.plan.inputs.figure import Inputs
from siotool.plan.numbers import N
from siotool.plan.wire.framing import Travel


class Stream(msgspec.Struct, Generic[N], frozen=True):
    """One kind of message and the traffic it makes of the whole service."""

    message: MessageKind[N]
    traffic: MessageTraffic[N]

    @property
    def crowd(self) -> N:
        """Sessions that one publish is for; infinite for all: it goes to no room."""
        return inf if self.message.kind in ("broadcast", "announce") else self.traffic.room_size

    @property
    def answers_per_s(self) -> N:
        """Acknowledgements that servers write: an acknowledged echo is one."""
        echoed = self.traffic.deliveries_per_s if self.is_call else 0.0
        return self.traffic.acks_out_per_s + echoed

    @property
    def deliveries_per_s(self) -> N:
        """Messages that servers write to sessions, without acknowledgements."""
        return 0.0 if self.is_call else self.traffic.deliveries_per_s

    @property
    def is_call(self) -> bool:
        """True for an acknowledged echo, whose acknowledgement is the answer."""
        return self.message.kind == "echo" and self.message.acknowledged

    @property
    def private_share(self) -> float:
        """1 where publishes go to a socket's own room, as ``io.to(socket.id)`` does; else 0."""
        return 1.0 if self.message.kind in ("direct", "push") else 0.0


class Demand(msgspec.Struct, Generic[N], frozen=True):
    """What the service asks of its fleet at the moment it is sized for.

    Rates, those of the bytes that ``travel`` too, are per second over the whole service; no bytes
    where nothing says how large messages are.
    """

    connections: N
    new_per_s: N
    streams: tuple[Stream[N], ...]
    travel: Travel[N] | None

    @property
    def inbound_per_s(self) -> N:
        """Messages and acknowledgements that servers receive from clients."""
        return sum(s.traffic.inbound_per_s + s.traffic.acks_in_per_s for s in self.streams)

    @property
    def deliveries_per_s(self) -> N:
        """Messages that servers write to clients, without acknowledgements."""
        return sum(s.deliveries_per_s for s in self.streams)

    @property
    def answers_per_s(self) -> N:
        """Acknowledgements that servers write to clients."""
        return sum(s.answers_per_s for s in self.streams)

    @property
    def publishes_per_s(self) -> N:
        """Messages that have to reach sessions on other servers."""
        return sum(s.traffic.publishes_per_s for s in self.streams)

    @property
    def payload_out_bytes_per_s(self) -> N:
        """Payload written to clients."""
        return sum(s.traffic.payload_out_bytes_per_s for s in self.streams)


class World(msgspec.Struct, Generic[N], frozen=True):
    """``values`` by key of the plan file; names and flags stay in ``inputs``."""

    inputs: Inputs
    values: Mapping[str, N]
    demand: Demand[N]
    #: Servers in service, once they are known: what is counted after them depends on it.
    servers: N = 0.0

    def get(self, key: str, absent: float = 0.0) -> N:
        """Return a figure, or ``absent`` where the plan has none."""
        return self.values.get(key, absent)

    @property
    def requests(self) -> Requests[N]:
        """Calls by which one process asks all others."""
        return Requests(
            calls_per_s=self.get("topology.fetch_rate"),
            sessions=self.get("topology.fetch_sessions"),
            own_channel=self.inputs.flag("topology.own_response_channel"),
        )

    def __getitem__(self, key: str) -> N:
        """Return a figure that has a default, or whose presence was checked."""
        return self.values[key]

    def has(self, *keys: str) -> bool:
        """Return whether the plan has all of these figures."""
        return all(key in self.values for key in keys)
