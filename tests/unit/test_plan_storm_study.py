"""A plan's storm in full: its figures hang together, and the words say what the figures do."""

import pytest

from siotool.errors import InputError
from siotool.plan.storm import study, words
from siotool.plan.storm.simulator import Conditions, simulate

SMALL = {
    "workload.connections": "10k",
    "server.accept_rate": "50/s",
    "goals.reconnect_time": "30s",
}


@pytest.fixture
def studied(plan_inputs):
    def run(asked=None, **keys):
        change = {key.replace("__", "."): text for key, text in keys.items()}
        return study.study(plan_inputs(SMALL | change), asked or study.Asked(servers=10), draws=100, seed=3)

    return run


@pytest.mark.parametrize(
    ("interval", "bin_s"),
    [
        pytest.param("25s", 1.0, id="the default"),
        pytest.param("2.5s", 0.625, id="bins divide the interval"),
        pytest.param("25.3s", 0.575, id="an odd one has odd bins"),
    ],
)
def test_pings_repeat_the_storm_every_interval(interval, bin_s, studied):
    pings = studied(transport__ping_interval=interval).pings
    assert pings.bin_s == pytest.approx(bin_s)
    assert len(pings.pings_per_s) * pings.bin_s == pytest.approx(pings.interval_s)
    # every connection is pinged once an interval, however unevenly
    assert sum(pings.pings_per_s) * pings.bin_s == pytest.approx(10_000, rel=1e-6)
    assert pings.even_per_s == pytest.approx(10_000 / pings.interval_s)
    assert pings.peak_per_s == max(pings.pings_per_s) >= pings.even_per_s


def test_an_interval_without_whole_bins_has_no_pings(studied):
    assert studied(transport__ping_interval="25.013s").pings is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "bin_s"),
    [
        pytest.param("1000/s", 0.1, id="over in seconds"),
        pytest.param("20/s", 0.2, id="over in ten seconds"),
        pytest.param("2/s", 1.0, id="takes a minute and more"),
    ],
)
def test_a_short_storm_is_shown_in_short_bins(rate, bin_s, studied):
    course = studied(server__accept_rate=rate).course
    assert course.bin_s == bin_s
    assert course.all_s <= len(course.connected) * bin_s + 1e-9
    assert course.connected == sorted(course.connected)


def test_the_plans_own_fleet_is_in_the_curve_with_its_own_storm(studied):
    storm = studied()
    assert storm.curve[words.own_row(storm)].ninety_nine_s == storm.course.ninety_nine_s
    assert [point.servers for point in storm.curve] == sorted({point.servers for point in storm.curve})


def test_the_largest_load_meets_the_goal_and_a_tenth_more_does_not(studied):
    most = studied().largest_connections_per_server
    just, over = (
        simulate(each, 9, Conditions(accept_per_s=50, seed=3), sample=20_000).ninety_nine_s
        for each in (round(most * 0.98), round(most * 1.1))
    )
    assert just <= 30 < over


def test_without_a_goal_no_load_is_called_the_largest(plan_inputs):
    keys = {key: text for key, text in SMALL.items() if key != "goals.reconnect_time"}
    storm = study.study(plan_inputs(keys), study.Asked(servers=10), draws=100, seed=1)
    assert storm.largest_connections_per_server is None
    assert study.goal_met(storm) is None
    assert any("Set goals.reconnect_time" in said for said in words.conclusions(storm))


def test_the_headline_says_when_the_goal_is_missed(studied):
    assert "within the 30 s" in words.headline(studied())
    missed = studied(goals__reconnect_time="2s")
    assert study.goal_met(missed) is False
    assert "not within the 2 s asked for" in words.headline(missed)


def test_all_lost_come_back_to_all(studied):
    storm = studied(study.Asked(servers=10, lost="all", outage_s=20.0))
    assert (storm.lost_connections, storm.surviving_servers) == (10_000, 10)
    assert storm.course.half_s > 20
    assert storm.course.failed_in_outage > 0
    assert "after 20 s of outage" in words.setting(storm)
    assert "failed in the outage" in words.outcomes(storm)


def test_a_utilization_of_all_leaves_no_handshakes(plan_inputs):
    keys = {"workload.connections": "10k", "server.connect_cost": "1ms", "server.utilization": "100%"}
    with pytest.raises(InputError, match="0 handshakes per second"):
        study.study(plan_inputs(keys), study.Asked(servers=4), draws=100, seed=1)


@pytest.mark.parametrize(
    ("rates", "line"),
    [
        pytest.param([0.0, 1.0, 8.0, 4.0], " ▁█▄", id="empty, lowest, highest, half"),
        pytest.param([0.0, 0.001, 8.0], " ▁█", id="little is more than nothing"),
        pytest.param([1.0, 8.0, 2.0, 2.0, 4.0], "█▂▄", id="two bins a cell, the higher one"),
        pytest.param([0.0, 0.0], "  ", id="nothing at all"),
    ],
)
def test_a_strip_is_as_wide_as_it_may_be(rates, line):
    strip = words.Strip(rates, 1.0, 4)
    assert strip.line() == line
    assert len(strip.line()) <= 4
