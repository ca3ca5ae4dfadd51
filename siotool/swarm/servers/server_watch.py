"""Looks at each second of a run: is a source missing, and is the sampled server the one that serves?

A process that is not the server stands out once there is enough to see: hundreds of messages cost it no
CPU, or connections that open do not show among its open files. Only what is sure is said.
"""

from collections.abc import Iterator, Mapping

from siotool.runfile import Interval
from siotool.runs.held_share import wrong_by_cpu, wrong_by_files
from siotool.swarm.lateness import Level
from siotool.swarm.servers.source import GONE

#: A source that is missing for so many seconds in which clients were connected is missed.
_MISSED_S = 3
#: It must look wrong for so many seconds.
_SURE_S = 3


class _Missing:
    """A source that does not answer: since how many seconds, and what was said of it."""

    def __init__(self) -> None:
        self.seconds = self.served = 0
        self.said = ""


class ServerWatch:
    """Follows the seconds of a run; each thing is said once."""

    def __init__(self, files_at_rest: int | None) -> None:
        """``files_at_rest`` are the open files of all servers before the load.

        None where that is not known, or where a connection is no open file.
        """
        self._files_at_rest = files_at_rest
        self._missing: dict[str, _Missing] = {}
        self._said: set[str] = set()
        self._looks_wrong = 0
        self._done = self._cpu_s = 0.0

    def follow(
        self, interval: Interval, missing: Mapping[str, str], *, broken: bool = False
    ) -> Iterator[tuple[Level, str]]:
        """Yield what is to be noted at the end of an interval; ``missing`` are sources and why.

        ``broken``: servers were ended and started again, so that their files and CPU say nothing of the load.
        """
        yield from self._follow_sources(interval, missing)
        if not broken:
            yield from self._follow_work(interval)

    def _follow_sources(self, interval: Interval, missing: Mapping[str, str]) -> Iterator[tuple[Level, str]]:
        for name in [name for name in self._missing if name not in missing]:
            if self._missing.pop(name).said:
                yield "info", f"{name} answers again"
        for name, why in missing.items():
            found = self._missing.setdefault(name, _Missing())
            found.seconds += 1
            # what the target does to its own processes is no doubt, unless others go on serving
            found.served += 1 if interval.connections.open and not interval.draining else 0
            if found.served >= _MISSED_S and found.said != "doubt":
                found.said = "doubt"
                yield (
                    "doubt",
                    f"{name} has not answered for {_MISSED_S} s while clients were connected ({why}): what "
                    "the server used from then on is not known",
                )
            elif (found.seconds >= _MISSED_S or why.endswith(GONE)) and not found.said:
                found.said = "warning"
                yield "warning", f"{name} does not answer ({why})"

    def _follow_work(self, interval: Interval) -> Iterator[tuple[Level, str]]:
        use = interval.server
        if use is None or "wrong" in self._said:
            return
        self._done += sum(one.sent for one in interval.user_classes) + interval.connections.established
        self._done += sum(one.count for one in interval.operations if one.op == "deliver")
        wrong = ""
        if use.cpu_cores is not None:
            self._cpu_s += use.cpu_cores * interval.duration_s
            wrong = wrong_by_cpu(self._done, self._cpu_s)
        if not wrong and use.files_open is not None and self._files_at_rest is not None:
            wrong = wrong_by_files(interval.connections.open, use.files_open - self._files_at_rest)
        self._looks_wrong = self._looks_wrong + 1 if wrong else 0
        if self._looks_wrong >= _SURE_S:
            self._said.add("wrong")
            yield "doubt", f"{wrong}; give --server-pid the process that serves the target"
