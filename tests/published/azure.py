"""Azure SignalR Service: eight sizes, seven kinds of traffic, and a plateau.

A unit is given 1,000 connections, 1,000 messages a second in and 2,000 out, of 2,048 bytes, and
200 requests of its REST API. Beside that, a service looks targets up: one look-up for a message to
a connection, two for one to a group. A service of the first premium tier makes 20,000 look-ups
a second whatever its units ("adding more CPU and memory doesn't help"); one of the second
tier 200 for each unit. Every cell is the largest traffic that fits all of these.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from siotool.plan.demand.fanout import MessageKind, MessageTraffic, traffic
from siotool.plan.inputs.figure import Kind
from siotool.plan.numbers import maximum, whole
from tests.published.check import Check, Table
from tests.published.headroom import Headroom, headroom

AZURE = Table(
    "Azure SignalR",
    "https://learn.microsoft.com/azure/azure-signalr/signalr-concept-performance "
    "(MicrosoftDocs/azure-docs at 030fd2e)",
)

UNITS = (1, 2, 10, 50, 100, 200, 500, 1000)
#: Its columns differ in this one row.
DIRECT_UNITS = (1, 2, 20, 50, 100, 200, 500, 1000)
LARGEST_PREMIUM_1 = 100
#: Connections of one unit: the service takes no more.
PER_UNIT = 1000.0

#: Azure's kB is 1,024 bytes and its MB 1,000 of these: 400 MB · 5 s / 20 kB = 100,000.
KB, MB = 1024.0, 1_024_000.0
SIZE_BYTES = 2048.0


def capacity(units: int) -> dict[str, float]:
    """What so many units have of each resource, per second."""
    return {
        "inbound": 1000.0 * units,
        "deliveries": 2000.0 * units,
        "bytes out": 2000.0 * units * SIZE_BYTES,
        "look-ups": 20_000.0 if units <= LARGEST_PREMIUM_1 else 200.0 * units,
        "requests": 200.0 * units,
    }


def demand(made: MessageTraffic[float], look_ups: float = 0.0, requests: float = 0.0) -> dict[str, float]:
    """What traffic asks of each resource; ``look_ups`` and ``requests`` are for each message in."""
    return {
        "inbound": made.inbound_per_s,
        "deliveries": made.deliveries_per_s,
        "bytes out": made.payload_out_bytes_per_s,
        "look-ups": look_ups * made.inbound_per_s,
        "requests": requests * made.inbound_per_s,
    }


class Case(msgspec.Struct, frozen=True):
    """A kind of traffic; a group of ``members``, or one in ten of all where that is None."""

    kind: Kind
    look_ups: float = 0.0
    requests: float = 0.0
    members: float | None = 1.0


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "echo": Case("echo"),
        "broadcast": Case("broadcast"),
        "broadcast by REST": Case("broadcast", requests=1.0),
        "small group": Case("room", look_ups=2.0, members=10.0),
        "big group": Case("room", look_ups=2.0, members=None),
        "connection": Case("direct", look_ups=1.0),
        "user by REST": Case("direct", look_ups=1.0, requests=1.0),
    }
)


def largest(name: str, units: int) -> tuple[MessageTraffic[float], Headroom]:
    """Return the most traffic of a kind that so many full units carry, and what stops it there."""
    case, connections = CASES[name], PER_UNIT * units
    members = connections / 10 if case.members is None else case.members

    def made(rate_per_s: float) -> MessageTraffic[float]:
        message = MessageKind(
            name=name,
            kind=case.kind,
            size_bytes=SIZE_BYTES,
            rate_per_s=rate_per_s,
            room_size=members,
        )
        return traffic(message, connections)

    room = headroom(demand(made(1.0), case.look_ups, case.requests), capacity(units))
    return made(room.factor), room


def app_servers(connections: float, per_server: float, two_from: float = float("inf")) -> float:
    """Servers of 4 vCPU beside the service; two, for availability, from so many connections on."""
    return float(maximum(whole(connections / per_server), 2.0 if connections >= two_from else 1.0))


class Row(msgspec.Struct, frozen=True):
    """Printed figures of one kind of traffic, by units: messages per second and kB per second."""

    name: str
    units: tuple[int, ...]
    inbound: tuple[float, ...]
    outbound: tuple[float, ...]
    inbound_kb: tuple[float, ...]
    outbound_kb: tuple[float, ...]


_BROADCAST_OUT = (2e3, 4e3, 2e4, 1e5, 2e5, 4e5, 1e6, 2e6)
_BROADCAST_KB = (4e3, 8e3, 4e4, 2e5, 4e5, 8e5, 2e6, 4e6)
_ECHO = (1e3, 2e3, 1e4, 5e4, 1e5, 2e5, 5e5, 1e6)
_ECHO_KB = (2e3, 4e3, 2e4, 1e5, 2e5, 4e5, 1e6, 2e6)
_DIRECT = (1e3, 2e3, 2e4, 2e4, 2e4, 4e4, 1e5, 2e5)
_DIRECT_KB = (2e3, 4e3, 4e4, 4e4, 4e4, 8e4, 2e5, 4e5)
_USER = (200, 400, 2e3, 1e4, 2e4, 4e4, 1e5, 2e5)
_USER_KB = (400, 800, 4e3, 2e4, 4e4, 8e4, 2e5, 4e5)

ROWS = (
    Row("echo", UNITS, _ECHO, _ECHO, _ECHO_KB, _ECHO_KB),
    Row("broadcast", UNITS, (2,) * 8, _BROADCAST_OUT, (4,) * 8, _BROADCAST_KB),
    Row("broadcast by REST", UNITS, (2,) * 8, _BROADCAST_OUT, (4,) * 8, _BROADCAST_KB),
    Row(
        "small group",
        UNITS,
        (200, 400, 2e3, 1e4, 1e4, 2e4, 5e4, 1e5),
        (2e3, 4e3, 2e4, 1e5, 1e5, 2e5, 5e5, 1e6),
        (400, 800, 4e3, 2e4, 2e4, 4e4, 1e5, 2e5),
        (4e3, 8e3, 4e4, 2e5, 2e5, 4e5, 1e6, 2e6),
    ),
    Row("big group", UNITS, (20,) * 8, _BROADCAST_OUT, (40,) * 8, _BROADCAST_KB),
    Row("connection", DIRECT_UNITS, _DIRECT, _DIRECT, _DIRECT_KB, _DIRECT_KB),
    Row("user by REST", UNITS, _USER, _USER, _USER_KB, _USER_KB),
)

#: Printed servers beside the service, and from how many connections on there are always two.
APP_SERVERS = (
    ("echo", 10_000.0, float("inf"), (1, 1, 1, 5, 10, 20, 50, 100)),
    ("small group", 10_000.0, float("inf"), (1, 1, 1, 5, 10, 20, 50, 100)),
    ("connection", 10_000.0, float("inf"), (1, 1, 1, 5, 10, 20, 50, 100)),
    ("broadcast", 50_000.0, 50_000.0, (1, 1, 1, 2, 2, 4, 10, 20)),
    ("big group", 50_000.0, 10_000.0, (1, 1, 2, 2, 2, 4, 10, 20)),
)

#: Printed members of each of ten big groups; from the third on they do not fill the units.
BIG_GROUP_MEMBERS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_STALE_MEMBERS = (
    "ten groups of so many are not all connections, though the page says they are, "
    "and 20 messages a second to them are not the printed messages out"
)


def checks() -> Iterator[Check]:
    """Yield every cell of the guide's tables."""
    for row in ROWS:
        for at, units in enumerate(row.units):
            made, _ = largest(row.name, units)
            where = f"{row.name}, {units} units"
            yield AZURE.rounded(f"{where}, messages/s in", row.inbound[at], 0, made.inbound_per_s)
            yield AZURE.rounded(f"{where}, messages/s out", row.outbound[at], 0, made.deliveries_per_s)
            yield AZURE.rounded(f"{where}, kB/s in", row.inbound_kb[at], 0, made.payload_in_bytes_per_s / KB)
            yield AZURE.rounded(
                f"{where}, kB/s out", row.outbound_kb[at], 0, made.payload_out_bytes_per_s / KB
            )
    for name, per_server, two_from, printed in APP_SERVERS:
        for units, servers in zip(UNITS, printed, strict=True):
            needed = app_servers(PER_UNIT * units, per_server, two_from)
            yield AZURE.rounded(f"{name}, {units} units, app servers", servers, 0, needed)
    for units, members in zip(UNITS, BIG_GROUP_MEMBERS, strict=True):
        stale = _STALE_MEMBERS if units >= 10 else ""
        yield AZURE.rounded(f"big group, {units} units, members", members, 0, PER_UNIT * units / 10, stale)
    yield from _other_sizes()


def _other_sizes() -> Iterator[Check]:
    """One broadcast every 5 s from 100 units, of larger messages: to how many connections."""
    for size_kb, printed, step in ((20.0, 100_000.0, 0.0), (256.0, 8_000.0, 1_000.0)):
        message = MessageKind(name="broadcast", kind="announce", size_bytes=size_kb * KB, rate_per_s=1 / 5)
        per_connection = traffic(message, 1.0).payload_out_bytes_per_s
        room = headroom({"bytes out": per_connection}, {"bytes out": 400 * MB})
        yield AZURE.rounded(f"broadcast of {size_kb:g} kB every 5 s, connections", printed, step, room.factor)
