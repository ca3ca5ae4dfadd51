"""Locust's own statistics, kept in step with ours in bulk.

One row per operation and name; failures count as requests, as Locust counts them. An
operation without a latency gets none (``None`` in Locust's words), never a zero.
"""

import time
from typing import Any

import numpy as np

from siotool.histogram import bucket_value
from siotool.runfile import Operation

#: Seconds that Locust's statistics keep one by one; and points of its charts, one every five seconds.
_KEPT_S, _HISTORY = 60, 1000


def mirror(stats: Any, operations: list[Operation]) -> None:
    """Add what was counted since the last report to a ``locust.stats.RequestStats``."""
    now = time.time()
    for operation in operations:
        entry = stats.get(operation.name, operation.op)
        for row in (entry, stats.total):
            _add(row, operation, now)
        for kind, count in operation.errors.items():
            stats.log_error(operation.op, operation.name, kind)
            # log_error counts one; the row's own counters take the rest below
            _repeat_error(stats, entry, operation, kind, count - 1, now)


def forget_old(stats: Any, now: float) -> None:
    """Drop what Locust would keep of each second to the end of the run; it looks at the last few alone.

    ``now`` in seconds since the epoch.
    """
    for row in (*stats.entries.values(), stats.total):
        for counts in (row.num_reqs_per_sec, row.num_fail_per_sec):
            while counts and (first := next(iter(counts))) < now - _KEPT_S:
                del counts[first]
    del stats.history[:-_HISTORY]


def _add(row: Any, operation: Operation, now: float) -> None:
    failures = sum(operation.errors.values())
    requests = operation.count + failures
    if not requests:
        return
    second = int(now)
    if (
        row.use_response_times_cache
        and row.last_request_timestamp
        and second > int(row.last_request_timestamp)
    ):
        row._cache_response_times(second - 1)
    timed = operation.response.count
    row.num_requests += requests
    row.num_none_requests += requests - timed
    row.num_reqs_per_sec[second] += requests
    row.last_request_timestamp = now
    if not timed:
        return
    row.total_response_time += operation.response.sum_s * 1e3
    low, high = operation.response.min_s * 1e3, operation.response.max_s * 1e3
    row.min_response_time = low if row.min_response_time is None else min(row.min_response_time, low)
    row.max_response_time = max(row.max_response_time, high)
    for index, count in zip(*map(np.ndarray.tolist, operation.response.buckets()), strict=True):
        row.response_times[_milliseconds(index)] += count


def _milliseconds(index: int) -> float:
    value = bucket_value(index) * 1e3
    # two significant digits, like Locust, but also below one millisecond
    return float(f"{value:.2g}")


def _repeat_error(stats: Any, entry: Any, operation: Operation, kind: str, more: int, now: float) -> None:
    if more <= 0:
        return
    for row in (entry, stats.total):
        row.num_failures += more
        row.num_fail_per_sec[int(now)] += more
    for error in stats.errors.values():
        if (error.method, error.name, error.error) == (operation.op, operation.name, kind):
            error.occurrences += more
