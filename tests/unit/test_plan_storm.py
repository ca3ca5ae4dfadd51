"""Reconnect storms: the official backoff's golden figures, and storms small enough to check by hand."""

import math

import msgspec
import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.constraints.storm_bound import (
    failure,
    fewest_servers_for_storm,
    recovery_at_least_s,
)
from siotool.plan.storm.advice import better_delay_max, wave
from siotool.plan.storm.fleet import Setting, curve, largest_connections_per_server, pings_after
from siotool.plan.storm.simulator import Conditions, never, simulate
from siotool.plan.storm.waits import equal_waits, schedule
from siotool.protocol.backoff import Backoff

GRID = (np.arange(10_000) + 0.5) / 10_000
PLENTY = 1e9
STEADY = Backoff(jitter=0)


def waits(failures):
    return schedule(Backoff())(np.full(len(GRID), failures), GRID)


# ── the backoff: socketio/socket.io packages/socket.io-client/lib/contrib/backo2.ts ──


def test_the_first_wait_is_in_ten_bands_of_50_ms_within_551_to_1499_ms():
    first = waits(0)
    assert (first.min(), first.max()) == (551, 1499)
    bands = [*range(551, 1000, 100), *range(1050, 1500, 100)]
    assert [int(((first >= band) & (first < band + 50)).sum()) for band in bands] == [1000] * 10


@pytest.mark.parametrize(
    ("number", "share"),
    [
        pytest.param(1, 0.0, id="the first wait is never capped"),
        pytest.param(3, 0.3, id="the third is exactly 5 s for 30 %"),
        pytest.param(4, 0.9, id="the fourth for 90 %"),
        pytest.param(5, 1.0, id="the fifth for all"),
        pytest.param(1015, 1.0, id="and so on for 85 minutes"),
        pytest.param(1016, 0.5, id="when half of the waits become nothing"),
    ],
)
def test_the_cap_takes_the_jitter_away(number, share):
    many = waits(number - 1)
    assert np.mean(many == 5000) == share
    assert many.min() > 0 or number > 1015


@pytest.mark.parametrize(
    ("backoff", "numbers"),
    [
        pytest.param(Backoff(), range(4, 1015), id="the defaults"),
        pytest.param(Backoff(delay_max_s=60), range(7, 1015), id="64 s less half of it are still below"),
        pytest.param(STEADY, range(3, 1015), id="no jitter"),
        pytest.param(Backoff(jitter=1), range(0), id="all of it jitter"),
        pytest.param(Backoff(factor=1), range(0), id="a delay that never grows"),
        pytest.param(Backoff(factor=1, jitter=0, delay_s=5), range(1100), id="as far as it matters"),
    ],
)
def test_the_waits_that_are_equal(backoff, numbers):
    assert equal_waits(backoff) == numbers
    for failures in {*numbers[:1], *numbers[-1:]}:
        assert set(schedule(backoff)(np.full(len(GRID), failures), GRID)) == {
            round(backoff.delay_max_s * 1000)
        }


@pytest.mark.parametrize(
    ("backoff", "what"),
    [
        pytest.param(Backoff(delay_s=0), "reconnectionDelay is 0 s", id="the client takes 0 for 1 s"),
        pytest.param(Backoff(delay_max_s=math.inf), "reconnectionDelayMax is inf", id="no timer is endless"),
        pytest.param(Backoff(delay_max_s=3e6), "reconnectionDelayMax is 3e", id="31 bits of milliseconds"),
        pytest.param(Backoff(jitter=1.5), "randomizationFactor is 1.5", id="the client takes 1.5 for 0"),
        pytest.param(Backoff(jitter=math.nan), "randomizationFactor is nan", id="not a number"),
        pytest.param(Backoff(factor=0.5), "factor is 0.5", id="waits never shrink"),
    ],
)
def test_options_that_the_client_would_read_otherwise_are_refused(backoff, what):
    with pytest.raises(InputError, match=what) as caught:
        simulate(1, 1, Conditions(1, backoff))
    assert caught.value.hint


# ── the wave of a fleet that is down ──

SHARES = [0.169, 0.258, 0.305, 0.192, 0.076]


def test_a_fleet_that_is_down_sees_the_same_wave_every_5_s():
    storm = simulate(40_000, 1, Conditions(PLENTY, outage_s=300))
    shares = np.array(storm.attempts_per_s[10:300]) / 40_000
    assert shares[:5] == pytest.approx(SHARES, abs=0.004)
    assert np.array_equal(shares.reshape(-1, 5), np.tile(shares[:5], (58, 1))), "to the last client"
    assert storm.peak_attempts_per_s / 40_000 == pytest.approx(0.545, abs=0.005), "the first wave"
    assert storm.peak_after_outage_per_s / 40_000 == pytest.approx(max(SHARES), abs=0.004)


def test_the_wave_without_a_storm():
    found = wave(Backoff())
    assert (found.first_equal_wait, found.period_s, found.bin_s) == (5, 5.0, 1.0)
    assert found.shares == pytest.approx(SHARES, abs=0.004)
    assert max(found.shares) / min(found.shares) == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize(
    ("backoff", "first_equal_wait", "shares"),
    [
        pytest.param(STEADY, 4, [0, 0, 1, 0, 0], id="without jitter everyone comes at once, 2 s late"),
        pytest.param(Backoff(delay_s=5, jitter=0), 1, [1, 0, 0, 0, 0], id="equal from the first"),
    ],
)
def test_waves_that_can_be_told_by_hand(backoff, first_equal_wait, shares):
    found = wave(backoff)
    assert (found.first_equal_wait, found.shares) == (first_equal_wait, shares)


@pytest.mark.parametrize("backoff", [Backoff(jitter=1), Backoff(factor=1)])
def test_a_jitter_that_stays_ends_in_no_wave(backoff):
    assert wave(backoff) is None


# ── storms by hand: without jitter, tries are due at 1, 3, 7, 12, 17 s … ──


def test_a_storm_that_the_servers_hardly_notice():
    storm = simulate(100, 10, Conditions(PLENTY, STEADY))
    assert storm.attempts_per_s == [0, 100]
    assert storm.connected == [0, 100]
    assert (storm.attempts, storm.served) == (100, 100)
    assert (storm.half_s, storm.all_s) == pytest.approx((1, 1), abs=0.051)


def test_an_outage_that_refuses_costs_tries_until_it_is_over():
    storm = simulate(100, 1, Conditions(PLENTY, STEADY, outage_s=8))
    assert [second for second, tries in enumerate(storm.attempts_per_s) if tries] == [1, 3, 7, 12]
    assert (storm.failed_in_outage, storm.attempts) == (300, 400)
    assert storm.all_s == pytest.approx(12.0, abs=0.051)


def test_a_try_at_the_moment_the_servers_are_back_succeeds():
    assert simulate(1, 1, Conditions(PLENTY, STEADY, outage_s=7)).failed_in_outage == 2


def test_an_outage_that_swallows_tries_makes_each_last_its_timeout():
    storm = simulate(100, 1, Conditions(PLENTY, STEADY, outage_s=30, blackhole=True))
    assert [second for second, tries in enumerate(storm.attempts_per_s) if tries] == [1, 23, 47]
    assert storm.failed_in_outage == 200


def test_a_line_moves_at_the_rate_of_all_servers():
    storm = simulate(1000, 4, Conditions(25, STEADY, queue=math.inf))
    assert storm.attempts == storm.served == 1000, "nobody waits for 20 s"
    assert storm.half_s == pytest.approx(6.0, abs=0.051)
    assert storm.ninety_s == pytest.approx(10.0, abs=0.051)
    assert storm.all_s == pytest.approx(11.0, abs=0.051)
    assert storm.connected[1:11] == pytest.approx([100 * n for n in range(1, 11)], abs=5)


def test_who_finds_the_line_full_is_refused_and_waits_again():
    storm = simulate(100, 2, Conditions(2, STEADY, queue=10), horizon_s=3)
    # 20 wait in line after the try at 1 s, 80 are refused; the line yields 4 a second
    assert (storm.attempts, storm.refused) == (100, 80)
    assert (storm.served, storm.in_line) == (8, 12)
    assert storm.half_s is None


def test_who_waits_in_line_for_too_long_gives_up():
    storm = simulate(100, 1, Conditions(2, STEADY, queue=math.inf), horizon_s=22)
    assert (storm.served, storm.timed_out, storm.in_line) == (40, 60, 0)
    longer = simulate(100, 1, Conditions(2, STEADY, queue=math.inf))
    assert longer.served == 100
    # tries: all at 1 s, 60 of them again at 21 + 2 s, 20 at 43 + 4 s
    assert (longer.attempts, longer.timed_out) == (100 + 60 + 20, 80)
    assert longer.all_s == pytest.approx(57, abs=0.51)  # the last 20 from 47 s on


def test_no_room_to_wait_leaves_only_who_is_served_at_once():
    storm = simulate(100, 1, Conditions(100, STEADY, queue=0), horizon_s=4)
    assert (storm.served, storm.refused, storm.in_line) == (10, 190 - 5, 0)


def test_a_slow_server_takes_whole_clients():
    assert simulate(10, 0.5, Conditions(1, STEADY), horizon_s=11).served == 5


def test_before_anyone_tries_nothing_is_to_be_seen():
    storm = simulate(10, 1, Conditions(1), horizon_s=0.5)
    assert (storm.attempts, storm.served, storm.peak_attempts_per_s) == (0, 0, 0)


def test_a_storm_without_an_end_is_written_with_nulls():
    storm = simulate(10, 1, Conditions(1), horizon_s=0.5)
    assert msgspec.json.decode(msgspec.json.encode(storm))["all_s"] is None


def test_the_same_seed_is_the_same_storm_and_another_is_not():
    conditions = Conditions(50, outage_s=4, seed=7)
    one, other = (simulate(2000, 3, conditions) for _ in range(2))
    assert one == other
    assert simulate(2000, 3, msgspec.structs.replace(conditions, seed=8)) != one


@pytest.mark.parametrize("bin_s", [0.05, 0.5, 2.0])
def test_bins_hold_every_attempt(bin_s):
    storm = simulate(3000, 3, Conditions(100, outage_s=4), bin_s=bin_s)
    assert sum(storm.attempts_per_s) * bin_s == pytest.approx(storm.attempts)
    assert storm.peak_attempts_per_s == max(storm.attempts_per_s)
    assert storm.attempts_per_s[round(storm.peak_at_s / bin_s)] == storm.peak_attempts_per_s
    assert len(storm.connected) == len(storm.attempts_per_s)
    assert storm.connected[-1] == 3000


def test_a_sample_stands_for_all():
    """Shares and times stay when clients, rate and room shrink together."""
    conditions = Conditions(800, outage_s=15)
    whole = simulate(200_000, 10, conditions)
    part = simulate(200_000, 10, conditions, sample=20_000)
    for name in ("attempts", "refused", "peak_attempts_per_s", "half_s", "ninety_s", "ninety_nine_s"):
        assert getattr(part, name) == pytest.approx(getattr(whole, name), rel=0.03), name
    assert part.served == whole.served == 200_000
    assert part.connected[-1] == 200_000


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"clients": 0}, id="nobody"),
        pytest.param({"servers": 0}, id="no server"),
        pytest.param({"accept_per_s": -1}, id="less than no rate"),
        pytest.param({"accept_per_s": math.nan}, id="not a rate"),
        pytest.param({"outage_s": -1}, id="an outage that ended before"),
        pytest.param({"outage_s": math.inf}, id="an outage without end"),
        pytest.param({"queue": -1}, id="less than no room"),
        pytest.param({"horizon_s": 0}, id="no time"),
        pytest.param({"bin_s": 0}, id="no bins"),
        pytest.param({"sample": 0}, id="no sample"),
    ],
)
def test_figures_without_a_meaning_are_refused(wrong):
    figures = {"clients": 1, "servers": 1, "horizon_s": 60.0, "bin_s": 1.0, "sample": 10}
    conditions = {"accept_per_s": 1.0}
    for name, value in wrong.items():
        (figures if name in figures else conditions)[name] = value
    with pytest.raises(InputError, match=next(iter(wrong))) as caught:
        simulate(conditions=Conditions(**conditions), **figures)
    assert caught.value.hint.startswith("give at")


# ── the fleet ──


@pytest.mark.parametrize(
    ("lost", "zones", "connections", "survivors"),
    [
        pytest.param("server", 1, 1000, 11, id="one of twelve servers"),
        pytest.param("zone", 3, 4000, 8, id="one of three zones"),
        pytest.param("zone", 1, 12000, 0, id="the only zone"),
        pytest.param("all", 3, 12000, 12, id="all come back to all"),
    ],
)
def test_what_a_failure_takes(lost, zones, connections, survivors):
    gone = failure(12_000, 12, lost, zones)
    assert (gone.lost, gone.survivors, gone.even) == (connections, survivors, survivors)


@pytest.mark.parametrize(
    ("lost", "imbalance", "connections", "even"),
    [
        pytest.param("server", 1.25, 1250, 8.8, id="the fullest server"),
        pytest.param("server", 20, 12_000, 0.55, id="holds no more than there are"),
        pytest.param("zone", 1.25, 4000, 6.4, id="zones are equal"),
        pytest.param("all", 1.25, 12_000, 9.6, id="all"),
    ],
)
def test_what_a_failure_takes_of_a_fleet_that_is_unevenly_full(lost, imbalance, connections, even):
    gone = failure(12_000, 12, lost, 3, imbalance)
    assert (gone.lost, gone.even) == (connections, pytest.approx(even))


def test_nothing_else_can_be_lost():
    for ask in (
        lambda: failure(1, 1, "rack"),
        lambda: fewest_servers_for_storm(1, 1, 60, "rack"),
    ):
        with pytest.raises(InputError, match="rack"):
            ask()


def idle(rate, lost, zones=1, imbalance=1.0):
    """A storm whose survivors have nothing else to do."""
    return Setting(lambda connections, survivors: rate, lost, zones, imbalance)


def test_more_servers_make_a_lost_server_a_smaller_storm():
    points = curve(200_000, [5, 10, 20, 40], idle(200, "server"), Conditions(0))
    times = [point.ninety_nine_s for point in points]
    assert times == sorted(times, reverse=True)
    assert times[0] > 8 * times[2], "both the loss shrinks and the survivors grow"
    assert all(point.at_least_s <= point.ninety_nine_s for point in points)


def test_a_fleet_of_which_nobody_is_left_never_recovers():
    (point,) = curve(1000, [1], idle(200, "server"), Conditions(0))
    assert (point.ninety_nine_s, point.at_least_s) == (None, None)
    assert largest_connections_per_server(60, 1, idle(200, "server"), Conditions(0)) == 0
    with pytest.raises(InputError, match="fleet of 0"):
        curve(1000, [0], idle(200, "server"), Conditions(0))


@pytest.mark.parametrize(
    ("lost", "outage_s"),
    [pytest.param("server", 0), pytest.param("zone", 0), pytest.param("all", 20)],
)
@pytest.mark.parametrize("load", [0.0, 1 / 2000])
def test_the_largest_load_meets_the_goal_and_a_little_more_does_not(lost, outage_s, load):
    conditions, goal_s, servers = Conditions(0, outage_s=outage_s), 40, 6

    def accept(connections, survivors):
        return max(0.0, 20 * (1 - load * connections / survivors))

    setting = Setting(accept, lost, zones=3)
    most = largest_connections_per_server(goal_s, servers, setting, conditions)

    def time(each):
        (point,) = curve(each * servers, [servers], setting, conditions)
        return never(point.ninety_nine_s)

    assert time(most) <= goal_s < time(math.ceil(most * 1.03))
    gone = failure(most * servers, servers, lost, 3)
    rate = accept(most * servers, gone.survivors)
    assert recovery_at_least_s(gone.lost, gone.survivors, rate, outage_s) <= goal_s


def test_each_fleet_of_the_curve_has_its_own_load():
    """Every fleet took in what the first one did, though the survivors of a small one are full."""
    full_at = 2000
    setting = Setting(lambda connections, left: max(0.0, 100 * (1 - connections / left / full_at)), "server")
    points = curve(10_000, [4, 6, 9, 11], setting, Conditions(0))
    assert [point.accept_rate_per_s for point in points] == pytest.approx([0, 0, 37.5, 50])
    assert [point.ninety_nine_s is None for point in points] == [True, True, False, False]
    assert points[2].at_least_s == pytest.approx(0.99 * 10_000 / 9 / 8 / 37.5)


@pytest.mark.parametrize("lost", ["server", "zone", "all"])
def test_a_fleet_that_is_unevenly_full_takes_longer(lost):
    """The simulation knew only the mean server: its clients, and its share of those who come back."""
    even, uneven = (curve(6_000, [9], idle(5, lost, 3, by), Conditions(0))[0] for by in (1.0, 1.5))
    more_lost = 1.5 if lost == "server" else 1
    assert uneven.at_least_s == pytest.approx(1.5 * more_lost * even.at_least_s)
    assert uneven.ninety_nine_s > 1.3 * more_lost * even.ninety_nine_s
    most_even, most_uneven = (
        largest_connections_per_server(60, 9, idle(5, lost, 3, by), Conditions(0)) for by in (1.0, 1.5)
    )
    assert most_uneven == pytest.approx(most_even / 1.5 / more_lost, rel=0.1)


def test_where_nothing_is_left_over_everybody_tries_in_vain():
    storm = simulate(1000, 3, Conditions(0), horizon_s=60)
    assert (storm.served, storm.half_s) == (0, None)
    assert storm.attempts > 1000


@pytest.mark.parametrize(
    ("goal_s", "outage_s"),
    [
        pytest.param(10, 10, id="the outage alone takes as long"),
        pytest.param(0.5, 0, id="nobody tries that soon"),
    ],
)
def test_a_goal_that_nothing_meets(goal_s, outage_s):
    assert largest_connections_per_server(goal_s, 10, idle(100, "all"), Conditions(0, outage_s=outage_s)) == 0


# ── advice ──


def test_lasting_jitter_keeps_servers_busy_that_waves_leave_idle():
    conditions = Conditions(5000, outage_s=20)
    advice = better_delay_max(1_000_000, 10, conditions, horizon_s=900.0)
    assert advice.change
    assert advice.better.jitter == 1
    assert advice.better.ninety_nine_s < 0.9 * advice.now.ninety_nine_s
    assert advice.better.attempts < 0.7 * advice.now.attempts
    assert "randomizationFactor 1, 99 % of the clients are back after" in advice.sentence
    assert "jitter is gone from wait 5 on" in advice.sentence
    assert "same wave every 5 s, its fullest second with 4 times" in advice.sentence


def test_a_storm_that_is_no_storm_needs_no_change():
    advice = better_delay_max(1000, 10, Conditions(PLENTY), horizon_s=900.0)
    assert not advice.change
    assert advice.better == advice.now
    assert advice.sentence == (
        "Keep reconnectionDelayMax at 5 s and randomizationFactor at 0.5: "
        "none of 9 other settings does better here."
    )


def test_too_few_servers_are_beyond_any_backoff():
    advice = better_delay_max(1_000_000, 10, Conditions(20), horizon_s=60)
    assert not advice.change
    assert "No backoff helps" in advice.sentence
    assert "4,950 s" in advice.sentence


def test_no_backoff_makes_room_on_servers_that_are_full():
    advice = better_delay_max(1000, 10, Conditions(0), horizon_s=60)
    assert not advice.change
    assert advice.sentence == (
        "No backoff helps: the load of the service leaves the servers no CPU for handshakes. "
        "More servers would, or less load."
    )


def test_a_change_that_only_makes_an_end_possible_says_so():
    now = Backoff(delay_max_s=120)
    advice = better_delay_max(1000, 1, Conditions(PLENTY, now, outage_s=150), horizon_s=170)
    assert advice.change
    assert "which now takes more than 170 s" in advice.sentence


# ── the bound ──


@pytest.mark.parametrize(
    ("lost", "servers"),
    [
        # 1 M connections, 200 handshakes a second, goal 55 s + the last wait of 5 s
        pytest.param("server", 11, id="N (N - 1) >= 1e6 / 11,000 = 90.9"),
        pytest.param("zone", 48, id="N >= 90.9 / 2, in equal zones"),
        pytest.param("all", 91, id="N >= 90.9"),
    ],
)
def test_the_fewest_servers(lost, servers):
    assert fewest_servers_for_storm(1_000_000, 200, 60, lost, zones=3) == servers


@pytest.mark.parametrize(
    ("arguments", "servers"),
    [
        pytest.param((1000, 10, 5, "all"), math.inf, id="the last wait alone takes as long"),
        pytest.param((1000, 10, 5, "server"), math.inf, id="for one server too"),
        pytest.param((1000, 10, 60, "zone", 1), math.inf, id="the only zone"),
        pytest.param((0, 10, 60, "server"), 0, id="nobody to come back"),
        pytest.param((1, 1e9, 60, "server"), 2, id="one that is lost, one that is left"),
    ],
)
def test_the_ends_of_the_bound(arguments, servers):
    assert fewest_servers_for_storm(*arguments) == servers


def test_the_bound_takes_draws():
    goals = np.array([5.0, 15.0, 60.0])
    for lost in ("server", "zone", "all"):
        drawn = fewest_servers_for_storm(1_000_000, np.array([200.0, 200.0, 300.0]), goals, lost, 3)
        singly = [
            fewest_servers_for_storm(1_000_000, rate, goal, lost, 3)
            for rate, goal in zip((200, 200, 300), goals.tolist(), strict=True)
        ]
        assert drawn.tolist() == singly


# ── heartbeats ──


def test_the_pulse_of_a_simulated_storm():
    storm = simulate(20_000, 10, Conditions(100, STEADY, queue=math.inf))
    pings = pings_after(storm, 25.0)
    assert len(pings.pings_per_s) == 25
    assert sum(pings.pings_per_s) == pytest.approx(20_000)
    # 20 s of handshakes at 100/s by each of ten are 20 s of pings
    assert pings.even_per_s == pytest.approx(20_000 / 25)
    assert pings.peak_per_s == pytest.approx(10 * 100, rel=0.01)
    beside = pings_after(storm, 25.0, 40.0)
    assert (beside.even_per_s, beside.peak_per_s) == (pings.even_per_s + 40, pings.peak_per_s + 40)


def test_a_ping_interval_of_broken_bins_is_refused():
    storm = simulate(10, 1, Conditions(100), bin_s=2)
    with pytest.raises(InputError, match="whole bins of 2 s"):
        pings_after(storm, 25.0)
