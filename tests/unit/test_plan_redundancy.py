import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.redundancy.availability import servers_for
from siotool.plan.redundancy.availability_draws import servers_for_draws
from siotool.plan.redundancy.bad_days import (
    Redundancy,
    StormServers,
    bad_days,
    fleet,
    k_of_n,
    spares,
    survive_zone_loss,
    worst,
)

EVERYTHING = Redundancy(
    availability_target=0.999,
    downtime_share=0.01,
    spare_servers=2,
    zones=3,
    deploy_out=2.0,
    adapter_shards=4,
)


@pytest.mark.parametrize(
    ("needed", "zones", "servers"),
    [
        pytest.param(15.0, 3, 24.0, id="22.5 rounded up to three equal zones"),
        pytest.param(10.0, 3, 15.0, id="half as many again"),
        pytest.param(10.0, 2, 20.0, id="twice as many"),
        pytest.param(1.0, 3, 3.0, id="one in each zone"),
        pytest.param(0.0, 3, 0.0, id="nothing needed"),
        pytest.param(5.0, 1, math.inf, id="nothing survives the only zone"),
        pytest.param(0.0, 1, 0.0, id="nothing is not hard to survive"),
        pytest.param(math.inf, 3, math.inf, id="what no fleet carries"),
    ],
)
def test_zone_loss(needed, zones, servers):
    assert survive_zone_loss(needed, zones) == servers


def test_three_zones_run_at_two_thirds():
    # AWS Builders' Library, static stability: 50 % overprovisioned, 66 % of the load-tested level
    servers = survive_zone_loss(100.0, 3)
    assert servers / 100 - 1 == pytest.approx(0.50)
    assert 100 / servers == pytest.approx(0.66, abs=0.01)


@given(needed=st.integers(1, 500), zones=st.integers(2, 7))
def test_zone_loss_is_the_smallest_that_holds(needed, zones):
    servers = survive_zone_loss(float(needed), zones)
    each = servers / zones
    assert each == int(each)
    assert servers - each >= needed > (each - 1) * (zones - 1)


@pytest.mark.parametrize(
    ("needed", "spare", "servers"),
    [(0.0, 2, 0.0), (1.0, 1, 2.0), (20.0, 2, 22.0), (math.inf, 2, math.inf)],
)
def test_spares(needed, spare, servers):
    assert spares(needed, spare) == servers


def test_the_worst_day_is_named():
    days = bad_days(15.0, EVERYTHING)
    assert {day.name: day.servers for day in days} == {
        "ordinary day": 15,
        "k of n": 17,
        "N+2": 17,
        "zone loss": 24,
        "rolling deploy": 17,
        "adapter shard loss": 15,
    }
    assert fleet(days) == 24
    assert days[int(worst(days))].name == "zone loss"


def test_of_equal_days_the_first_is_worst():
    days = bad_days(15.0, Redundancy(availability_target=0.999, downtime_share=0.01, spare_servers=2))
    assert [day.servers for day in days] == [15, 17, 17]
    assert days[int(worst(days))].name == "k of n"


def test_nothing_asked_is_an_ordinary_day():
    assert [(day.name, day.servers) for day in bad_days(7.0, Redundancy())] == [("ordinary day", 7)]


def test_what_no_fleet_carries_stays_so_on_every_day():
    assert {day.servers for day in bad_days(math.inf, EVERYTHING)} == {math.inf}


def test_draws_agree_with_single_figures():
    needed = np.array([0.0, 1.0, 7.0, 15.0, 400.0, np.inf])
    drawn = bad_days(needed, EVERYTHING)
    for i, one in enumerate(needed):
        single = bad_days(float(one), EVERYTHING)
        assert [day.name for day in drawn] == [day.name for day in single]
        assert [day.servers[i] for day in drawn] == [day.servers for day in single]
        assert fleet(drawn)[i] == fleet(single)
        assert worst(drawn)[i] == worst(single)


@pytest.mark.parametrize(
    ("load", "storm", "servers"),
    [
        # ordinary, k of n, N+2, three zones, a deploy of two at a time, a lost shard
        pytest.param(10.0, StormServers(), [10, 12, 12, 15, 12, 10], id="no storm"),
        pytest.param(
            10.0, StormServers(8.0, spares=1), [10, 12, 12, 15, 12, 10], id="one that asks for less"
        ),
        pytest.param(
            10.0,
            StormServers(13.0, spares=1),
            [13, 15, 14, 15, 15, 13],
            id="its server is the one spare",
        ),
        pytest.param(
            10.0, StormServers(13.0), [13, 15, 15, 15, 15, 13], id="it takes a zone: the spares are others"
        ),
        pytest.param(10.0, StormServers(18.0), [18, 21, 20, 18, 20, 18], id="its zone is lost already"),
        pytest.param(0.0, StormServers(), [0, 0, 0, 0, 0, 0], id="nobody is there"),
        pytest.param(10.0, StormServers(math.inf), [math.inf] * 6, id="one that no fleet gets over"),
    ],
)
def test_a_storm_is_not_charged_for_what_it_has_lost_already(load, storm, servers):
    """A storm of a zone was made half as large again by its loss, that of a server had a spare more."""
    goals = Redundancy(
        availability_target=0.999,
        downtime_share=0.01,
        spare_servers=2,
        zones=3,
        deploy_out=2.0,
        adapter_shards=2,
    )
    single = [day.servers for day in bad_days(load, goals, storm)]
    assert single == servers
    drawn = bad_days(np.array([load, 2.0]), goals, StormServers(np.array([storm.servers, 1.0]), storm.spares))
    assert [day.servers[0] for day in drawn] == servers


def test_the_only_spare_is_for_the_server_that_a_storm_takes():
    goals = Redundancy(spare_servers=1)
    assert fleet(bad_days(10.0, goals, StormServers(12.0, spares=1))) == 12
    assert fleet(bad_days(12.0, goals, StormServers(12.0, spares=1))) == 13
    assert fleet(bad_days(10.0, goals, StormServers(12.0))) == 13


@pytest.mark.parametrize(
    ("redundancy", "words"),
    [
        pytest.param(
            Redundancy(availability_target=0.999), ["enough are left 99.9 % of the time"], id="k of n"
        ),
        pytest.param(Redundancy(spare_servers=1), ["N+1", "one server is out of service, planned"], id="N+1"),
        pytest.param(Redundancy(spare_servers=2), ["N+2", "2 servers are"], id="N+2"),
        pytest.param(Redundancy(zones=3), ["one of 3 zones", "the other 2 carry"], id="three zones"),
        pytest.param(Redundancy(zones=2), ["the other carries everything"], id="two zones"),
        pytest.param(Redundancy(zones=1), ["there is one zone; nothing is left"], id="one zone"),
        pytest.param(Redundancy(deploy_out=1.0), ["a deploy takes out 1 at a time"], id="deploy"),
        pytest.param(
            Redundancy(adapter_shards=4),
            ["25 % of the rooms get nothing", "takes no server out"],
            id="shard",
        ),
        pytest.param(Redundancy(adapter_shards=1), ["every room gets nothing"], id="the only shard"),
    ],
)
def test_each_day_says_why(redundancy, words):
    day = bad_days(9.0, redundancy)[1]
    for said in words:
        assert said in f"{day.name}: {day.sentence}"


@pytest.mark.parametrize(
    ("redundancy", "said"),
    [
        (Redundancy(availability_target=1.0), "availability target is 1"),
        (Redundancy(zones=0), "zones is 0"),
    ],
)
def test_days_that_mean_nothing_are_refused(redundancy, said):
    with pytest.raises(InputError, match=said):
        bad_days(3.0, redundancy)


@settings(max_examples=150)
@given(
    pairs=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 40), st.integers(1, 200_000)),
            st.one_of(st.sampled_from([0.0, 0.01, 0.1, 2.4 / 24]), st.floats(1e-9, 0.9)),
        ),
        min_size=1,
        max_size=20,
    ),
    target=st.sampled_from([0.5, 0.9, 0.99, 0.999, 0.9999999]),
)
def test_k_of_n_of_draws_is_k_of_n_of_each(pairs, target):
    needed, down = np.array(pairs, float).T
    assert servers_for_draws(needed, down, target).tolist() == [
        servers_for(int(k), float(d), target) for k, d in zip(needed, down, strict=True)
    ]


def test_a_target_met_to_the_last_digit_is_met_by_draws_too():
    # two servers that are each down a tenth of the time: 1 − 0.1² = 0.99
    assert servers_for_draws(np.ones(3), 2.4 / 24, 0.99).tolist() == [2, 2, 2]


def test_draws_that_no_fleet_serves_are_infinite():
    needed, down = np.array([1.0, 1.0, 1.0, 0.0, np.inf]), np.array([1.0, 1 - 1e-9, 0.5, 1.0, 0.0])
    assert servers_for_draws(needed, down, 0.9).tolist() == [np.inf, np.inf, 4, 0, np.inf]
    with pytest.raises(InputError, match="more than 100,000,000 servers"):
        k_of_n(1.0, 1 - 1e-9, 0.9)


def test_one_downtime_serves_all_draws():
    assert k_of_n(np.array([15.0, 100.0, 300.0]), 0.01, 0.9999).tolist() == [18, 107, 311]
    assert k_of_n(15.0, np.array([0.0, 0.01]), 0.999).tolist() == [15, 17]


@given(
    needed=st.integers(0, 2000),
    more=st.integers(0, 200),
    down=st.floats(0, 0.5),
    zones=st.integers(2, 5),
    out=st.integers(0, 9),
)
def test_more_servers_needed_never_make_a_smaller_fleet(needed, more, down, zones, out):
    redundancy = Redundancy(
        availability_target=0.999,
        downtime_share=down,
        spare_servers=1,
        zones=zones,
        deploy_out=out,
    )
    fewer, larger = (bad_days(float(k), redundancy) for k in (needed, needed + more))
    assert all(a.servers <= b.servers for a, b in zip(fewer, larger, strict=True))
    assert needed <= fleet(fewer) <= fleet(larger)
