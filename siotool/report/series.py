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
from siotool.runs.hold import Hold

MOST_POINTS = 2000
#: Of a usual second, what an interval must have to be a point of its own; and one after the load's end.
_HALF, _NEARLY = 0.5, 0.95


def make_series(
    intervals: Sequence[Interval], table: pd.DataFrame, hold: Hold, operations: Sequence[OperationFigures]
) -> Series:
    """Return at most ``MOST_POINTS`` points; ``table`` has a row for each of ``intervals``."""
    step = max(1, math.ceil(len(table) / MOST_POINTS))
    starts = np.arange(0, len(table), step)
    ends = (table["begin_s"] + table["duration_s"]).to_numpy()

    def total(values: "pd.Series[float]") -> list[float]:
        """Sum of each point's seconds; one that is not known counts for nothing."""
        return [float(value) for value in np.add.reduceat(np.nan_to_num(values.to_numpy()), starts)]

    times = total(table["duration_s"])
    whole = _whole(table)
    loaded = table["duration_s"].where(whole, 0.0)

    def level(values: "pd.Series[float]", time: "pd.Series[float]") -> list[float | None]:
        """Values that were weighted by time, over the time they are known for; None where that is none."""
        pairs = zip(total(values), total(time), strict=True)
        return [_digits(value / over) if over else None for value, over in pairs]

    def mean(column: str) -> list[float | None]:
        time = loaded.where(table[column].notna(), 0.0)
        return level(table[column] * time, time)

    def rate(column: str) -> list[float | None]:
        return level(table[column].where(whole, 0.0), loaded)

    def failures(column: str) -> list[float]:
        return [_digits(count / time) for count, time in zip(total(table[column]), times, strict=True)]

    return Series(
        point_s=float(np.median(times)) if times else 1.0,
        begins_s=_rounded(table.groupby("run")["begin_s"].min()),
        hold_s=_spans(table, hold),
        t_s=[_digits(end) for end in np.maximum.reduceat(ends, starts)],
        users=mean("users"),
        connections=mean("open"),
        connect_errors_per_s=failures("connect_errors"),
        closed_per_s=failures("closed"),
        wire_in_bytes_per_s=rate("wire_in"),
        wire_out_bytes_per_s=rate("wire_out"),
        received_per_s=rate("received"),
        lost_per_s=failures("lost"),
        duplicate_per_s=failures("duplicate"),
        server_cpu_cores=mean("server_cpu"),
        server_rss_bytes=mean("server_rss"),
        generator_cpu_cores=mean("generator_cpu"),
        generator_loop_lag_s=mean("loop_lag"),
        operations=[_operation(row, intervals, loaded.tolist(), step, times) for row in operations],
    )


def _whole(table: pd.DataFrame) -> "pd.Series[bool]":
    """Mark the seconds that say what the load was: not the rest of one in which a run ended or was cut.

    Of its last second a run spends a part on saying good-bye: as a rate that would be a drop.
    What failed in it is shown all the same.
    """
    usual = table["duration_s"].median()
    least = (table["draining"] > 0).map({True: _NEARLY, False: _HALF}).astype(float)
    return table["duration_s"] >= least * usual


def _spans(table: pd.DataFrame, hold: Hold) -> list[tuple[float, float]]:
    held = table[hold.rows]
    number = (hold.rows != hold.rows.shift()).cumsum()[hold.rows]
    spans = pd.DataFrame(
        {"begin": held["begin_s"], "end": held["begin_s"] + held["duration_s"], "number": number}
    )
    ends = spans.groupby("number").agg({"begin": "min", "end": "max"})
    return [(_digits(begin), _digits(end)) for begin, end in ends.itertuples(index=False)]


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


def _rounded(values: "pd.Series[float]") -> list[float]:
    return [_digits(value) for value in values.tolist()]


def _digits(value: float) -> float:
    """Four significant digits: what a chart can show, in a fifth of the space."""
    return float(f"{value:.4g}")
