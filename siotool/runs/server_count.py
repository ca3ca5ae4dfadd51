"""How many servers carried the load of runs together, as far as their samples and addresses show it."""

from collections.abc import Sequence

import msgspec

from siotool.runfile import Run
from siotool.runs.held_share import NEARLY_ALL, files_show, held_share
from siotool.runs.per_server import holding_none
from siotool.runs.seconds import seconds_of
from siotool.units import format_share

#: A share is known no better than this: one server among more than ten may be overlooked.
_AT_MOST = 0.92


class ServerCount(msgspec.Struct, frozen=True):
    """The number of servers, None where it is not known; and how it is known, or why it is not."""

    number: int | None
    how: str


def count_servers(runs: Sequence[Run]) -> ServerCount:
    """Count the servers behind the target: those that were sampled, where these hold all connections.

    What stands beside them, as a balancer, is none, and a process that holds none of them may be none.
    Without samples, one address is taken for one server.
    """
    counts = list(dict.fromkeys(_of_run(run) for run in runs))
    unknown = next((one for one in counts if one.number is None), None)
    if unknown is not None:
        return unknown
    numbers = sorted({one.number or 0 for one in counts})
    if len(numbers) > 1:
        return ServerCount(None, f"the runs had {' and '.join(map(str, numbers))} servers")
    return counts[0]


def _least(sampled: int) -> float:
    """The share of the connections below which another server holds some: one more would have as many."""
    return max(NEARLY_ALL, min(_AT_MOST, 1 - 0.5 / (sampled + 1)))


def _of_run(run: Run) -> ServerCount:
    sampled = sum(not one.beside for one in run.header.servers)
    addresses = max(1, len(run.header.targets))
    share = held_share(seconds_of([run]), by_files=files_show([run])) if sampled else None
    if share is not None and share.value < _least(sampled):
        return ServerCount(
            None,
            f"the sampled servers hold {format_share(share.value)} of the connections ({share.how}), and how "
            "many others hold the rest is not known: sample them all",
        )
    if addresses > max(1, sampled) and share is None:
        return ServerCount(
            None,
            f"{addresses} addresses were loaded, and how many servers they are is not known: sample each "
            "with --server-pid or --server NAME=PID",
        )
    if not sampled:
        return ServerCount(1, "one address is taken for one server")
    if idle := holding_none(run):
        return ServerCount(
            None,
            f"{' and '.join(idle)} held none of the connections: leave it out, if it is no server of the "
            "target",
        )
    return ServerCount(sampled, "as many as were sampled")
