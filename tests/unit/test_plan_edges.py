"""What a plan shows at its ends: nobody connected, nothing uncertain, one second, nothing left out."""

import math
from datetime import date

import msgspec
import pytest

from siotool.document.document import Chart, Sentence, Table
from siotool.plan.documents import plan_charts, storm_document
from siotool.plan.documents import plan_words as words
from siotool.plan.documents.pictures import chances
from siotool.plan.documents.plan_document import document
from siotool.plan.growth import outlook
from siotool.plan.inputs import planfile
from siotool.plan.model import Evidence
from siotool.plan.money import pricing
from siotool.plan.money.prices import read_prices
from siotool.plan.sizing import replan, sizing
from siotool.plan.sizing.unused import unused
from siotool.plan.storm import study
from siotool.plan.storm.advice import better_delay_max
from siotool.plan.storm.simulator import Conditions
from siotool.plan.uncertainty import worlds
from siotool.protocol.backoff import Backoff

FORMULA = {
    "workload.connections": "100k",
    "workload.consumption_rate": "2KB/s",
    "server.capacity": "1Gbit/s",
}
START = date(2026, 1, 1)

PRICES = """\
currency = "USD"
egress_per_gb = 0.05
[shapes.small]
cores = 1
memory = "{memory}"
bandwidth = "50MB/s"
[prices.small]
per_month = 60
[shapes.large]
cores = 4
memory = "8GiB"
bandwidth = "100MB/s"
[prices.large]
per_month = 100
"""


def section(made, key):
    return next(one for one in made.sections if one.key == key)


def table(made, key):
    return next(block for block in section(made, key).blocks if isinstance(block, Table))


def forecast_of(inputs):
    plan = sizing.size(inputs, draws=200)
    return outlook.outlook(plan, inputs, START, lead_time_s=0.0, draws=200, seed=1)


# ── forecasts ──


def test_a_demand_without_a_range_is_one_curve_and_has_no_chance_of_being_short(plan_inputs):
    certain = plan_charts.forecast(forecast_of(plan_inputs(FORMULA | {"workload.growth": "40%"})))
    assert [chart.key for chart in certain] == ["forecast"]
    assert [curve.name for curve in certain[0].curves] == ["demand", "the fleet holds"]
    ranges = FORMULA | {"workload.growth": "20%..60%"}
    both = plan_charts.forecast(forecast_of(plan_inputs(ranges)))
    assert [chart.key for chart in both] == ["forecast", "forecast-short"]
    assert [curve.name for curve in both[0].curves] == ["demand P50", "demand P95", "the fleet holds"]


def test_a_fleet_far_above_the_demand_does_not_flatten_its_curve(plan_inputs):
    """A line of a fleet that holds any number would leave the demand on the axis."""
    known = forecast_of(plan_inputs(FORMULA | {"workload.growth": "40%"}))
    most = max(point.p95 for point in known.points)

    def names(limit):
        points = [msgspec.structs.replace(point, limit=limit) for point in known.points]
        (chart,) = plan_charts.forecast(msgspec.structs.replace(known, points=points))
        return [curve.name for curve in chart.curves]

    assert names(20 * most) == ["demand", "the fleet holds"]
    assert names(21 * most) == names(1e15) == ["demand"]


# ── evidence ──


@pytest.mark.parametrize(("seconds", "drawn"), [(0, 0), (1, 0), (2, 2)])
def test_one_second_of_evidence_is_no_curve(seconds, drawn):
    seen = [0.1 + n for n in range(seconds)]
    known = Evidence(["a"], [], 0.1, 0.0, 0.9, observed_cores=seen, predicted_cores=seen, remarks=[])
    assert len(plan_charts.evidence(known)) == drawn


# ── money ──


def test_nobody_connected_costs_nothing_per_thousand(plan_inputs):
    prices = read_prices(PRICES.format(memory="2GiB"), "prices.toml")

    def said(connections):
        inputs = plan_inputs(FORMULA | {"workload.connections": connections})
        plan = sizing.size(inputs, draws=100)
        cost = pricing.cost(plan, inputs, prices, prices.shape("small"))
        made = document(msgspec.structs.replace(plan, cost=cost))
        sentences = [one.text for one in section(made, "cost").blocks if isinstance(one, Sentence)]
        return cost.per_thousand_connections, " ".join(sentences)

    some, sentence = said("10k")
    assert some > 0
    assert "1,000 connections" in sentence
    none, sentence = said("0")
    assert none is None
    assert "1,000 connections" not in sentence


def test_a_shape_that_cannot_do_it_is_shown_with_why_and_without_a_price(plan_inputs):
    keys = {"workload.connections": "10k", "server.capacity": "1GB/s"}
    chat = {"chat": {"kind": "room", "rate": "1/min", "size": "200B", "room_size": "50"}}
    inputs = plan_inputs(keys | {"server.memory_base": "500MB"}, chat)
    plan = sizing.size(inputs, draws=100)
    prices = read_prices(PRICES.format(memory="64MB"), "prices.toml")
    compared = pricing.shapes(plan, inputs, prices, draws=100, seed=1)
    rows = {row.cells[0]: row.cells for row in table(document(_with(plan, shapes=compared)), "shapes").rows}
    small = next(row for row in compared.rows if row.shape == "small")
    assert small.per_month is None
    assert rows["small"][1:3] == ["none", ""]
    assert rows["small"][3] == small.impossible != ""
    assert list(rows) == ["large", "small"]


def _with(plan, **changes):
    return msgspec.structs.replace(plan, **changes)


# ── chances ──


def test_the_curve_of_chances_is_thinned_and_keeps_its_ends(plan_inputs):
    inputs = plan_inputs(FORMULA | {"workload.connections": "1M..100M"})
    laws = worlds.uncertain(inputs, seed=1)
    curve = chances(inputs, laws.draw(4000))
    assert 150 < len(curve) <= 200
    fleets, shares = zip(*curve, strict=True)
    assert list(fleets) == sorted(set(fleets))
    assert list(shares) == sorted(shares)
    assert shares[-1] == pytest.approx(0.99, abs=0.002)
    assert shares[0] <= 0.01


# ── the formula, and figures ──


def test_a_plan_of_which_every_figure_is_given_lists_no_defaults(plan_inputs):
    plan = sizing.size(plan_inputs(FORMULA | {"server.memory": "8GiB"}), draws=100)
    typed = [one for one in plan.figures if one.provenance.kind != "default"]
    tables = [
        [block for block in section(document(each), "inputs").blocks if isinstance(block, Table)]
        for each in (plan, msgspec.structs.replace(plan, figures=typed))
    ]
    assert [one.folded != "" for one in tables[0]] == [False, True]
    assert [one.folded for one in tables[1]] == [""]


def test_the_first_plans_had_the_formulas_figures_only_and_are_read(plan_inputs):
    plan = sizing.size(plan_inputs(FORMULA | {"goals.downtime": "30min"}))
    old = msgspec.structs.replace(plan, figures=[], messages=[])
    figures = replan.decode(msgspec.json.encode(old), "old.json").inputs.figures
    assert figures["workload.connections"].value == 100_000
    assert figures["workload.consumption_rate"].value == 2000
    assert figures["server.capacity"].value == 125e6
    assert figures["goals.downtime"].value == 1800
    assert {one.provenance.detail for one in figures.values()} == {"old.json"}


def test_two_kinds_of_messages_that_are_alike_are_both_judged():
    kind = "[workload.messages.{}]\nkind = 'echo'\nrate = '1/min'\nsize = '200B'\nroom_size = '50'\n"
    text = "[workload]\nconnections = '100k'\n{}[server]\ncapacity = '1Gbit/s'\n"
    given = planfile.decode(text.format(kind.format("one") + kind.format("two")), "x")
    told = " ".join(unused(given, given))
    assert "one.room_size" in told
    assert "two.room_size" in told
    assert ".rate" not in told


def test_a_plan_that_considers_everything_names_nothing_left_out(plan_inputs):
    keys = {
        "workload.connections": "100k",
        "server.capacity": "1Gbit/s",
        "server.bandwidth_out": "1Gbit/s",
        "server.memory": "8GiB",
        "server.open_files": "1M",
        "server.accept_rate": "500/s",
        "topology.balancer": "nlb",
        "topology.zones": "3",
        "goals.reconnect_time": "60s",
        "goals.delivery_time": "1s",
        "goals.downtime": "30min",
        "goals.survive_zone": "true",
    }
    chat = {"chat": {"kind": "room", "rate": "1/min", "size": "200B", "room_size": "50"}}
    whole = sizing.size(plan_inputs(keys, chat), draws=100, sensitivities=False)
    assert not any("Not considered" in said for said in whole.rests_on)
    less = sizing.size(plan_inputs(keys | {"goals.downtime": "0s"}, chat), draws=100, sensitivities=False)
    (said,) = [one for one in less.rests_on if "Not considered" in one]
    assert "goals.downtime" in said
    assert said.count("goals.") == 1


# ── storms ──


def test_one_fleet_that_gets_its_clients_back_is_no_curve(plan_inputs):
    inputs = plan_inputs(FORMULA | {"server.accept_rate": "50/s", "workload.connections": "10k"})
    storm = study.study(inputs, study.StormOptions(servers=10), draws=100, seed=1)

    def keys(points):
        made = storm_document.document(msgspec.structs.replace(storm, curve=points))
        return [block.key for one in made.sections for block in one.blocks if isinstance(block, Chart)]

    assert "storm-fleets" in keys(storm.curve[:2])
    assert "storm-fleets" not in keys(storm.curve[:1])
    never = [msgspec.structs.replace(point, ninety_nine_s=None) for point in storm.curve[1:]]
    assert "storm-fleets" not in keys([storm.curve[0], *never])


def test_a_change_may_save_attempts_where_nothing_brings_all_back_in_time():
    """Busy all the time the servers need 28.3 s; no backoff keeps them busy in each of the first 28.5."""
    now = Backoff(delay_max_s=1, jitter=0.1)
    advice = better_delay_max(100_000, 10, Conditions(350, now), horizon_s=28.5)
    assert advice.change
    assert math.isinf(advice.better.ninety_nine_s)
    assert "99 % of the clients are still not back after 28 s" in advice.sentence
    assert advice.better.attempts < advice.now.attempts


def test_a_change_of_waits_whose_jitter_stays_speaks_of_no_wave():
    def sentence(jitter):
        now = Backoff(delay_max_s=60, jitter=jitter)
        advice = better_delay_max(1000, 1, Conditions(10_000, now, outage_s=150), horizon_s=900)
        assert advice.change
        return advice.sentence

    assert "wave" in sentence(0.5)
    assert "wave" not in sentence(1)


def test_a_count_of_servers_is_written_also_where_no_number_is_enough():
    none, one, many = (words.servers(count) for count in (None, 1, 1200))
    assert one == "1 server"
    assert many == "1,200 servers"
    assert "None" not in none
    assert not any(char.isdigit() for char in none)
