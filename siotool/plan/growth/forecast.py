"""When a growing service outgrows its fleet, and how sure that is.

Demand is the peak number of connections; the fleet's limit is how many it holds safely.
Both, and the growth, are single figures or draws. One draw keeps its growth for the whole
forecast: not knowing the growth is one unknown, not a new one each month, so the spread
widens with time as it should. A year has 365.25 days. Today's date is an argument.
"""

import math
from datetime import date, timedelta
from typing import Any

import msgspec

from siotool.errors import InputError
from siotool.plan.model import Forecast, ForecastPoint
from siotool.plan.numbers import Condition, Number, exp, is_array, log, maximum, single, where
from siotool.units import format_count, format_share

DAYS_PER_YEAR = 365.25

#: A forecast beyond this means nothing, and is printed as "never".
MOST_YEARS = 100.0

#: The accepted probability that the fleet is too small.
THRESHOLD = 0.1

#: A million for each person alive.
MOST_CONNECTIONS = 1e16

#: Growth beyond this a year is a slip in the units, such as 50 for 50 %.
MOST_GROWTH = 10_000.0

#: Stands for 0 in a quotient, whose result is then far beyond a century.
_NEXT_TO_NOTHING = 1e-290


def demand_after(connections_now: Number, growth_per_year: Number, years: float) -> Number:
    """Connections after ``years``; ``growth_per_year`` is a share, 0.3 for 30 %, below 0 for shrinking.

    Compound: a share of what there is, year after year.
    """
    return connections_now * exp(years * log(1 + growth_per_year))


def years_until(connections_now: Number, growth_per_year: Number, safe_connections: Number) -> Number:
    """Years after which demand is above ``safe_connections``: 0 when it is now, infinity for never."""
    # a fleet that is just full is outgrown after today, not today
    years = maximum(1e-12, _years_to_cross(connections_now, growth_per_year, safe_connections))
    growing = where(growth_per_year > 0, where(connections_now > 0, years, math.inf), math.inf)
    return where(connections_now > safe_connections, 0.0, growing)


def forecast(
    connections_now: Number,
    growth_per_year: Number,
    safe_connections: Number,
    start: date,
    *,
    months: int,
    lead_time_s: float,
) -> Forecast:
    """Follow demand for ``months`` from ``start`` and say when the fleet no longer suffices.

    ``lead_time_s`` is the time from deciding on servers to having them. Raises InputError for
    impossible figures.
    """
    _refuse(connections_now, growth_per_year, safe_connections)
    if not 0 <= lead_time_s <= MOST_YEARS * DAYS_PER_YEAR * 86400:
        raise InputError(f"the lead time is {lead_time_s:g} s; expected 0 or more, and less than a century")
    figures = (connections_now, growth_per_year, safe_connections)
    points = [_point(*figures, start, month) for month in range(months + 1)]
    at_risk = _first_day(*figures, start, THRESHOLD)
    if at_risk is not None and at_risk > points[-1].day:
        at_risk = None
    result = Forecast(
        points=points,
        runs_out=_first_day(*figures, start, 0.5),
        at_risk=at_risk,
        act_by=None if at_risk is None else _earlier(at_risk, lead_time_s),
        threshold=THRESHOLD,
        lead_time_s=lead_time_s,
        sentences=[],
    )
    certain = not any(map(is_array, figures))
    return msgspec.structs.replace(result, sentences=_sentences(result, growth_per_year, start, certain))


def _years_to_cross(now: Number, growth: Number, safe: Number) -> Number:
    """Years until demand equals ``safe``, growing from below or shrinking from above; else unspecified."""
    gap, pace = log(safe) - log(maximum(now, _NEXT_TO_NOTHING)), log(1 + growth)
    sign = where(growth < 0, -1.0, 1.0)
    return maximum(0.0, gap * sign) / maximum(_NEXT_TO_NOTHING, pace * sign)


def _point(now: Number, growth: Number, safe: Number, start: date, month: int) -> ForecastPoint:
    day = months_later(start, month)
    demand = demand_after(now, growth, (day - start).days / DAYS_PER_YEAR)
    return ForecastPoint(
        day=day,
        p50=_quantile(demand, 0.5),
        p95=_quantile(demand, 0.95),
        limit=_quantile(safe, 0.5),
        short=_mean(demand > safe),
    )


def months_later(start: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day where it is too short."""
    year, month = divmod(start.month - 1 + months, 12)
    first = date(start.year + year, month + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first + timedelta(days=start.day - 1), following - timedelta(days=1))


def _first_day(now: Number, growth: Number, safe: Number, start: date, threshold: float) -> date | None:
    """The first day on which P[demand > safe] is above ``threshold``; exact, not by stepping.

    A draw that grows becomes short once; one that is short and shrinks recovers once.
    """
    onset: Any = years_until(now, growth, safe)
    if not is_array(onset):
        return _day_after(start, onset)
    import numpy  # noqa: PLC0415  (an array is here, so it is loaded)

    recovery: Any = where((now > safe) & (growth < 0), _years_to_cross(now, growth, safe), math.inf)
    recovery = numpy.broadcast_to(recovery, onset.shape)
    times = numpy.concatenate([onset, recovery[numpy.isfinite(recovery)]])
    steps = numpy.ones(times.size)
    steps[onset.size :] = -1
    times, steps = times[numpy.isfinite(times)], steps[numpy.isfinite(times)]
    order = numpy.argsort(times, kind="stable")
    short = numpy.cumsum(steps[order]) / onset.size
    above = short > threshold
    return _day_after(start, float(times[order][above.argmax()])) if above.any() else None


def _day_after(start: date, years: float) -> date | None:
    """The first whole day that begins after a moment; the moment 0 is the start itself."""
    if years <= 0:
        return start
    if years > MOST_YEARS:
        return None
    days = math.floor(years * DAYS_PER_YEAR) + 1
    return start + timedelta(days=days) if days <= (date.max - start).days else None


def _earlier(day: date, lead_time_s: float) -> date:
    days = math.ceil(lead_time_s / 86400)
    return day - timedelta(days=min(days, (day - date.min).days))


def _sentences(result: Forecast, growth: Number, start: date, certain: bool) -> list[str]:
    first, last = result.points[0], result.points[-1]
    risk = format_share(result.threshold)
    fastest = float(growth.max()) if is_array(growth) else single(growth)
    if result.at_risk == start:
        held = f"{format_count(round(first.limit))} connections it holds safely"
        if certain:
            said = [f"The fleet does not suffice today: {format_count(round(first.p50))} against the {held}."]
        else:
            said = [
                f"The fleet may not suffice today: with a probability of {format_share(first.short)}, "
                f"above the accepted {risk}, demand is above the {held}."
            ]
        if last.short <= result.threshold:
            said.append(f"Demand shrinks: by {last.day} the fleet suffices.")
        return said
    if fastest <= 0:
        change = "does not grow" if fastest == 0 else "shrinks"
        return [f"Demand {change}: the fleet stays large enough."]
    if result.at_risk is None:
        reach = (
            f"until {result.runs_out}, beyond the {len(result.points) - 1} months looked at"
            if result.runs_out
            else "for a hundred years at this growth"
        )
        if certain:
            return [f"The fleet suffices {reach}."]
        return [
            f"Until {last.day} the probability that demand is above what the fleet holds stays within "
            f"the accepted {risk}; on that day it is {format_share(last.short)}."
        ]
    said = [
        f"The fleet suffices until {result.at_risk}."
        if certain
        else f"From {result.at_risk} on, the probability that the fleet does not suffice is above {risk}."
    ]
    if not certain and result.runs_out:
        said.append(f"From {result.runs_out} on the fleet is more likely too small than not.")
    if result.lead_time_s and result.act_by:
        days = math.ceil(result.lead_time_s / 86400)
        lead = f"{days:,} day{'s' * (days != 1)} of lead time"
        if result.act_by < start:
            late = (start - result.act_by).days
            said.append(f"With {lead} the decision is already {late:,} day{'s' * (late != 1)} late.")
        else:
            said.append(f"With {lead}, decide on more servers by {result.act_by}.")
    return said


def _refuse(now: Number, growth: Number, safe: Number) -> None:
    for name, value in (("connections", now), ("what the fleet holds safely", safe)):
        if not (_least(value) >= 0 and _most(value) <= MOST_CONNECTIONS):
            wrong = _most(value) if _least(value) >= 0 else _least(value)
            raise InputError(f"{name}: {wrong:g} is not a number of connections", "expected 0 or more")
    if not _most(growth) <= MOST_GROWTH:
        raise InputError(
            f"growth is {_most(growth):g} a year, that is {100 * _most(growth):,.0f} %",
            "growth is a share: write 30% or 0.3",
        )
    if not _least(growth) > -1:
        raise InputError(
            f"growth is {100 * _least(growth):g} % a year; no service shrinks by 100 % or more a year",
            "growth is a share above -100%",
        )


def _least(value: Number) -> float:
    return float(value.min()) if is_array(value) else single(value)


def _most(value: Number) -> float:
    return float(value.max()) if is_array(value) else single(value)


def _mean(condition: Condition) -> float:
    return float(condition.mean()) if is_array(condition) else float(bool(condition))


def _quantile(value: Number, share: float) -> float:
    if not is_array(value):
        return single(value)
    import numpy  # noqa: PLC0415  (an array is here, so it is loaded)

    return float(numpy.quantile(value, share))
