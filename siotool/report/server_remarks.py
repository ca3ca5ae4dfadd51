"""What is worth knowing of the sampled servers: others that serve too, uneven load, missing figures."""

from collections.abc import Iterator, Sequence

from siotool.report.server_figures import ServerFigures
from siotool.runs.held_share import NONE_HELD

#: A server that holds so many times the mean of all is loaded unevenly.
_UNEVEN = 1.25


def server_remarks(server: ServerFigures | None, servers: Sequence[ServerFigures]) -> Iterator[str]:
    """Yield remarks on all servers together, and on each."""
    if server is None:
        return
    if server.elsewhere:
        yield server.elsewhere
    if server.cpu_cores_mean is None:
        yield f"no source of the server shows its CPU in the hold phase ({server.source}): no cost is learnt"
    idle = [one for one in servers if one.connections_share is not None and one.connections_share < NONE_HELD]
    for one in idle if len(servers) > 1 else ():
        yield (
            f"{one.name} held none of the connections ({one.connections_how}): is it a server of the target? "
            "A balancer that goes by address sends all clients of one machine to one server"
        )
    if server.imbalance is not None and server.imbalance > _UNEVEN and not idle:
        yield (
            f"the servers were loaded unevenly: the fullest held {server.imbalance:.2f} times the mean of "
            "all, and is full first"
        )
    for one in servers:
        if one.missed_s > 1:
            yield f"{one.name} was not sampled for {one.missed_s:.0f} s: its figures are of the others"
