"""The run over time, ready to be drawn: one point a second, fewer for long runs.

Thinning joins neighbouring seconds: rates and gauges become means over time and percentiles
are read from the merged histograms, so no point is a guess.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from siotool.histogram import merged
from siotool.report.contents import OperationFigures, OperationSeries, Series
from siotool.runfile import Interval, Operation
from siotool.runs.hold import Marks
from siotool.runs.seconds import Floats, Seconds

MOST_POINTS = 2000
#: The share of a usual second that an interval must have to be a point; and one after the load's end.
_HALF, _NEARLY = 0.5, 0.95


def make_series(
    intervals: Sequence[Interval], seconds: Seconds, operations: Sequence[OperationFigures]
) -> Series:
    """Return at most ``MOST_POINTS`` points; ``seconds`` has a row for each of ``intervals``."""
    step = max(1, math.ceil(len(seconds) / MOST_POINTS))
    point = np.arange(len(seconds)) // step
    table = pd.DataFrame(seconds.columns)
    duration, ends = table["duration_s"], table["begin_s"] + table["duration_s"]
    loaded = duration.where(_whole(seconds), 0.0)

    def means(time: "pd.Series[float]") -> dict[str, list[float | None]]:
        """Means of every column over some time of each point; None where that is none."""
        known = table.notna().mul(time, axis=0)
        sums, weights = table.fillna(0.0).mul(known).groupby(point).sum(), known.groupby(point).sum()
        found = sums / weights.mask(weights == 0)
        return {
            str(name): [None if math.isnan(value) else _digits(value) for value in column]
            for name, column in found.items()
        }

    load, failures = means(loaded), means(duration)
    times = duration.groupby(point).sum()
    return Series(
        point_s=float(times.median()) if len(times) else 1.0,
        begins_s=[_digits(float(run["begin_s"].min())) for run in seconds.each()],
        hold_s=_spans(seconds, ends.to_numpy()),
        t_s=[_digits(end) for end in ends.groupby(point).max()],
        users=load["users"],
        connections=load["connections_end"],
        connect_errors_per_s=_known(failures["connect_errors_per_s"]),
        closed_per_s=_known(failures["closed_per_s"]),
        wire_in_bytes_per_s=load["bytes_in_per_s"],
        wire_out_bytes_per_s=load["bytes_out_per_s"],
        received_per_s=load["received_per_s"],
        lost_per_s=_known(failures["lost_per_s"]),
        duplicate_per_s=_known(failures["duplicate_per_s"]),
        server_cpu_cores=load["cpu_cores"],
        server_rss_bytes=load["rss_bytes"],
        generator_cpu_cores=load["generator_cpu_cores"],
        generator_loop_lag_s=load["loop_lag_s"],
        operations=[_operation(row, intervals, loaded.tolist(), step, times.tolist()) for row in operations],
    )


def _known(values: list[float | None]) -> list[float]:
    return [value or 0.0 for value in values]


def _whole(seconds: Seconds) -> Marks:
    """Mark the seconds that say what the load was: not the rest of one in which a run ended or was cut.

    A run spends a part of its last second on closing connections: as a rate that would be a drop.
    Failures in it are shown.
    """
    duration = seconds["duration_s"]
    usual = np.median(duration) if len(duration) else 1.0
    return duration >= np.where(seconds["draining"] > 0, _NEARLY, _HALF) * usual


def _spans(seconds: Seconds, ends: Floats) -> list[tuple[float, float]]:
    """Begin and end of each unbroken stretch of held seconds."""
    edges = np.flatnonzero(np.diff(seconds.held.astype(np.int8), prepend=0, append=0))
    return [
        (_digits(float(seconds["begin_s"][first])), _digits(float(ends[after - 1])))
        for first, after in edges.reshape(-1, 2)
    ]


def _operation(
    row: OperationFigures, intervals: Sequence[Interval], loaded: list[float], step: int, seconds: list[float]
) -> OperationSeries:
    rates: list[float | None] = []
    errors, p50, p95, p99 = [], [], [], []
    for point, time in enumerate(seconds):
        here = range(point * step, min((point + 1) * step, len(intervals)))
        parts = [
            (operation, loaded[number] > 0)
            for number in here
            for operation in intervals[number].operations
            if (operation.op, operation.name) == (row.op, row.name)
        ]
        known = sum(loaded[number] for number in here)
        done = sum(part.count for part, whole in parts if whole)
        rates.append(_digits(done / known) if known else None)
        errors.append(_digits(sum(sum(part.errors.values()) for part, _ in parts) / time))
        at = _percentiles([part for part, _ in parts])
        p50.append(at[0])
        p95.append(at[1])
        p99.append(at[2])
    return OperationSeries(
        op=row.op, name=row.name, rate_per_s=rates, errors_per_s=errors, p50_s=p50, p95_s=p95, p99_s=p99
    )


def _percentiles(parts: list[Operation]) -> tuple[float | None, float | None, float | None]:
    histogram = merged(times for part in parts for times in (part.response, part.given_up))
    p50, p95, p99 = (
        None if value is None else _digits(value) for value in map(histogram.quantile, (0.5, 0.95, 0.99))
    )
    return p50, p95, p99


def _digits(value: float) -> float:
    """Four significant digits: what a chart can show, in a fifth of the space."""
    return float(f"{value:.4g}")
