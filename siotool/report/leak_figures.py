"""What a report says of a server's memory over time: whether it leaks."""

from typing import Literal

import msgspec
import numpy as np

from siotool.report.uncertain import between
from siotool.runs.leak import HOUR_S, memory_slope
from siotool.runs.seconds import Seconds
from siotool.units import format_duration, format_size

_DAY_S = 86_400.0
#: A limit farther away than this is not reached.
_FAR_S = 10 * 366 * _DAY_S


class LeakFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Growth of the servers' memory while the load stood still: ``shown`` a leak, none, or shrinking.

    It lies between ``low`` and ``high`` with 95 %. ``over_s`` of the hold phase were looked at.
    ``limit_bytes`` is the memory of the machine, reached after ``limit_s``, at the earliest after
    ``limit_low_s`` and at the latest after ``limit_high_s``: None where it is not known, no leak was shown,
    or it takes more than ten years.
    """

    shown: Literal["leak", "none", "shrinks"]
    bytes_per_hour: float
    low: float
    high: float
    over_s: float
    limit_bytes: int | None
    limit_s: float | None
    limit_low_s: float | None
    limit_high_s: float | None
    sentence: str


def find_leak(seconds: Seconds, memory_bytes: int | None) -> LeakFigures | str:
    """Judge the growth; or why there is no telling (empty: nobody asked)."""
    found = memory_slope(seconds)
    if isinstance(found, str):
        return found
    now = float(np.median(seconds["rss_bytes"][seconds.held & np.isfinite(seconds["rss_bytes"])][-60:]))
    shown: Literal["leak", "none", "shrinks"] = (
        "leak" if found.low > 0 else "shrinks" if found.high < 0 else "none"
    )
    left = max(0.0, memory_bytes - now) if shown == "leak" and memory_bytes else None
    limits = [_until(left, rate) for rate in (found.per_hour, found.high, found.low)]
    figures = LeakFigures(
        shown=shown,
        bytes_per_hour=found.per_hour,
        low=found.low,
        high=found.high,
        over_s=found.seconds,
        limit_bytes=memory_bytes if shown == "leak" else None,
        limit_s=limits[0],
        limit_low_s=limits[1],
        limit_high_s=limits[2],
        sentence="",
    )
    return msgspec.structs.replace(figures, sentence=_sentence(figures, settled=found.settled))


def _until(left: float | None, per_hour: float) -> float | None:
    if left is None or per_hour <= 0:
        return None
    until = left / per_hour * HOUR_S
    return until if until <= _FAR_S else None


def _rate(value: float) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}{format_size(abs(value))}/h"


def _sentence(found: LeakFigures, *, settled: bool) -> str:
    over = f"over {format_duration(found.over_s)} of the hold phase"
    if settled:
        over += ", without its begin, in which it still filled up"
    if found.shown == "none":
        if found.high <= 0:
            return f"no leak shown: its memory did not change, {over}"
        return f"no leak shown: less than {_rate(found.high)}, {over}"
    interval = between(abs(found.low), abs(found.high), _rate, _rate(found.bytes_per_hour))
    if found.shown == "shrinks":
        return f"no leak: its memory shrank by {_rate(-found.bytes_per_hour)}, {over}"
    return f"leaks {_rate(found.bytes_per_hour)} ({interval}), {over}{_reach(found)}"


def _reach(found: LeakFigures) -> str:
    if found.limit_bytes is None:
        return ""
    whole = format_size(found.limit_bytes)
    if found.limit_s is None:
        return f"; at that rate the machine's {whole} last for more than ten years"
    span = _days(found.limit_s)
    if found.limit_low_s is not None and found.limit_high_s is not None:
        span += f" ({_number(found.limit_low_s)} to {_number(found.limit_high_s)})"
    return f"; at that rate the machine's {whole} are full in {span}"


def _days(seconds: float) -> str:
    days = _number(seconds)
    return f"{days} day" if days == "1" else f"{days} days"


def _number(seconds: float) -> str:
    return f"{seconds / _DAY_S:.2g}" if seconds < 100 * _DAY_S else f"{seconds / _DAY_S:,.0f}"
