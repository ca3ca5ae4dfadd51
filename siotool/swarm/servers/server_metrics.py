"""A server that publishes metrics as Prometheus reads them: its URL is read once a second."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from math import fsum
from statistics import fmean
from urllib.parse import urlsplit

from siotool.errors import InputError
from siotool.measured_servers import LOCAL
from siotool.swarm.servers.metric_figures import METRICS, Expression, Metric, usual_scale
from siotool.swarm.servers.metrics_fetch import MetricsFetch
from siotool.swarm.servers.metrics_text import MetricSample, MetricsPage, names_of, read_page
from siotool.swarm.servers.series_counter import SeriesCounter
from siotool.swarm.servers.source import EARLY_S, Clock, Reading, SourceGone

#: How long a page may take at the start, and in each second of the run.
FIRST_S, EACH_S = 5.0, 0.8
#: A server on another machine has no more cores.
_MOST_CORES = 256.0
_JOINING: dict[str, Callable[[Sequence[float]], float]] = {"sum": fsum, "max": max, "min": min, "avg": fmean}
#: What a server can be asked for but does not have to show.
_SELDOM = frozenset(
    (
        *("loop_active", "loop_idle", "adapter_published", "adapter_received"),
        *("store_messages", "store_dead", "store_bytes"),
    )
)


class ServerMetrics:
    """The metrics of one URL: which of them are read is decided by its first page."""

    local = False
    early_s = EARLY_S

    def __init__(self, fetch: MetricsFetch, asked: Mapping[str, Expression]) -> None:
        """``asked`` are expressions for figures whose metrics have other names.

        Raises InputError when the URL does not answer, or shows none of the figures, or not what was asked.
        """
        self._fetch = fetch
        self.what = f"metrics of {fetch.shown}"
        try:
            text = fetch.get(FIRST_S)
        except SourceGone as error:
            raise InputError(
                f"no metrics from {fetch.shown}: {error}", "check the URL of --server-metrics"
            ) from None
        expressions = {one.figure: _candidates(one, asked) for one in METRICS}
        page = read_page(text, {found.name for usual in expressions.values() for found in usual})
        self._chosen: list[tuple[Metric, Expression]] = []
        for metric in METRICS:
            found = next((one for one in expressions[metric.figure] if _there(page, one)), None)
            if found is not None:
                self._chosen.append((metric, found))
            elif metric.figure in asked:
                raise _absent(self.what, metric, asked[metric.figure], text)
        if not self._chosen:
            raise InputError(
                f"{self.what}: none of the {len(names_of(text)):,} metrics there is known"
                if names_of(text)
                else f"{self.what}: no metrics in the answer",
                "name them, as --metric cpu=my_cpu_seconds_total (docs/servers.md)",
            )
        #: Lines of the first page that are no samples of what is read.
        self.unreadable = page.unreadable
        self._names = frozenset(one.name for _, one in self._chosen)
        #: By the names of a ``Reading``: figures that are counters, as the page or the metric's name says.
        self._counters: dict[str, SeriesCounter] = {}
        self.files_limit = _files_limit(text)

    @property
    def host(self) -> str:
        """The host of the URL, as run files name it."""
        host = urlsplit(self._fetch.shown).hostname or ""
        return LOCAL if host in ("localhost", "::1") or host.startswith("127.") else host

    @property
    def shows(self) -> list[str]:
        """What is read, in words: ``CPU (process_cpu_seconds_total)``."""
        return [f"{metric.words} ({one.name})" for metric, one in self._chosen]

    @property
    def lacks(self) -> list[str]:
        """What is not there, in words."""
        chosen = {metric.figure for metric, _ in self._chosen}
        if {"loop_active", "loop_idle"} <= chosen:
            chosen.add("loop_utilization")
        return [one.words for one in METRICS if one.figure not in chosen | _SELDOM]

    def read(self, clock: Clock) -> Reading:
        """Return what the page shows now. Raises SourceGone."""
        asked_at = clock()
        text = self._fetch.get(EACH_S)
        at = (asked_at + clock()) / 2
        page = read_page(text, self._names)
        counters: dict[str, float] = {}
        gauges: dict[str, float] = {}
        for metric, one in self._chosen:
            samples = _taken(page, one)
            scale = one.scale if one.scale != 1.0 else usual_scale(one)
            join = _JOINING[one.joining or metric.joining]
            if metric.counter and (metric.counter in self._counters or page.grows(one.name)):
                counter = self._counters.setdefault(metric.counter, self._counter(metric, join))
                none_yet = not one.wanted and page.declares(one.name) and not counter.seen
                if samples or none_yet:
                    series = {sample.series: sample.value * scale for sample in samples}
                    counters[metric.counter] = counter.take(series, at)
            elif metric.gauge and samples:
                gauges[metric.gauge] = join([sample.value for sample in samples]) * scale
        if not counters and not gauges:
            raise SourceGone("the metrics that it had are no longer there")
        return Reading(at, counters, gauges)

    def _counter(self, metric: Metric, join: Callable[[Sequence[float]], float]) -> SeriesCounter:
        """CPU time grows by no more than a second a second on each core."""
        cores = float(os.cpu_count() or 1) if self.host == LOCAL else _MOST_CORES
        return SeriesCounter(join, cores if metric.figure == "cpu" else math.inf)


def _candidates(metric: Metric, asked: Mapping[str, Expression]) -> tuple[Expression, ...]:
    return (asked[metric.figure],) if metric.figure in asked else metric.usual


def _taken(page: MetricsPage, one: Expression) -> list[MetricSample]:
    return [sample for sample in page.samples.get(one.name, ()) if one.takes(sample.labels)]


def _there(page: MetricsPage, one: Expression) -> bool:
    """Whether a page has a metric; a counter with labels has no sample before the first event."""
    return bool(_taken(page, one)) or (not one.wanted and page.declares(one.name))


def _absent(what: str, metric: Metric, one: Expression, text: str) -> InputError:
    names = names_of(text)
    if one.name in names:
        labels = ", ".join(f'{name}{"=" if equal else "!="}"{value}"' for name, equal, value in one.wanted)
        return InputError(
            f"{what}: no sample of {one.name} has {labels}" if labels else f"{what}: no value of {one.name}",
            f"correct --metric {metric.figure}",
        )
    like = get_close_matches(one.name, names, 3, 0.6)
    return InputError(
        f"{what}: there is no {one.name}, as --metric {metric.figure} asks",
        f"there is {', '.join(like)}" if like else f"it has {len(names):,} other metrics",
    )


def _files_limit(text: str) -> int | None:
    found = read_page(text, {"process_max_fds"}).samples.get("process_max_fds")
    return int(min(sample.value for sample in found)) if found else None
