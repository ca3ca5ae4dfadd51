"""Whether a server's memory grows while its load stands still, and by how much.

The slope is Theil and Sen's: the median over all pairs of points (P. K. Sen, JASA 63, 1968). A garbage
collection moves few of them. Its interval is that of a line by least squares (N. R. Draper, H. Smith,
"Applied Regression Analysis", 3rd ed., 1998, §1.4), for as many points as the residuals are worth: memory
rises and falls in waves, whose points are alike (``siotool.runs.blocks``).

A server that has just been filled grows for a while by itself: where the second half of the time shows a
clearly smaller slope than the first, only the second half counts.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.special import stdtrit

from siotool.runs.blocks import CONFIDENCE, inflation
from siotool.runs.seconds import Floats, Seconds

#: A shorter hold phase says nothing of a leak.
SHORTEST_S = 600.0
HOUR_S = 3600.0
#: Points that the hold phase is thinned to, each a median of its seconds.
_POINTS = 120
_FEWEST_SECONDS = 5
#: Fewer independent points say nothing.
_FEWEST_BLOCKS = 6.0
#: What is off by less lies on the line.
_BYTE = 1.0


class Slope(msgspec.Struct, frozen=True):
    """Growth in bytes per hour, and its interval with 95 %; over ``seconds`` of the hold phase.

    ``settled``: the begin of the hold phase, in which the server still filled up, is left out.
    """

    per_hour: float
    low: float
    high: float
    seconds: float
    settled: bool


def memory_slope(seconds: Seconds) -> Slope | str:
    """The growth of the servers' memory over the longest hold phase of any run, which is in ``seconds``.

    Returns a sentence with the reason where there is no telling, empty where the hold phase was too short
    for the question.
    """
    held = seconds.only(seconds.held & np.isfinite(seconds["rss_bytes"]))
    longest = max(held.each(), key=lambda run: float(run["duration_s"].sum()), default=held)
    length = float(longest["duration_s"].sum())
    if not seconds.steady or length < SHORTEST_S:
        return ""
    hours, memory = _thinned(longest["t_s"], longest["rss_bytes"])
    whole = _line(hours, memory)
    half = len(hours) // 2
    early, late = _line(hours[:half], memory[:half]), _line(hours[half:], memory[half:])
    # a begin that bends has no interval
    begin = early[1] if early is not None else _median_slope(hours[:half], memory[:half])
    if late is not None and (whole is None or late[2] < begin):
        return Slope(*late, seconds=length / 2, settled=True)
    if whole is None:
        return "its memory rose and fell too slowly to tell growth from waves; observe it for longer"
    return Slope(*whole, seconds=length, settled=False)


def _thinned(t_s: Floats, memory: Floats) -> tuple[Floats, Floats]:
    """Hours and medians of equal stretches of time."""
    count = max(1, min(_POINTS, len(t_s) // _FEWEST_SECONDS))
    parts: Sequence[tuple[Floats, Floats]] = list(
        zip(np.array_split(t_s, count), np.array_split(memory, count), strict=True)
    )
    return (
        np.array([part.mean() / HOUR_S for part, _ in parts]),
        np.array([np.median(part) for _, part in parts]),
    )


def _median_slope(x: Floats, y: Floats) -> float:
    """Theil and Sen's slope."""
    first, second = np.triu_indices(x.size, 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def _line(x: Floats, y: Floats) -> tuple[float, float, float] | None:
    """Slope and interval; None where too few points are independent."""
    slope = _median_slope(x, y)
    errors = y - slope * x
    errors = errors - errors.mean()
    if float(np.abs(errors).max()) < _BYTE:
        return slope, slope, slope
    times = float(inflation(errors[None, :], np.zeros(x.size, dtype=np.intp))[0])
    blocks = x.size / times
    if blocks < _FEWEST_BLOCKS:
        return None
    spread = float(((x - x.mean()) ** 2).sum())
    error = np.sqrt(times * float((errors**2).sum()) / (x.size - 2) / spread)
    half = float(stdtrit(blocks - 2, (1 + CONFIDENCE) / 2) * error)
    return slope, slope - half, slope + half
