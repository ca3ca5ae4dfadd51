"""A running test as OpenMetrics: names, labels and units (docs/ci.md lists them)."""

from collections.abc import Iterator

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from siotool.histogram import SIZE, Histogram, bucket_edges
from siotool.runfile import Interval
from siotool.swarm.running_totals import RunningTotals

#: Upper bounds of the histogram's buckets, in seconds.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: How many of a histogram's own buckets lie below each.
_PLACES = tuple(
    int(np.searchsorted([bucket_edges(index)[1] for index in range(SIZE)], bound * (1 + 1e-9), side="right"))
    for bound in BOUNDS_S
)
_OUTCOMES = ("expected", "received", "lost", "duplicate", "reordered", "misdelivered", "late")


class RunCollector(Collector):
    """Gives the totals of a run whenever they are scraped."""

    def __init__(self, totals: RunningTotals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; those of the last second only once there is one."""
        totals = self._totals
        header = totals.header
        about = {"run": header.run, "scenario": header.workload.scenario, "target": header.target.url}
        yield InfoMetricFamily("siotool_run", "The run that is going on.", about)
        yield from self._operations()
        yield _by_kind("siotool_connect_failures", "Connects that failed.", totals.connections.failed)
        yield _by_kind("siotool_connections_closed", "Connections that were lost.", totals.connections.closed)
        yield _counter("siotool_connects", "Connects that were tried.", totals.connections.attempted)
        deliveries = CounterMetricFamily(
            "siotool_deliveries", "Deliveries of stamped messages.", labels=["outcome"]
        )
        for outcome in _OUTCOMES:
            deliveries.add_metric([outcome], getattr(totals.delivery, outcome))
        yield deliveries
        yield from self._bytes()
        yield _counter("siotool_doubts", "Reasons noted not to believe the run.", totals.doubts)
        if totals.last is not None:
            yield from _levels(totals.last)

    def _operations(self) -> Iterator[Metric]:
        totals = self._totals
        times = HistogramMetricFamily(
            "siotool_operation_seconds",
            "Response times of successes, from their intended start.",
            labels=["op", "name"],
            unit="seconds",
        )
        for key, histogram in totals.response.items():
            times.add_metric(list(key), buckets_of(histogram), histogram.sum_s)
        successes = CounterMetricFamily(
            "siotool_operations", "Operations that succeeded.", labels=["op", "name"]
        )
        for key, count in totals.successes.items():
            successes.add_metric(list(key), count)
        errors = CounterMetricFamily(
            "siotool_operation_errors", "Operations that failed.", labels=["op", "name", "kind"]
        )
        for failed, count in totals.errors.items():
            errors.add_metric(list(failed), count)
        yield from (times, successes, errors)

    def _bytes(self) -> Iterator[Metric]:
        found = self._totals.bytes
        for name, words, into, out in (
            ("siotool_wire_bytes", "TCP payload, as the clients see it.", found.wire_in, found.wire_out),
            ("siotool_payload_bytes", "Engine.IO packets.", found.payload_in, found.payload_out),
        ):
            family = CounterMetricFamily(name, words, labels=["direction"], unit="bytes")
            family.add_metric(["in"], into)
            family.add_metric(["out"], out)
            yield family


def buckets_of(histogram: Histogram) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound; a value may be off by the histogram's own 1 %."""
    cumulated = np.concatenate([[0], np.cumsum(histogram.counts)])
    below = [(f"{bound:g}", float(cumulated[place])) for bound, place in zip(BOUNDS_S, _PLACES, strict=True)]
    return [*below, ("+Inf", float(cumulated[-1]))]


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value)


def _by_kind(name: str, words: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, words, labels=["kind"])
    for kind, count in counts.items():
        family.add_metric([kind], count)
    return family


def _levels(last: Interval) -> Iterator[Metric]:
    yield GaugeMetricFamily("siotool_run_seconds", "Seconds since the start.", last.t_s, unit="seconds")
    yield GaugeMetricFamily("siotool_stage", "Number of the stage, from 1 on.", last.stage + 1)
    yield GaugeMetricFamily("siotool_users", "Users there are.", last.connections.users)
    yield GaugeMetricFamily("siotool_connections", "Connections that are open.", last.connections.open)
    yield _by_worker(last, "siotool_generator_cpu_cores", "CPU of a worker, in cores.", "cpu_cores")
    yield _by_worker(last, "siotool_generator_cpu_allowed_cores", "CPU it may have.", "cpu_allowed")
    yield _by_worker(
        last, "siotool_generator_loop_lag_seconds", "How late its loop was.", "loop_lag_s", "seconds"
    )
    yield _by_worker(
        last,
        "siotool_generator_schedule_lag_seconds",
        "How late an operation was.",
        "schedule_lag_s",
        "seconds",
    )
    yield _by_worker(last, "siotool_generator_resident_bytes", "Its resident memory.", "rss_bytes", "bytes")
    yield _by_worker(last, "siotool_generator_open_files", "Its open files.", "files_open")
    cpu = GaugeMetricFamily(
        "siotool_server_cpu_cores", "CPU of a sampled server, in cores.", labels=["server"]
    )
    memory = GaugeMetricFamily(
        "siotool_server_resident_bytes", "Its resident memory.", labels=["server"], unit="bytes"
    )
    for name, use in last.servers.items():
        if use.cpu_cores is not None:
            cpu.add_metric([name], use.cpu_cores)
        if use.rss_bytes is not None:
            memory.add_metric([name], use.rss_bytes)
    yield from (cpu, memory)


def _by_worker(last: Interval, name: str, words: str, field: str, unit: str = "") -> Metric:
    family = GaugeMetricFamily(name, words, labels=["worker"], unit=unit)
    for worker in last.generator:
        family.add_metric([str(worker.worker)], getattr(worker, field))
    return family
