"""The run over time, ready to be drawn: one point a second, fewer for long runs.

Thinning joins neighbouring seconds: rates and gauges become means over time and percentiles
are read from the merged histograms, so no point is a guess.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from siotool.histogram import merged
from siotool.report.model import OperationFigures, OperationSeries, Series
from siotool.report.steady import Hold
from siotool.runfile import Interval, Operation

MOST_POINTS = 2000


def make_series(
    intervals: Sequence[Interval], table: pd.DataFrame, hold: Hold, operations: Sequence[OperationFigures]
) -> Series:
    """Return at most ``MOST_POINTS`` points; ``table`` has a row for each of ``intervals``."""
    step = max(1, math.ceil(len(table) / MOST_POINTS))
    group = np.arange(len(table)) // step
    times = table["duration_s"].groupby(group).sum()

    def mean(column: str) -> list[float]:
        weighted = (table[column] * table["duration_s"]).groupby(group).sum()
        return _rounded(weighted / times)

    def known_mean(column: str) -> list[float | None]:
        known = table[column].notna()
        weighted = (table[column] * table["duration_s"]).groupby(group).sum()
        time = table["duration_s"].where(known, 0.0).groupby(group).sum()
        return [None if math.isnan(v) else v for v in _rounded(weighted / time.replace(0.0, np.nan))]

    def rate(column: str) -> list[float]:
        return _rounded(table[column].groupby(group).sum() / times)

    seconds = times.tolist()
    return Series(
        point_s=float(times.median()) if len(times) else 1.0,
        begins_s=_rounded(table.groupby("run")["begin_s"].min()),
        hold_s=_spans(table, hold),
        t_s=_rounded((table["begin_s"] + table["duration_s"]).groupby(group).max()),
        users=mean("users"),
        connections=mean("open"),
        connect_errors_per_s=rate("connect_errors"),
        closed_per_s=rate("closed"),
        wire_in_bytes_per_s=rate("wire_in"),
        wire_out_bytes_per_s=rate("wire_out"),
        received_per_s=rate("received"),
        lost_per_s=rate("lost"),
        duplicate_per_s=rate("duplicate"),
        server_cpu_cores=known_mean("server_cpu"),
        server_rss_bytes=known_mean("server_rss"),
        generator_cpu_cores=known_mean("generator_cpu"),
        generator_loop_lag_s=known_mean("loop_lag"),
        operations=[_operation(row, intervals, step, seconds) for row in operations],
    )


def _spans(table: pd.DataFrame, hold: Hold) -> list[tuple[float, float]]:
    held = table[hold.rows]
    number = (hold.rows != hold.rows.shift()).cumsum()[hold.rows]
    spans = pd.DataFrame(
        {"begin": held["begin_s"], "end": held["begin_s"] + held["duration_s"], "number": number}
    )
    ends = spans.groupby("number").agg({"begin": "min", "end": "max"})
    return [(_digits(begin), _digits(end)) for begin, end in ends.itertuples(index=False)]


def _operation(
    row: OperationFigures, intervals: Sequence[Interval], step: int, seconds: list[float]
) -> OperationSeries:
    rates, errors, p50, p95, p99 = [], [], [], [], []
    for point, time in enumerate(seconds):
        parts = [
            operation
            for interval in intervals[point * step : (point + 1) * step]
            for operation in interval.operations
            if (operation.op, operation.name) == (row.op, row.name)
        ]
        rates.append(_digits(sum(part.count for part in parts) / time))
        errors.append(_digits(sum(sum(part.errors.values()) for part in parts) / time))
        at = _percentiles(parts)
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


def _rounded(values: "pd.Series[float]") -> list[float]:
    return [_digits(value) for value in values.tolist()]


def _digits(value: float) -> float:
    """Four significant digits: what a chart can show, in a fifth of the space."""
    return float(f"{value:.4g}")
