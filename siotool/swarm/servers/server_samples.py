"""All sampled servers of a run: sources read at the end of each second, and their use by interval."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.swarm.servers.processes import Processes
from siotool.swarm.servers.sampled_server import SampledServer, Sampler

#: Longer than this after its end, an interval is written without the samples that are still to come.
PATIENCE_S = 1.5
#: An interval may end a little after the second that its samples are for.
_LATE_S = 0.25

#: Runs a function beside the run, with its arguments.
Spawn = Callable[..., Any]


class ServerSamples:
    """Samples of all servers; without any it does nothing."""

    def __init__(self, servers: Sequence[SampledServer], keepers: Sequence[Callable[[], None]] = ()) -> None:
        """``keepers`` run beside the run, for sources that have a connection of their own."""
        self._servers = tuple(servers)
        self._keepers = tuple(keepers)
        self._begun = False

    @property
    def described(self) -> list[MeasuredServer]:
        """The servers as the run file's header has them."""
        return [server.described for server in self._servers]

    @property
    def files_at_rest(self) -> int | None:
        """Open files of all servers before the load; None where one of them does not show it."""
        found = [one.files_at_rest for one in self.described if not one.beside]
        known = [files for files in found if files is not None]
        return sum(known) if known and len(known) == len(found) else None

    def start(self, begin: float, spawn: Spawn, sleep: Callable[[float], object]) -> None:
        """Sample from second 0 on, which is ``begin`` of the monotonic clock; ``sleep`` lets others run."""
        self._begun = bool(self._servers)
        for keeper in self._keepers:
            spawn(keeper)
        here = [sampler for server in self._servers for sampler in server.samplers if sampler.source.local]
        far = [sampler for server in self._servers for sampler in server.samplers if not sampler.source.local]
        for group in ([here] if here else []) + [[sampler] for sampler in far]:
            spawn(_follow, group, begin, sleep)

    def ready(self, end: float) -> bool:
        """Whether all that is to come for an interval that ends at ``end`` has come, or will not."""
        if not self._begun or monotonic() > end + PATIENCE_S:
            return True
        return all(
            sampler.settled >= end - _LATE_S for server in self._servers for sampler in server.samplers
        )

    def take(self, begin: float, end: float, *, last: bool = False) -> dict[str, ServerUse]:
        """Use of each server between two moments, by name; those of which nothing is known are left out.

        ``last``: read what takes no time once more, as the interval ends between two seconds.
        """
        if not self._begun:
            return {}
        for server in self._servers:
            for sampler in server.samplers:
                if last and sampler.source.local:
                    sampler.sample(end, monotonic)
        uses = {server.described.name: server.use(begin, end) for server in self._servers}
        return {name: use for name, use in uses.items() if use is not None}

    def moved(self, name: str, pid: int) -> None:
        """The server of a name is another process now."""
        for server in self._servers:
            for sampler in server.samplers:
                if not isinstance(sampler.source, Processes):
                    continue
                if server.described.name == name:
                    sampler.source.follow(pid)
                else:
                    sampler.source.leave_out(pid)

    @property
    def missing(self) -> dict[str, str]:
        """Sources that do not answer now, and why: ``server-1: metrics of http://…``."""
        return {
            f"{server.described.name}: {sampler.source.what}": sampler.failure
            for server in self._servers
            for sampler in server.samplers
            if sampler.failure
        }


def _follow(samplers: Sequence[Sampler], begin: float, sleep: Callable[[float], object]) -> None:
    """Read sources at once, and at the end of each second."""
    for sampler in samplers:
        sampler.sample(begin, monotonic)
    number = 0
    while True:
        due = begin + number
        sleep(max(0.0, due - monotonic()))
        number = max(number, int(monotonic() - begin))  # after a pause
        for sampler in samplers:
            sampler.sample(begin + number, monotonic)
        number += 1
