"""What one message of @socket.io/admin-ui says of a server."""

from collections import Counter
from typing import Any

import msgspec


class _AggregatedEvent(msgspec.Struct):
    type: str
    count: int


class _Namespace(msgspec.Struct):
    name: str
    socketsCount: int = 0


class _ServerStatsMessage(msgspec.Struct):
    serverId: str
    hostname: str = ""
    pid: int = 0
    clientsCount: int | None = None
    pollingClientsCount: int | None = None
    aggregatedEvents: list[_AggregatedEvent] = []
    namespaces: list[_Namespace] = []


class ServerStats(msgspec.Struct, frozen=True):
    """One server at the moment ``at``; ``counted`` are packets and bytes by kind since the first message.

    ``connections`` and ``polling`` are without those of admin clients.
    """

    server: str
    hostname: str
    pid: int
    at: float
    connections: int | None
    polling: int | None
    counted: dict[str, int]

    def after(self, before: "ServerStats") -> "ServerStats":
        """Return the same with what was counted before it."""
        counted = Counter(before.counted)
        counted.update(self.counted)
        return msgspec.structs.replace(self, counted=dict(counted))


def stats_of(arguments: list[Any], at: float, namespace: str) -> ServerStats | None:
    """Read the arguments of ``server_stats``; None for what is none. ``namespace`` is the admin UI's own."""
    try:
        found = msgspec.convert(arguments[0] if arguments else None, _ServerStatsMessage)
    except (msgspec.ValidationError, RecursionError):
        return None
    counted: Counter[str] = Counter()
    for one in found.aggregatedEvents:
        counted[one.type] += max(0, one.count)
    admins = sum(one.socketsCount for one in found.namespaces if one.name == namespace)
    clients = found.clientsCount
    return ServerStats(
        server=found.serverId[:200],
        hostname=found.hostname[:200],
        pid=found.pid,
        at=at,
        connections=None if clients is None or clients < 0 else max(0, clients - admins),
        polling=found.pollingClientsCount
        if found.pollingClientsCount is not None and found.pollingClientsCount >= 0
        else None,
        counted=dict(counted),
    )
