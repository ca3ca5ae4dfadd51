"""One server with its sources, each read at its own moments, and its use in an interval of the run."""

from collections.abc import Sequence
from typing import Any

from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.swarm.servers.source import Clock, Source, SourceGone
from siotool.swarm.servers.track import Track

#: Counters that become means of the same unit, and the fields of a server's use.
_RATES = {
    "cpu_s": "cpu_cores",
    "events_received": "events_received_per_s",
    "events_sent": "events_sent_per_s",
    "adapter_published": "adapter_published_per_s",
    "adapter_received": "adapter_received_per_s",
}
_WHOLE = (
    *("rss_bytes", "files_open", "files_most", "processes", "connections", "polling"),
    *("store_messages", "store_dead", "store_bytes"),
)
#: The most that a run file can hold.
_MOST = 1e12


class Sampler:
    """Reads one source; ``failure`` says why it does not answer now."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.track = Track(source.early_s)
        self.failure = ""
        #: Up to this moment it has answered, or has failed to.
        self.settled = 0.0

    def sample(self, due: float, clock: Clock) -> None:
        """Read once, for the second that ended at ``due``."""
        try:
            reading = self.source.read(clock)
        except SourceGone as error:
            self.failure = str(error)
        else:
            self.failure = ""
            if reading is not None:
                self.track.add(reading)
        self.settled = due


class SampledServer:
    """A server as the run file describes it; of sources that show the same, the first counts."""

    def __init__(self, described: MeasuredServer, sources: Sequence[Source]) -> None:
        self.described = described
        self.samplers = [Sampler(source) for source in sources]

    def use(self, begin: float, end: float) -> ServerUse | None:
        """What it used from ``begin`` to ``end`` of the monotonic clock; None where nothing is known."""
        rates: dict[str, float] = {}
        levels: dict[str, float] = {}
        for sampler in reversed(self.samplers):
            rates |= sampler.track.rates(begin, end)
            levels |= sampler.track.levels(end)
        found: dict[str, Any] = {
            **levels,
            **{field: rates[name] for name, field in _RATES.items() if name in rates},
        }
        for name in _WHOLE:
            if name in found:
                found[name] = round(found[name])
        active, idle = rates.get("loop_active_s"), rates.get("loop_idle_s")
        if active is not None and idle is not None and active + idle > 0:
            found["loop_utilization"] = active / (active + idle)
        if "loop_utilization" in found:
            found["loop_utilization"] = min(1.0, found["loop_utilization"])
        if not found:
            return None
        known = {name: value for name, value in found.items() if value <= _MOST}
        return ServerUse(**known, beside=self.described.beside)
