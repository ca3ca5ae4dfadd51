"""Downtime as a run showed it: the share of their time that users were away in outages, of a workday.

    downtime = workday × user-seconds away in outages / user-seconds of the run

A user counts from the loss of its connection until it had joined again; one that was never back, until
its outage ended. Users that their own scenario dropped do not count: the service did not lose them. The
share holds for a workday in which the service is lost as often as in the run.

With five outages or more, the interval is that of a sum of independent outages (a compound Poisson
process: the variance of the sum is about the sum of the squares); fewer show no scatter.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.special import stdtrit

from siotool.report.outage_figures import OutageFigures
from siotool.runs.blocks import CONFIDENCE
from siotool.runs.seconds import Seconds
from siotool.units import format_duration, format_share

DAY_S = 86_400.0
_FEWEST_OUTAGES = 5


class Downtime(msgspec.Struct, frozen=True):
    """Seconds per workday, None where the run shows none; ``how`` says how, or why not."""

    seconds: float | None
    low: float | None
    high: float | None
    how: str


def measure_downtime(outages: Sequence[OutageFigures], seconds: Seconds, workday_s: float | None) -> Downtime:
    """Return the downtime of a workday, 24 h where none was planned."""
    loaded = seconds["draining"] == 0
    there = float((seconds["users"] * seconds["duration_s"])[loaded].sum())
    away = np.array([outage.away_user_s for outage in outages])
    if not there or not away.sum() > 0:
        return Downtime(None, None, None, "no outage in the run: a load test shows downtime only in one")
    day = workday_s or DAY_S
    share = min(float(away.sum()) / there, 1.0)
    low = high = None
    if len(away) >= _FEWEST_OUTAGES:
        half = float(stdtrit(len(away) - 1, (1 + CONFIDENCE) / 2) * np.sqrt((away**2).sum())) / there
        low, high = max(0.0, share - half) * day, min(share + half, 1.0) * day
    run = format_duration(float(seconds["duration_s"][loaded].sum()))
    times = "1 outage" if len(away) == 1 else f"{len(away):,} outages"
    return Downtime(
        share * day,
        low,
        high,
        f"{times} in {run}: users were away for {format_share(share)} of their time, taken of a workday of "
        f"{format_duration(day)}; right for a service that is lost as often",
    )
