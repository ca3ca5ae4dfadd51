"""Intervals of percentiles: audiences by the second, users that were away by the outage."""

import msgspec
import numpy as np
import pytest

from siotool.deliveries_by_node import DeliveriesByNode, NodeDeliveries
from siotool.report.audience_rows import sum_up_audiences
from siotool.report.node_deliveries import sum_up_by_node
from siotool.report.outages import sum_up_away, sum_up_outages
from siotool.report.percentiles import TimesBySecond
from siotool.runfile import AudienceDeliveries
from tests.unit.test_report_outages import OneRun, second, sparse

TIMES = [1.0, 1.4, 0.8, 1.9, 1.1, 1.3, 0.9, 1.6, 1.2, 1.0, 1.5, 0.7, 1.1, 1.3]


def restarts(times, users=50):
    """A run with an outage of so long for all its users, one after the other, ten seconds apart."""
    rows = [second(1, users)]
    for number, time in enumerate(times):
        at = 2 + 10 * number
        rows += [
            second(at, users, lost=users, away=users),
            second(at + 1, users, back=[time] * users),
            *(second(at + more, users) for more in range(2, 10)),
        ]
    return OneRun(*rows)


def away_of(*runs):
    return sum_up_away(runs, sum_up_outages(runs))


def test_users_of_one_outage_are_one_event_however_many_they_are_and_however_long_it_took():
    rng = np.random.default_rng(4)
    rows = [second(1, 900)]
    for at in (2, 42, 82):
        rows += [second(at, 900, lost=900, away=900)]
        left = 900
        for more in range(1, 31):
            left -= 30
            rows.append(second(at + more, 900, away=left, back=rng.lognormal(1, 0.5, 30).tolist()))
        rows += [second(at + more, 900) for more in range(31, 40)]
    away = away_of(OneRun(*rows))
    assert away.back == 2_700
    assert (away.p50_low_s, away.p50_high_s, away.p99_high_s) == (None, None, None)


def test_a_dozen_outages_show_how_far_outages_differ():
    few, many = away_of(restarts(TIMES, users=5)), away_of(restarts(TIMES, users=5_000))
    assert few.p50_low_s is not None
    assert few.p50_low_s < few.p50_s < few.p50_high_s
    assert (few.p50_low_s, few.p50_high_s) == pytest.approx((many.p50_low_s, many.p50_high_s))
    assert few.p99_high_s is None, "so few events do not show what one of a hundred is like"


def test_one_outage_that_has_most_of_the_users_is_not_outvoted_by_single_losses():
    apart = [second(number, 1000, lost=1, away=1, back=[0.5]) for number in range(2, 60)]
    storm = [second(60, 1000, lost=900, away=900), second(61, 1000, back=[3.0] * 900)]
    away = away_of(OneRun(second(1, 1000), *apart, *storm, second(62, 1000)))
    assert away.back == 958
    assert (away.p50_low_s, away.p50_high_s) == (None, None)


def test_users_that_are_lost_one_by_one_have_an_interval():
    rng = np.random.default_rng(1)
    apart = [
        second(number, 1000, lost=2, away=2, back=rng.lognormal(0, 0.3, 2).tolist())
        for number in range(2, 200)
    ]
    away = away_of(OneRun(second(1, 1000), *apart, second(200, 1000, back=[1.0, 1.0])))
    assert away.p50_low_s < 1.0 < away.p50_high_s
    assert away.p95_high_s is not None


def test_who_was_never_back_leaves_no_interval():
    run = restarts(TIMES)
    last = second(200, 50, lost=2, away=2)
    away = away_of(OneRun(*run.intervals, last))
    assert away.p50_s is not None
    assert away.p50_low_s is None


@pytest.mark.slow
@pytest.mark.parametrize("events", [20, 40])
def test_the_interval_of_events_holds_the_truth(events):
    """The median over outages of a lognormal length, each of 20 to 200 users who wait a little apart."""
    rng = np.random.default_rng(7)
    every = rng.lognormal(0, 0.5, 200_000) + rng.exponential(0.2, 200_000)
    truth, held, shown = np.median(every), 0, 0
    for _ in range(200):
        times = TimesBySecond()
        for number in range(events):
            length, users = rng.lognormal(0, 0.5), int(rng.integers(20, 200))
            times.add(sparse(length + rng.exponential(0.2, users)), number, 0)
        found = times.percentiles(times.histogram())["p50"]
        if found.low is not None:
            shown += 1
            held += found.low <= truth <= found.high
    assert shown > 100
    assert held / shown >= 0.95


def audience(times):
    return AudienceDeliveries(
        "room",
        10,
        messages=len(times),
        expected=10 * len(times),
        received=10 * len(times),
        **{name: sparse(times) for name in ("first", "median", "last", "spread")},
    )


def test_the_skew_of_an_audience_has_the_interval_of_its_seconds():
    rng = np.random.default_rng(2)
    intervals = []
    for number in range(1, 121):
        slow = rng.lognormal(0, 0.3)
        found = audience((0.01 * slow * rng.lognormal(0, 0.2, 30)).tolist())
        intervals.append(msgspec.structs.replace(second(number, 10), audiences=[found]))
    (row,) = sum_up_audiences([OneRun(*intervals)])
    assert row.last_p50_low_s < 0.01 < row.last_p50_high_s
    assert row.spread_p99_low_s < row.spread_p99_s < row.spread_p99_high_s
    (short,) = sum_up_audiences([OneRun(*intervals[:5])])
    assert short.last_p50_s is not None
    assert (short.last_p50_low_s, short.last_p99_high_s) == (None, None)


def test_deliveries_across_nodes_have_the_interval_of_their_seconds():
    rng = np.random.default_rng(3)
    intervals = []
    for number in range(1, 121):
        times = (0.01 * rng.lognormal(0, 0.05) * rng.lognormal(0, 0.2, 30)).tolist()
        across = NodeDeliveries(30, 30, 0, sparse(times))
        one = DeliveriesByNode(2, NodeDeliveries(), across, NodeDeliveries())
        intervals.append(msgspec.structs.replace(second(number, 10), by_node=one))
    found = sum_up_by_node([OneRun(*intervals)])
    assert found.across.p50_low_s < 0.01 < found.across.p50_high_s
    assert found.across.p99_low_s < found.across.p99_s < found.across.p99_high_s
    assert (found.same.p50_s, found.same.p50_low_s) == (None, None)
