"""What the servers used: all of them together, and each by itself with what it carried."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from siotool.measured_servers import MeasuredServer
from siotool.report.server_figures import ServerFigures
from siotool.runfile import Run
from siotool.runs.held_share import NEARLY_ALL, HeldShare, files_show, held_share
from siotool.runs.hold import Marks
from siotool.runs.per_server import described, names_of, of_server, with_own_connections
from siotool.runs.seconds import SERVER_COLUMNS, Seconds
from siotool.runs.slope import OWN_MEMORY_BYTES, MedianLine, fit_gauge
from siotool.units import format_share

#: Why nothing is said per connection of one server of several.
_UNKNOWN = "how many of the connections it held is not known"
#: Why nothing is said per connection of a balancer or a backend.
_BESIDE = "it stands beside the servers: connections are theirs"


def sum_up_all(runs: Sequence[Run], seconds: Seconds) -> ServerFigures | None:
    """Return the figures of all sampled servers together; None where nothing of any was sampled."""
    servers = [server for run in runs if (server := run.header.server) is not None]
    if not any(interval.servers for run in runs for interval in run.intervals) or not servers:
        return None
    by_files = files_show(runs)
    share = held_share(seconds, by_files=by_files)
    names = [name for name in names_of(runs) if not described(runs, name)[0].beside]
    elsewhere = "" if share is None or share.value >= NEARLY_ALL else _elsewhere(share, len(names))
    each = [held_share(of_server(seconds, runs, name), by_files=by_files) for name in names]
    own = None if share is None else with_own_connections(seconds, share)
    return _figures(servers, seconds, own, share, elsewhere, _imbalance(each))


def sum_up_each(runs: Sequence[Run], seconds: Seconds) -> list[ServerFigures]:
    """Return the figures of each server that was sampled, in the order of their names."""
    found = []
    names = names_of(runs)
    several = sum(not described(runs, name)[0].beside for name in names) > 1
    for name in names:
        rows = of_server(seconds, runs, name)
        if not _shown(rows).any():
            continue
        beside = described(runs, name)[0].beside
        share = None if beside else held_share(rows, by_files=files_show(runs))
        elsewhere = _BESIDE if beside else _UNKNOWN if share is None and several else ""
        own = None if share is None else with_own_connections(rows, share)
        found.append(_figures(described(runs, name), own or rows, own, share, elsewhere, None))
    return found


def _elsewhere(share: HeldShare, servers: int) -> str:
    which = "servers hold" if servers > 1 else "server holds"
    return (
        f"the sampled {which} {format_share(share.value)} of the connections ({share.how}): other processes "
        "hold the rest; name each with --server-pid or --server NAME=PID"
    )


def _imbalance(shares: Sequence[HeldShare | None]) -> float | None:
    known = [share.value for share in shares if share is not None]
    if len(known) < max(2, len(shares)) or not sum(known):
        return None
    return max(known) * len(known) / sum(known)


def _figures(
    servers: Sequence[MeasuredServer],
    seconds: Seconds,
    own: Seconds | None,
    share: HeldShare | None,
    elsewhere: str,
    imbalance: float | None,
) -> ServerFigures:
    """Figures of one server, or of all, from its use; ``own`` has the connections that it held itself."""
    held = seconds.only(seconds.held)
    cpu, cores = _known(held.mean("cpu_cores")), max(server.cores for server in servers)
    memory, files = (
        elsewhere or fit_gauge(seconds, column, growth)
        for column, growth in (("rss_bytes", OWN_MEMORY_BYTES), ("files_open", 0.0))
    )
    return ServerFigures(
        name=servers[0].name,
        cpu_cores_mean=cpu,
        cpu_cores_max=_known(seconds.most("cpu_cores")),
        cpu_share_mean=cpu / cores if cpu is not None and cores > 0 else None,
        cores=cores,
        limit=_limit(seconds),
        share_of_limit_mean=_known(held.mean("server_limit_share")),
        loop_utilization_mean=_known(held.mean("server_loop_share")),
        loop_utilization_max=_known(seconds.most("server_loop_share")),
        loop_lag_max_s=_known(seconds.most("server_loop_lag_s")),
        rss_bytes_max=_whole(seconds.most("rss_bytes")),
        rss_bytes_base=memory.base if isinstance(memory, MedianLine) else None,
        rss_bytes_per_connection=memory.slope if isinstance(memory, MedianLine) else None,
        rss_how=memory.how if isinstance(memory, MedianLine) else memory,
        memory_bytes=servers[0].memory_bytes,
        files_open_max=_whole(seconds.most("files_open")),
        files_base=files.base if isinstance(files, MedianLine) else None,
        files_per_connection=files.slope if isinstance(files, MedianLine) else None,
        files_how=files.how if isinstance(files, MedianLine) else files,
        files_limit=servers[0].files_limit,
        processes_max=_whole(seconds.most("processes")),
        connections_mean=None if own is None else _known(own.mean("connections", own.held)),
        connections_max=None if own is None else _whole(own.most("connections_end")),
        connections_share=None if share is None else share.value,
        connections_how="" if share is None else share.how,
        polling_max=_whole(seconds.most("server_polling")),
        events_received_per_s=_known(held.mean("server_events_received_per_s")),
        events_sent_per_s=_known(held.mean("server_events_sent_per_s")),
        wire_bytes_per_s=None if elsewhere else _known(held.mean("bytes_per_s", held.sampled)),
        elsewhere=elsewhere,
        imbalance=imbalance,
        missed_s=float(seconds["duration_s"][~_shown(seconds)].sum()),
        source="; ".join(dict.fromkeys(server.source for server in servers)),
        beside=servers[0].beside,
    )


def _limit(seconds: Seconds) -> Literal["event loop", "cpu"] | None:
    if np.isfinite(seconds["server_loop_share"]).any():
        return "event loop"
    return "cpu" if seconds.sampled.any() else None


def _shown(seconds: Seconds) -> Marks:
    """Mark the rows in which anything of the server is known."""
    columns = [column for name, column in seconds.columns.items() if name in SERVER_COLUMNS]
    return np.asarray(np.isfinite(np.array(columns)).any(axis=0))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else round(value)
