"""What a run file says of servers: each one, and its use in an interval; and the quantities of its lines."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec

#: Counts and quantities that a run can have: no float is exact beyond, and no run is so large.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


#: A share of something that cannot be more than all of it.
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

#: The host of the process that writes the run file, and of what runs beside it.
LOCAL = "localhost"
#: The name of a server that was given none.
SERVER = "server"


class MeasuredServer(msgspec.Struct, frozen=True):
    """One server behind the target: how its use was sampled, and what it could use.

    ``pids`` are sampled with all their descendants. ``source`` is a sentence such as ``pid 4711 and
    its children``. ``cores`` is how many cores it can fill (one per event-loop process unless the
    user says otherwise); ``memory_bytes`` the memory of its machine, ``files_limit`` the open-file
    limit of one of its processes, ``files_at_rest`` how many were open before the load.
    ``bandwidth_bytes_per_s`` is what the network carries to or from it, as the user says. ``beside``: it
    stands beside the servers, as a balancer or a backend does, and is no part of what all servers use.
    """

    name: str
    pids: list[Count]
    source: str
    cores: Annotated[float, msgspec.Meta(gt=0, le=1e12)]
    memory_bytes: Count | None = None
    files_limit: Count | None = None
    host: str = LOCAL
    files_at_rest: Count | None = None
    bandwidth_bytes_per_s: Amount | None = None
    beside: bool = False


class ServerUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one server used within an interval; None is what its sources do not show, or had no sample of.

    ``cpu_cores`` and the rates are means over the interval; ``rss_bytes``, ``files_open``, ``processes``,
    ``connections`` and ``polling`` (those of them that are on long polling) are levels at its end.
    ``files_most`` are those of the process that has most of them: a limit of files is one of each process.
    ``connections``, ``polling``, ``events_received_per_s`` and ``events_sent_per_s`` are what the server
    itself counts. ``loop_utilization`` is the share of the time in which its event loops were busy, a mean
    over its processes; ``loop_lag_s`` is how late they were: the highest figure that the source shows.
    ``store_messages`` are kept in its store, ``store_dead`` of deleted ones take room there, and
    ``store_bytes`` is what all of it takes on disk, indexes included.
    ``adapter_published_per_s`` are the messages that it gave to its adapter for other servers,
    ``adapter_received_per_s`` those that it received from there, its own copies among them.
    ``beside`` is that of the server.
    """

    cpu_cores: Amount | None = None
    rss_bytes: Count | None = None
    files_open: Count | None = None
    processes: Count | None = None
    loop_utilization: Share | None = None
    loop_lag_s: Amount | None = None
    connections: Count | None = None
    polling: Count | None = None
    events_received_per_s: Amount | None = None
    events_sent_per_s: Amount | None = None
    store_messages: Count | None = None
    store_dead: Count | None = None
    store_bytes: Count | None = None
    adapter_published_per_s: Amount | None = None
    adapter_received_per_s: Amount | None = None
    beside: bool = False
    files_most: Count | None = None

    @property
    def fullest(self) -> int | None:
        """Open files of the process that has most, of all together where no single one is known."""
        return self.files_open if self.files_most is None else self.files_most


#: What adds up over servers, and its values of one; of a run they are asked for each second.
_SUMMED_UP = tuple(name for name in ServerUse.__struct_fields__ if name != "beside")
_summed_of = attrgetter(*_SUMMED_UP)


def all_servers(uses: Sequence[ServerUse]) -> ServerUse | None:
    """The use of several servers together, without those that stand beside them; None without any.

    A figure that one of them lacks is None. Event loops count by their processes.
    """
    uses = [use for use in uses if not use.beside]
    if len(uses) < 2:
        return uses[0] if uses else None
    columns = zip(*map(_summed_of, uses), strict=True)
    found: dict[str, Any] = {
        name: None if None in values else sum(values)
        for name, values in zip(_SUMMED_UP, columns, strict=True)
    }
    fullest = [use.fullest for use in uses]
    found["files_most"] = None if None in fullest else max(files for files in fullest if files is not None)
    if found["loop_lag_s"] is not None:
        found["loop_lag_s"] = max(use.loop_lag_s or 0.0 for use in uses)
    if found["loop_utilization"] is not None:
        weights = [use.processes or 1 for use in uses]
        busy = sum((use.loop_utilization or 0.0) * weight for use, weight in zip(uses, weights, strict=True))
        found["loop_utilization"] = min(1.0, busy / sum(weights))
    return ServerUse(**found)
