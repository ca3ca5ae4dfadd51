"""One figure stands for a range: the median of what is drawn for it, on the scale of its field."""

import math

import msgspec
import pytest

from siotool.errors import InputError
from siotool.plan.documents import plan_words
from siotool.plan.documents.formula_section import counts, formula
from siotool.plan.growth import counting
from siotool.plan.inputs.distributions import fit, with_median
from siotool.plan.inputs.middles import at_middles, bounds_of, middle, middles
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.sizing import replan, sizing
from siotool.plan.sizing.generators import generators
from siotool.plan.storm.study import StormOptions, study

KEYS = {"workload.connections": "1M", "workload.consumption_rate": "2KB/s", "server.capacity": "100MB/s"}


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        # the logits of 50 % and 90 % are 0 and ln 9: halfway is ln 3, and 3 : 1 are 75 %
        pytest.param("server.utilization", Range(0.5, None, 0.9), 0.75, id="a share"),
        pytest.param("server.capacity", Range(1e6, None, 1e8), 1e7, id="half and double are equally far"),
        # more than −100 %: √(0.9 × 1.3) − 1
        pytest.param(
            "workload.growth", Range(-0.1, None, 0.3), math.sqrt(0.9 * 1.3) - 1, id="from a bound below zero"
        ),
        pytest.param("workload.connections", Range(0, None, 10_000), 5000, id="halfway from zero"),
        pytest.param("server.idle_cost", Replicates((3.0, 1.0, 2.0)), 2, id="the median replicate"),
        pytest.param("server.capacity", 7.0, 7, id="a single figure"),
        # on the scale of logarithms the mode 1,000 is at the lower end, and 5 % of the mass is below it:
        # the upper half's deviation is 1/1.938 of the way, the median 0.634 of that
        pytest.param("server.capacity", Range(1e3, 1e3, 1e6), 1e3 * 1e3**0.327, id="a mode at the end"),
    ],
)
def test_one_figure_stands_for_it(key, value, wanted):
    assert middle(key, value) == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize(
    ("key", "stated"),
    [
        pytest.param("server.utilization", Range(0.5, 0.6, 0.9), id="a share with a mode"),
        pytest.param("server.capacity", Range(80e6, 90e6, 120e6), id="a capacity with a mode"),
        pytest.param("workload.growth", Range(-0.2, 0.1, 0.3), id="growth with a mode"),
        pytest.param("transport.polling", Range(0.0, 0.01, 0.05), id="a share from zero"),
    ],
)
def test_it_is_the_median_of_the_draws(key, stated):
    """The mode stood for a range with one, and half of the draws were not above it."""
    law = fit(stated, bounds_of(key))
    assert middle(key, stated) == law.at(0.5)
    shares = [(row + 0.5) / 1001 for row in range(1001)]
    assert middle(key, stated) == pytest.approx(sorted(law.at(share) for share in shares)[500])


def test_a_word_and_a_range_beyond_its_bounds_have_no_middle():
    with pytest.raises(InputError, match="'redis' is not a number"):
        middle("topology.adapter", "redis")
    with pytest.raises(InputError, match=r"server\.utilization is 0\.5\.\.1\.2"):
        middle("server.utilization", Range(0.5, None, 1.2))


def test_all_of_a_plan_counts_with_the_same_middle(plan_inputs):
    """The formula took 67.1 % of 50 % to 90 %, and the draws 75 %."""

    inputs = plan_inputs(KEYS | {"server.utilization": "50%..90%"})
    assert middles(inputs)["server.utilization"] == pytest.approx(0.75)
    assert at_middles(inputs).figures["server.utilization"].value == pytest.approx(0.75)
    plan = sizing.size(inputs, draws=2000)
    assert plan.inputs.utilization == pytest.approx(0.75)
    assert "(100 MB/s × 75 %) = 26.666" in plan_words.one_line(plan)
    (row,) = (row for row in plan.figures if row.key == "server.utilization")
    assert row.value == pytest.approx(0.75)
    assert plan.document.servers == plan.constraints[0].servers_p50 == 27
    drawn = counting.values_of(inputs, 2000, 1)["server.utilization"]
    assert sorted(drawn)[1000] == pytest.approx(0.75, rel=1e-3)


def test_storms_and_generators_take_it_too(plan_inputs):
    """They took the mode of 100 to 1,000 handshakes a second: 200, which most draws are above."""
    rates = {"goals.reconnect_time": "30s", "server.accept_rate": "100/s..200/s..1k/s"}
    inputs = plan_inputs(KEYS | rates | {"workload.connections": "10k..20k..100k"})
    known = middles(inputs)
    assert known["server.accept_rate"] > 250
    assert known["workload.connections"] > 25_000
    storm = study(inputs, StormOptions(servers=3, lost="server", coarseness=8.0), draws=100, seed=1)
    assert storm.accept_rate_at_rest_per_s == known["server.accept_rate"]
    assert storm.connections == math.ceil(known["workload.connections"])
    assert generators(inputs).connections == known["workload.connections"]


def test_a_range_of_connections_is_not_at_a_peak(plan_inputs):
    """Its mode and its median differ, and the section said "typed, at the peak" without a peak factor."""
    plan = sizing.size(plan_inputs(KEYS | {"workload.connections": "0.5M..0.6M..2M"}), draws=500)
    table, *_ = formula(plan).blocks
    assert [row.cells[-1] for row in table.rows if row.cells[0] == "connections"] == ["typed"]


@pytest.mark.parametrize(
    ("change", "said", "not_said"),
    [
        pytest.param({}, "the median of all draws", "topology.imbalance", id="even servers"),
        pytest.param({"topology.imbalance": "1.5"}, "topology.imbalance", "draws", id="uneven ones"),
    ],
)
def test_uneven_servers_are_blamed_only_where_they_are(change, said, not_said, plan_inputs):
    plan = sizing.size(plan_inputs(KEYS | {"workload.connections": "0.5M..2M"} | change), draws=500)
    more = msgspec.structs.replace(plan.corrected, servers=plan.document.servers + 1)
    sentence = counts(msgspec.structs.replace(plan, corrected=more)).blocks[1].text
    assert said in sentence
    assert not_said not in sentence


@pytest.mark.parametrize(
    ("key", "stated"),
    [
        pytest.param("server.capacity", Range(80e6, None, 120e6), id="without a mode"),
        pytest.param("server.capacity", Range(80e6, 85e6, 120e6), id="with a low mode"),
        pytest.param("server.utilization", Range(0.5, 0.85, 0.9), id="a share with a high mode"),
        pytest.param("workload.connections", Range(0, 9_000, 10_000), id="from zero"),
    ],
)
def test_a_range_that_is_read_back_has_the_median_that_was_written(key, stated):
    law = fit(stated, bounds_of(key))
    back = with_median(stated.low, law.at(0.5), stated.high, bounds_of(key))
    assert (back.low, back.high) == (stated.low, stated.high)
    assert middle(key, back) == pytest.approx(law.at(0.5), rel=1e-8)
    assert back.likely == (None if stated.likely is None else pytest.approx(stated.likely, rel=1e-5))


def test_a_plan_that_is_read_back_has_the_formula_of_the_first(plan_inputs):
    change = {"workload.connections": "0.5M..0.6M..2M", "server.utilization": "50%..90%"}
    plan = sizing.size(plan_inputs(KEYS | change), draws=500)
    back = replan.decode(msgspec.json.encode(plan), "plan.json")
    again = sizing.size(back.inputs, draws=500)
    assert again.document.servers_exact == pytest.approx(plan.document.servers_exact, rel=1e-6)
