from datetime import date, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.growth.forecast import (
    DAYS_PER_YEAR,
    demand_after,
    forecast,
    months_later,
    years_until,
)

START = date(2026, 1, 15)


WITHOUT = {"months": 36, "lead_time_s": 0.0}


def runway(now, growth, safe):
    return forecast(now, growth, safe, START, **WITHOUT).runs_out


def draws(seed, n=20_000):
    return np.random.Generator(np.random.PCG64(seed)).normal(size=n)


@pytest.mark.parametrize(
    ("now", "growth", "safe", "day"),
    [
        pytest.param(100, 1.0, 200, date(2027, 1, 16), id="doubling takes one year"),
        pytest.param(100, 1.0, 400, date(2028, 1, 16), id="and twice takes two"),
        pytest.param(100, 0.0, 100, None, id="what does not grow never gets over"),
        pytest.param(100, 0.1, 100, date(2026, 1, 16), id="full today is too small tomorrow"),
        pytest.param(101, 0.1, 100, START, id="already past"),
        pytest.param(101, -0.5, 100, START, id="already past, though it shrinks"),
        pytest.param(100, -0.5, 101, None, id="shrinking never gets over"),
        pytest.param(0, 1.0, 100, None, id="nothing grows to nothing"),
        pytest.param(0, 1.0, 0, None, id="nothing needs nothing"),
        pytest.param(1, 0.001, 1e6, None, id="farther than a hundred years is never"),
    ],
)
def test_the_day_the_fleet_no_longer_suffices(now, growth, safe, day):
    assert runway(now, growth, safe) == day


@given(
    now=st.floats(1, 1e7),
    growth=st.floats(0.01, 5),
    room=st.floats(1.001, 100),
)
def test_on_that_day_demand_is_above_and_the_day_before_it_is_not(now, growth, room):
    safe = now * room
    day = runway(now, growth, safe)
    if day is None:
        assert demand_after(now, growth, 99.9) < safe
        return
    years = (day - START).days / DAYS_PER_YEAR
    assert demand_after(now, growth, years) > safe * (1 - 1e-9)
    assert demand_after(now, growth, years - 1 / DAYS_PER_YEAR) <= safe * (1 + 1e-9)


@given(
    st.floats(0, 1e7),
    st.floats(-0.9, 5),
    st.floats(0, 1e7),
)
def test_a_draw_and_a_single_figure_give_the_same(now, growth, safe):
    alone = years_until(now, growth, safe)
    drawn = years_until(np.array([now, now]), np.array([growth, growth]), np.array([safe, safe]))
    assert drawn == pytest.approx([alone, alone], rel=1e-9)
    later = demand_after(now, growth, 2.5)
    assert demand_after(np.array([now]), growth, 2.5) == pytest.approx([later], rel=1e-12)


@pytest.mark.parametrize(
    ("start", "months", "day"),
    [
        pytest.param(date(2026, 1, 31), 1, date(2026, 2, 28), id="a short month ends early"),
        pytest.param(date(2028, 1, 31), 1, date(2028, 2, 29), id="a leap year"),
        pytest.param(date(2026, 12, 31), 12, date(2027, 12, 31), id="the end of the next year"),
        pytest.param(date(2026, 11, 30), 3, date(2027, 2, 28), id="across new year"),
        pytest.param(date(2026, 5, 7), 0, date(2026, 5, 7), id="no month at all"),
    ],
)
def test_months_later(start, months, day):
    assert months_later(start, months) == day


def test_the_risk_day_is_the_first_on_which_too_many_draws_are_over():
    growth = np.exp(np.log(1.4) + 0.15 * draws(1)) - 1
    safe = 2000 * np.exp(0.05 * draws(2))
    result = forecast(1000, growth, safe, START, months=60, lead_time_s=60 * 86400)

    def short_on(day):
        return np.mean(1000 * (1 + growth) ** ((day - START).days / DAYS_PER_YEAR) > safe)

    assert short_on(result.at_risk) > 0.1 >= short_on(result.at_risk - timedelta(days=1))
    assert short_on(result.runs_out) > 0.5 >= short_on(result.runs_out - timedelta(days=1))
    assert result.at_risk < result.runs_out
    assert result.act_by == result.at_risk - timedelta(days=60)
    assert [point.short for point in result.points] == pytest.approx(
        [short_on(point.day) for point in result.points], abs=1e-12
    )
    assert result.points[0].day == START
    assert len(result.points) == 61
    assert result.points[0].p50 == result.points[0].p95 == pytest.approx(1000)
    assert all(point.p50 < point.p95 for point in result.points[1:])
    assert f"With 60 days of lead time, decide on more servers by {result.act_by}." in result.sentences


def test_a_crowd_that_shrinks_recovers_before_another_outgrows_the_fleet():
    # a third starts short and is below the limit in under a year; the rest outgrow it in year two
    now = np.repeat([1200.0, 600.0], [100, 200])
    growth = np.repeat([-0.5, 0.4], [100, 200])
    result = forecast(now, growth, 1000.0, START, months=36, lead_time_s=0.0)
    assert result.points[0].short == pytest.approx(1 / 3)
    assert result.points[6].short == 0
    assert result.runs_out == runway(600, 0.4, 1000)


def test_draws_that_are_just_full_and_shrink_make_up_for_no_others():
    now = np.repeat([1000.0, 900.0], [100, 101])
    growth = np.repeat([-0.5, 1.0], [100, 101])
    result = forecast(now, growth, 1000.0, START, months=36, lead_time_s=0.0)
    assert result.at_risk == runway(900, 1.0, 1000)


@pytest.mark.parametrize(
    ("now", "growth", "safe", "options", "said"),
    [
        pytest.param(
            100, 1.0, 200, {}, ["The fleet suffices until 2027-01-16."], id="single figures, one day"
        ),
        pytest.param(
            100,
            1.0,
            200,
            {"lead_time_s": 86400},
            [
                "The fleet suffices until 2027-01-16.",
                "With 1 day of lead time, decide on more servers by 2027-01-15.",
            ],
            id="a day of lead time",
        ),
        pytest.param(
            100,
            1.0,
            200,
            {"lead_time_s": 400 * 86400},
            [
                "The fleet suffices until 2027-01-16.",
                "With 400 days of lead time the decision is already 34 days late.",
            ],
            id="more lead time than there is",
        ),
        pytest.param(
            100,
            0.1,
            200,
            {},
            ["The fleet suffices until 2033-04-25, beyond the 36 months looked at."],
            id="beyond the horizon",
        ),
        pytest.param(
            100, 1e-4, 200, {}, ["The fleet suffices for a hundred years at this growth."], id="for ever"
        ),
        pytest.param(
            100, 0, 200, {}, ["Demand does not grow: the fleet stays large enough."], id="no growth"
        ),
        pytest.param(100, -0.1, 200, {}, ["Demand shrinks: the fleet stays large enough."], id="shrinking"),
        pytest.param(
            300,
            0.5,
            200,
            {},
            ["The fleet does not suffice today: 300 against the 200 connections it holds safely."],
            id="already past",
        ),
        pytest.param(
            300,
            -0.5,
            200,
            {},
            [
                "The fleet does not suffice today: 300 against the 200 connections it holds safely.",
                "Demand shrinks: by 2029-01-15 the fleet suffices.",
            ],
            id="already past, but shrinking",
        ),
        pytest.param(
            np.array([300.0, 100, 100, 100]),
            0.0,
            200,
            {},
            [
                "The fleet may not suffice today: with a probability of 25 %, above the accepted 10 %, "
                "demand is above the 200 connections it holds safely."
            ],
            id="perhaps already past",
        ),
        pytest.param(
            100,
            np.array([1.0] * 1 + [0.0] * 19),
            200,
            {},
            [
                "Until 2029-01-15 the probability that demand is above what the fleet holds stays within "
                "the accepted 10 %; on that day it is 5 %."
            ],
            id="a risk that is put up with",
        ),
        pytest.param(
            100,
            np.array([3.0] * 4 + [1.0] * 16),
            200,
            {},
            [
                "From 2026-07-17 on, the probability that the fleet does not suffice is above 10 %.",
                "From 2027-01-16 on the fleet is more likely too small than not.",
            ],
            id="two speeds of growth",
        ),
    ],
)
def test_what_a_forecast_says(now, growth, safe, options, said):
    result = forecast(now, growth, safe, START, **(WITHOUT | options))
    assert result.sentences == said
    assert msgspec.json.decode(msgspec.json.encode(result), type=type(result)) == result


@pytest.mark.parametrize(
    ("now", "growth", "safe", "options", "said"),
    [
        pytest.param(-1, 0.1, 10, {}, "connections: -1", id="fewer connections than none"),
        pytest.param(1, 0.1, float("inf"), {}, "holds safely: inf", id="an endless fleet"),
        pytest.param(1, -1, 10, {}, "no service shrinks by 100 %", id="shrinking by everything"),
        pytest.param(1, float("nan"), 10, {}, "growth is nan", id="no number at all"),
        pytest.param(1, 50_000, 10, {}, "growth is 50000 a year", id="a slip in the units"),
        pytest.param(1, 0.1, 10, {"lead_time_s": -1}, "lead time", id="less than no lead time"),
        pytest.param(np.array([1.0, np.nan]), 0.1, 10, {}, "connections", id="a draw that is no number"),
    ],
)
def test_figures_that_cannot_be_are_refused(now, growth, safe, options, said):
    with pytest.raises(InputError, match=said):
        forecast(now, growth, safe, START, **(WITHOUT | options))
