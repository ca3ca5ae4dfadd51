"""The run over time, ready to be drawn: one point a second, fewer for long runs.

Thinning joins neighbouring seconds: rates and gauges become means over time and percentiles
are read from the merged histograms, so no point is a guess.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from siotool.report.contents import OperationFigures, OperationSeries, Series
from siotool.report.operations import Named
from siotool.report.peaks import LEAST, usual_s
from siotool.report.percentiles import TimesBySecond
from siotool.runfile import Interval, Operation
from siotool.runs.bucket_table import quantiles
from siotool.runs.hold import Marks
from siotool.runs.seconds import Floats, Seconds

#: More than a chart has pixels.
MOST_POINTS = 1200
#: The share of a usual second that an interval after the load's end must have to be a point.
_NEARLY = 0.95


def make_series(
    intervals: Sequence[Interval],
    seconds: Seconds,
    operations: Sequence[OperationFigures],
    times_of: Mapping[Named, TimesBySecond],
) -> Series:
    """Return at most ``MOST_POINTS`` points; ``seconds`` has a row for each of ``intervals``.

    ``times_of`` has the response times of operations where they are known, by the number of the row.
    """
    step = max(1, math.ceil(len(seconds) / MOST_POINTS))
    point = np.arange(len(seconds)) // step
    duration, ends = seconds["duration_s"], seconds["begin_s"] + seconds["duration_s"]
    loaded = np.where(_whole(seconds), duration, 0.0)

    def load(column: str) -> list[float | None]:
        return _points(_mean(seconds[column], loaded, point))

    def failures(column: str) -> list[float]:
        return [value or 0.0 for value in _points(_mean(seconds[column], duration, point))]

    times: Floats = np.bincount(point, duration).astype(np.float64)
    done = _by_name(intervals)
    return Series(
        point_s=float(np.median(times)) if len(times) else 1.0,
        begins_s=[_digits(float(run["begin_s"].min())) for run in seconds.each()],
        hold_s=_spans(seconds, ends),
        t_s=[_digits(end) for end in ends[np.append(np.flatnonzero(np.diff(point)), -1)]]
        if len(ends)
        else [],
        users=load("users"),
        connections=load("connections_end"),
        connect_errors_per_s=failures("connect_errors_per_s"),
        closed_per_s=failures("closed_per_s"),
        wire_in_bytes_per_s=load("bytes_in_per_s"),
        wire_out_bytes_per_s=load("bytes_out_per_s"),
        received_per_s=load("received_per_s"),
        lost_per_s=failures("lost_per_s"),
        duplicate_per_s=failures("duplicate_per_s"),
        server_cpu_cores=load("cpu_cores"),
        server_rss_bytes=load("rss_bytes"),
        generator_cpu_cores=load("generator_cpu_cores"),
        generator_loop_lag_s=load("loop_lag_s"),
        operations=[
            _operation(row, done[row.op, row.name], times_of.get((row.op, row.name)), point, loaded, times)
            for row in operations
        ],
    )


def _mean(values: Floats, time: Floats, point: NDArray[np.intp]) -> Floats:
    """Means over some time of each point; NaN where that is none."""
    known = np.where(np.isnan(values), 0.0, time)
    sums = np.bincount(point, np.where(known > 0, values, 0.0) * known)
    weights = np.bincount(point, known)
    means: Floats = np.divide(sums, weights, out=np.full(len(sums), np.nan), where=weights > 0)
    return means


def _whole(seconds: Seconds) -> Marks:
    """Mark the seconds that say what the load was: not the rest of one in which a run ended or was cut.

    A run spends a part of its last second on closing connections: as a rate that would be a drop.
    Failures in it are shown.
    """
    duration = seconds["duration_s"]
    return duration >= np.where(seconds["draining"] > 0, _NEARLY, LEAST) * usual_s(duration)


def _spans(seconds: Seconds, ends: Floats) -> list[tuple[float, float]]:
    """Begin and end of each unbroken stretch of held seconds."""
    edges = np.flatnonzero(np.diff(seconds.held.astype(np.int8), prepend=0, append=0))
    return [
        (_digits(float(seconds["begin_s"][first])), _digits(float(ends[after - 1])))
        for first, after in edges.reshape(-1, 2)
    ]


def _by_name(intervals: Sequence[Interval]) -> dict[tuple[str, str], list[tuple[int, Operation]]]:
    """Each operation of each interval, with the interval's number."""
    found: dict[tuple[str, str], list[tuple[int, Operation]]] = {}
    for number, interval in enumerate(intervals):
        for operation in interval.operations:
            found.setdefault((operation.op, operation.name), []).append((number, operation))
    return found


def _operation(
    row: OperationFigures,
    done: Sequence[tuple[int, Operation]],
    responses: TimesBySecond | None,
    point: NDArray[np.intp],
    loaded: Floats,
    times: Floats,
) -> OperationSeries:
    at = np.array([number for number, _ in done], dtype=np.intp)
    count = np.array([operation.count for _, operation in done], dtype=float)
    failed = np.array([sum(operation.errors.values()) for _, operation in done], dtype=float)
    known = np.bincount(point, loaded)
    successes = np.bincount(point[at], np.where(loaded[at] > 0, count, 0.0), len(times))
    rates = np.divide(successes, known, out=np.full(len(times), np.nan), where=known > 0)
    if responses is None:
        responses = TimesBySecond()
        for number, operation in done:
            responses.add(operation.response, number, 0)
            responses.add(operation.given_up, number, 0)
    p50, p95, p99 = quantiles(responses.buckets(), point, len(times), (0.5, 0.95, 0.99))
    return OperationSeries(
        op=row.op,
        name=row.name,
        rate_per_s=_points(rates),
        errors_per_s=[_digits(value) for value in np.bincount(point[at], failed, len(times)) / times],
        p50_s=_points(p50),
        p95_s=_points(p95),
        p99_s=_points(p99),
    )


def _points(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else _digits(value) for value in values]


def _digits(value: float) -> float:
    """Four significant digits: what a chart can show, in a fifth of the space."""
    return float(f"{value:.4g}")
