import math

import msgspec
import pytest

from siotool.plan.inputs.ranges import Range
from siotool.plan.sizing import replan, sizing
from siotool.plan.uncertainty.worlds import uncertain

KEYS = {"workload.connections": "1M", "workload.consumption_rate": "2KB/s", "server.capacity": "100MB/s"}


def plan(plan_inputs, change, messages=None, **options):
    return sizing.size(plan_inputs(KEYS | change, messages), **{"draws": 2000} | options)


def test_a_range_is_drawn_with_the_quantiles_it_was_stated_with(plan_inputs):
    """Servers are 28.57 × connections: P95 is that of the range."""
    found = plan(plan_inputs, {"workload.connections": "0.5M..2M"}, draws=20_000)
    row = next(row for row in found.figures if row.key == "workload.connections")
    assert (row.p5, row.value, row.p95) == pytest.approx((0.5e6, 1e6, 2e6), rel=1e-9)
    assert row.fitted == "lognormal"
    assert (found.servers.p50, found.servers.p95) == (29, math.ceil(2e6 * 2000 / 70e6))


@pytest.mark.parametrize(
    ("key", "text", "fitted"),
    [
        ("server.capacity", "80..90..120MB/s", "lognormal in two pieces, joined at the most likely value"),
        ("server.utilization", "60%..80%", "logit-normal"),
        ("workload.growth", "-10%..10%", "lognormal"),
        ("workload.connections", "0..10k", "normal"),
    ],
)
def test_what_was_made_of_a_range_is_echoed(key, text, fitted, plan_inputs):
    found = plan(plan_inputs, {key: text})
    assert next(row for row in found.figures if row.key == key).fitted == fitted


def test_single_figures_stay_as_they_were_typed(plan_inputs):
    found = plan(plan_inputs, {"workload.connections": "1M..2M"})
    capacity = next(row for row in found.figures if row.key == "server.capacity")
    assert (capacity.value, capacity.p5, capacity.fitted) == (100e6, None, None)


def test_draws_stay_within_the_field_s_bounds(plan_inputs):
    values = uncertain(plan_inputs(KEYS | {"server.utilization": "50%..99%"}), 1).draw(20_000)
    drawn = values["server.utilization"]
    assert drawn.min() > 0
    assert drawn.max() <= 1


def test_the_same_seed_makes_the_same_plan(plan_inputs):
    change = {"workload.connections": "0.5M..2M", "server.capacity": "80..120MB/s"}
    assert plan(plan_inputs, change) == plan(plan_inputs, change)
    assert plan(plan_inputs, change, seed=2) != plan(plan_inputs, change, seed=1)


def test_another_uncertain_input_does_not_change_an_input_s_draws(plan_inputs):
    one = uncertain(plan_inputs(KEYS | {"workload.connections": "1M..2M"}), 7).draw(100)
    other = uncertain(
        plan_inputs(KEYS | {"workload.connections": "1M..2M", "server.utilization": "60%..70%"}), 7
    )
    assert (one["workload.connections"] == other.draw(100)["workload.connections"]).all()


def test_chances_rise_with_the_fleet_and_hold_the_quantiles(plan_inputs):
    found = plan(plan_inputs, {"workload.connections": "0.5M..2M"})
    fleets = [fleet for fleet, _ in found.uncertainty.chances]
    chances = dict(found.uncertainty.chances)
    assert fleets == sorted(fleets)
    assert list(chances.values()) == sorted(chances.values())
    for fleet, least in ((found.servers.p50, 0.5), (found.servers.p90, 0.9), (found.servers.p95, 0.95)):
        assert chances[fleet] >= least


def test_the_constraint_that_decides_is_told_by_its_share_of_draws(plan_inputs):
    memory = {"server.memory": "10GB", "server.memory_per_connection": "100kB..400kB"}
    found = plan(plan_inputs, memory)
    shares = {row.name: row.binding_probability for row in found.constraints}
    assert sum(shares.values()) == pytest.approx(1)
    # the memory's 200 kB in the middle ask for as many servers as bandwidth does
    assert shares["memory"] == pytest.approx(0.5, abs=0.02)


def test_the_effects_are_sorted_and_guesses_are_named(plan_inputs):
    found = plan(
        plan_inputs, {"workload.connections": "0.5M..2M", "server.capacity": "95..105MB/s"}
    ).uncertainty
    assert [effect.key for effect in found.effects] == ["workload.connections", "server.capacity"]
    assert found.effects[0].servers_p10 < found.effects[0].servers_p90
    assert found.effects[1].servers_p10 > found.effects[1].servers_p90
    assert found.effects[0].total > 0.9
    assert found.guessed_share == 1
    assert (
        found.guesswork
        == "100 % of the uncertainty comes from guesses, most of it from workload.connections (typed)."
    )
    assert found.next_measurement.key == "workload.connections"


def test_growth_is_not_to_be_measured(plan_inputs):
    found = plan(plan_inputs, {"workload.growth": "0%..300%", "workload.ahead": "365d"}).uncertainty
    assert found.next_measurement is None


def test_without_sensitivities_no_indices_are_computed(plan_inputs):
    found = plan(plan_inputs, {"workload.connections": "0.5M..2M"}, sensitivities=False).uncertainty
    assert (found.effects[0].first_order, found.guessed_share, found.guesswork) == (None, None, "")


def test_worlds_without_an_answer_are_counted(plan_inputs):
    found = plan(plan_inputs, {"server.base_cost": "40%..98%", "server.idle_cost": "1us"})
    assert 0 < found.uncertainty.infeasible < 1
    assert found.servers.p95 is None


def test_a_range_without_width_is_a_single_figure(plan_inputs):
    inputs = plan_inputs(KEYS | {"workload.connections": "1M..1000k"})
    assert inputs.uncertain() == []
    assert sizing.size(inputs) == sizing.size(plan_inputs(KEYS))


def test_the_quantiles_of_bad_days_cover_the_fleet(plan_inputs):
    found = plan(plan_inputs, {"workload.connections": "0.5M..2M", "goals.spares": "2"})
    days = {day.name: day.servers for day in found.bad_days}
    assert days["N+2"] == days["ordinary day"] + 2 == found.servers.p95


def test_only_what_varies_is_drawn(plan_inputs):
    made = uncertain(plan_inputs(KEYS | {"workload.connections": "1M..2M"}), 1)
    assert list(made.laws) == ["workload.connections"]
    assert not any(isinstance(value, Range) for value in made.known.values())


def test_a_capacity_that_is_the_network_is_drawn_with_it(plan_inputs):
    """Left out, it was drawn once more, and the plan took the larger of two counts: 30 and 54 servers."""
    inputs = plan_inputs(
        {"workload.connections": "100k", "server.bandwidth_out": "0.5Gbit/s..2Gbit/s"},
        {"news": {"kind": "announce", "rate": "1/s", "size": "20kB"}},
    )
    made = sizing.size(inputs, draws=4000)
    (network,) = (row for row in made.constraints if row.name == "network out")
    # the middle is 1 Gbit/s, the worst of twenty 0.5 Gbit/s, of which 70 % may be used; 16.5 Gbit/s are sent
    assert network.demand == pytest.approx(16.5e9 / 8, rel=0.02)
    assert made.servers.p50 == math.ceil(network.demand / (125e6 * 0.7)) == 24
    assert made.servers.p95 == math.ceil(network.demand / (62.5e6 * 0.7)) == 48
    effects = [effect.key for effect in made.uncertainty.effects]
    assert "server.bandwidth_out" in effects
    assert "server.capacity" not in effects
    rows = {row.key: row for row in made.figures}
    one, other = rows["server.capacity"], rows["server.bandwidth_out"]
    assert (one.value, one.p5, one.p95) == (other.value, other.p5, other.p95)
    back = replan.decode(msgspec.json.encode(made), "plan.json").inputs
    assert back.same() == {"server.capacity": "server.bandwidth_out"}
