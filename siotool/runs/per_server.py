"""The seconds of runs as one of several servers saw them."""

from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.measured_servers import MeasuredServer
from siotool.runfile import Run
from siotool.runs.held_share import NONE_HELD, HeldShare, files_show, held_share
from siotool.runs.seconds import Seconds, seconds_of, server_columns

#: With fewer connections for each server, one may have none by chance.
_ENOUGH_EACH = 10


def names_of(runs: Sequence[Run]) -> list[str]:
    """Return the names of all servers that the runs sampled, in their order."""
    return list(dict.fromkeys(server.name for run in runs for server in run.header.servers))


def described(runs: Sequence[Run], name: str) -> list[MeasuredServer]:
    """Return what the runs' headers say of a server."""
    return [server for run in runs for server in run.header.servers if server.name == name]


def of_server(seconds: Seconds, runs: Sequence[Run], name: str) -> Seconds:
    """Return the seconds with one server's use in the place of all servers'; NaN where it has no sample."""
    parts = [
        server_columns(
            [interval.servers.get(name) for interval in run.intervals],
            next((server for server in run.header.servers if server.name == name), None),
        )
        for run in runs
    ]
    own = {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
    return msgspec.structs.replace(seconds, columns=seconds.columns | own)


def holding_none(run: Run, seconds: Seconds | None = None) -> list[str]:
    """Return the names of those of a run's several servers that held none of its connections.

    Such a process is no server of the target, or nobody was sent to it. Less than a tenth of an even share is
    none. Where nothing shows what a server held, it is not named; nor is one that a fault may have emptied,
    as clients do not go back by themselves, or that may have got none by chance. ``seconds`` is the table of
    the run alone, where it is known.
    """
    servers = [server.name for server in run.header.servers if not server.beside]
    peak = max((interval.connections.open for interval in run.intervals), default=0)
    if len(servers) < 2 or run.header.faults or peak < _ENOUGH_EACH * len(servers):
        return []
    seconds = seconds_of([run]) if seconds is None else seconds
    by_files = files_show([run])
    shares = {name: held_share(of_server(seconds, [run], name), by_files=by_files) for name in servers}
    return [
        name for name, share in shares.items() if share is not None and share.value * len(servers) < NONE_HELD
    ]


def with_own_connections(seconds: Seconds, share: HeldShare) -> Seconds:
    """Return the seconds of a server with the connections that it held itself.

    Where it counts them, these; else its share of all. Its traffic is taken for the same share of all.
    """
    own = {
        column: seconds[column] * share.value
        for column in ("connections_begin", "connections_end", "connections", "bytes_per_s")
    }
    counted = seconds["server_connections"]
    own["connections_end"] = np.where(np.isfinite(counted), counted, own["connections_end"])
    return msgspec.structs.replace(seconds, columns=seconds.columns | own)
