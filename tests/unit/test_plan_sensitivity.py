import math

import numpy as np
import pytest

from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.numbers import ceil, divide, maximum
from siotool.plan.uncertainty.draws import prepare
from siotool.plan.uncertainty.outcomes import binding, quantiles, suffices, summary
from siotool.plan.uncertainty.sensitivity import (
    Measurement,
    guess_share,
    measurements,
    next_measurement,
    sobol,
    tornado,
)

INF = math.inf


def even(low, high):
    """Every value between two is as likely."""
    return Replicates(tuple(low + (high - low) * (i + 0.5) / 10_000 for i in range(10_000)))


def normal(deviation):
    """A normal distribution around 0."""
    return Range(-1.6448536 * deviation, None, 1.6448536 * deviation)


@pytest.mark.parametrize(
    ("servers", "found"),
    [
        pytest.param(7.0, (7, 7, 7, 0), id="nothing uncertain"),
        pytest.param(np.arange(1.0, 101.0), (50, 90, 95, 0), id="one to a hundred"),
        pytest.param(np.arange(100.0, 0.0, -1.0), (50, 90, 95, 0), id="in any order"),
        pytest.param(np.array([1.0, 2.0]), (1, 2, 2, 0), id="no server is split"),
        pytest.param(np.array([3.0] * 94 + [INF] * 6), (3, 3, INF, 0.06), id="some draws have no fleet"),
        pytest.param(np.array([INF, INF]), (INF, INF, INF, 1), id="no draw has one"),
        pytest.param(INF, (INF, INF, INF, 1), id="nothing uncertain, and no fleet"),
    ],
)
def test_the_answer_in_quantiles(servers, found):
    said = summary(servers)
    assert (said.p50, said.p90, said.p95, said.infeasible) == found


def test_a_model_that_makes_no_number_is_wrong():
    with pytest.raises(ValueError, match="not a number in 1 of 2 draws"):
        summary(np.array([1.0, math.nan]))


@pytest.mark.parametrize(
    ("fleet", "probability"), [(0, 0), (2, 0.5), (2.9, 0.5), (3, 0.75), (INF, 1), (10**9, 0.75)]
)
def test_the_probability_that_a_fleet_suffices(fleet, probability):
    assert suffices(np.array([1.0, 2.0, 3.0, INF]), fleet) == probability


@pytest.mark.parametrize(
    ("needed", "shares"),
    [
        pytest.param([3.0, 2.0], [1, 0], id="single figures"),
        pytest.param([np.array([1.0, 5.0, 5.0, 5.0]), 4.0], [0.75, 0.25], id="one varies"),
        pytest.param([2.0, 2.0], [0.5, 0.5], id="both"),
        pytest.param([np.array([INF, 1.0]), np.array([INF, 2.0])], [0.25, 0.75], id="neither can be met"),
    ],
)
def test_the_probability_that_a_constraint_binds(needed, shares):
    assert binding(["bandwidth", "memory"], needed) == dict(zip(["bandwidth", "memory"], shares, strict=True))


def test_a_tornado_moves_one_input_at_a_time():
    inputs = {"narrow": even(1, 3), "wide": even(0, 100), "idle": even(0, 9), "known": 10.0}
    shapes = []

    def servers(values):
        shapes.append({name: np.shape(value) for name, value in values.items()})
        return values["known"] * values["narrow"] + values["wide"]

    wide, narrow, idle = tornado(servers, prepare(inputs))
    assert len(shapes) == 1
    assert shapes[0]["known"] == ()
    assert wide.name == "wide"
    assert (wide.servers_at_p10, wide.servers_at_p90) == (
        pytest.approx(30, abs=0.1),
        pytest.approx(110, abs=0.1),
    )
    assert (narrow.name, narrow.swing) == ("narrow", pytest.approx(16, abs=0.1))
    assert (idle.name, idle.swing) == ("idle", 0)


def test_a_tornado_of_a_plan_that_cannot_be():
    inputs = {"rate": even(0, 100), "other": even(1, 2)}
    first, other = tornado(lambda v: divide(1.0, 50.0 - v["rate"]), prepare(inputs))
    assert (first.name, first.servers_at_p90, first.swing) == ("rate", INF, INF)
    assert other.swing < INF
    assert [s.swing for s in tornado(lambda _: INF, prepare(inputs))] == [0, 0]
    assert tornado(lambda _: 3.0, prepare({"known": 3.0})) == []


def test_sobol_indices_of_the_ishigami_function():
    # T. Ishigami, T. Homma, 1990; a = 7, b = 0.1: https://www.sfu.ca/~ssurjano/ishigami.html
    inputs = {name: even(-math.pi, math.pi) for name in ("x1", "x2", "x3")}

    def ishigami(x):
        return np.sin(x["x1"]) + 7 * np.sin(x["x2"]) ** 2 + 0.1 * x["x3"] ** 4 * np.sin(x["x1"])

    found = {index.names[0]: index for index in sobol(ishigami, prepare(inputs), 16_384)}
    first = {"x1": 0.3139, "x2": 0.4424, "x3": 0.0}
    total = {"x1": 0.5576, "x2": 0.4424, "x3": 0.2437}
    assert {name: index.first for name, index in found.items()} == pytest.approx(first, abs=0.02)
    assert {name: index.total for name, index in found.items()} == pytest.approx(total, abs=0.02)
    assert list(found) == ["x1", "x2", "x3"]


def test_sobol_indices_of_a_fleet_that_the_larger_of_two_demands_sizes():
    # max of two even ones: variance 1/18, Var E[max | one] = 1/45, so 0.4 first and 0.6 total
    inputs = {"bandwidth": even(0, 1), "memory": even(0, 1), "known": 10_000.0}
    found = sobol(lambda v: ceil(v["known"] * maximum(v["bandwidth"], v["memory"])), prepare(inputs), 16_384)
    assert [index.first for index in found] == pytest.approx([0.4, 0.4], abs=0.02)
    assert [index.total for index in found] == pytest.approx([0.6, 0.6], abs=0.02)


def test_inputs_that_depend_on_each_other_have_one_index():
    inputs = {"c": normal(1), "d": Replicates((1.0, 3.0), "r"), "e": Replicates((3.0, 1.0), "r")}
    # d + e is always 4
    found = sobol(lambda v: v["c"] + v["d"] + v["e"], prepare(inputs), 8_192)
    assert [index.names for index in found] == [("c",), ("d", "e")]
    assert [index.total for index in found] == pytest.approx([1, 0], abs=0.02)
    assert [index.first for index in found] == pytest.approx([1, 0], abs=0.03)


@pytest.mark.parametrize(
    "servers",
    [
        pytest.param(lambda _: 5.0, id="nothing matters"),
        pytest.param(lambda _: INF, id="no fleet in any draw"),
    ],
)
def test_without_variance_there_is_nothing_to_share(servers):
    uncertain = prepare({"a": even(0, 1), "b": even(0, 1)})
    assert [(i.first, i.total) for i in sobol(servers, uncertain, 64)] == [(0, 0), (0, 0)]
    assert guess_share(servers, uncertain, ["a"]) == guess_share(servers, uncertain, ["a", "b"]) == 0


def test_draws_without_a_fleet_leave_the_indices_numbers():
    uncertain = prepare({"a": even(0, 1), "b": even(0, 1)})
    a, b = sobol(lambda v: divide(1.0, 0.9 - v["a"]) + v["b"], uncertain, 4_096)
    assert a.names == ("a",)
    assert 0.9 < a.total <= 1
    assert 0 <= b.total < 0.1


@pytest.mark.parametrize(
    ("guesses", "share"),
    [
        pytest.param([], 0, id="no guesses"),
        pytest.param(["known"], 0, id="a guess that does not vary"),
        pytest.param(["a"], 0.1, id="the small one"),
        pytest.param(["b"], 0.9, id="the large one"),
        pytest.param(["a", "b"], 1, id="all are guesses"),
    ],
)
def test_the_share_of_the_guesses(guesses, share):
    uncertain = prepare({"a": normal(1), "b": normal(3), "known": 5.0})
    assert guess_share(lambda v: v["a"] + v["b"] + v["known"], uncertain, guesses) == pytest.approx(
        share, abs=0.01
    )


def test_interactions_count_as_guesses():
    # of a × b with mean 0 nothing goes when one is known
    uncertain = prepare({"a": normal(1), "b": normal(3)})
    assert guess_share(lambda v: v["a"] * v["b"], uncertain, ["a"]) == pytest.approx(1, abs=0.05)


def test_what_depends_on_a_guess_is_one():
    uncertain = prepare({"a": Replicates((1.0, 3.0), "r"), "b": Replicates((3.0, 2.0), "r")})
    assert guess_share(lambda v: v["a"] + v["b"], uncertain, ["a"]) == 1


def drawn(inputs, servers, count=40_000):
    values = prepare(inputs).draw(count)
    return values, servers(values)


def test_measuring_the_widest_input_shrinks_the_gap_to_what_the_others_leave():
    values, servers = drawn({"x": normal(10), "y": normal(5), "k": 3.0}, lambda v: 100 + v["x"] + v["y"])
    x, y = measurements(values, servers, ["y", "x", "k"])
    assert (x.name, y.name) == ("x", "y")
    assert x.gap_servers == pytest.approx(1.645 * math.hypot(10, 5), rel=0.03)
    assert x.shrink_servers == pytest.approx(1.645 * (math.hypot(10, 5) - 5), rel=0.08)
    assert y.shrink_servers == pytest.approx(1.645 * (math.hypot(10, 5) - 10), rel=0.15)
    assert x.settles == 0


def test_only_what_can_be_measured_is_advised():
    values, servers = drawn({"x": normal(10), "y": normal(5), "k": 3.0}, lambda v: 100 + v["x"] + v["y"])
    assert next_measurement(values, servers, ["x", "y"]).name == "x"
    assert next_measurement(values, servers, ["y"]).name == "y"
    assert next_measurement(values, servers, ["k"]) is None
    assert next_measurement(values, servers, []) is None


@pytest.mark.parametrize("servers", [5.0, INF], ids=["a certain fleet", "no fleet in any draw"])
def test_nothing_is_worth_measuring_where_nothing_is_in_doubt(servers):
    values = prepare({"x": normal(1)}).draw(1_000)
    assert next_measurement(values, np.full(1_000, servers), ["x"]) is None


def test_measuring_may_settle_whether_any_fleet_suffices():
    values, servers = drawn(
        {"rate": even(0, 100), "other": even(1, 2)}, lambda v: v["other"] * divide(9.0, 80.0 - v["rate"])
    )
    best = next_measurement(values, servers, ["other", "rate"])
    assert best.name == "rate"
    assert best.gap_servers == INF
    assert math.isfinite(best.shrink_servers)
    assert best.settles == pytest.approx(1, abs=0.05)
    assert best.sentence.startswith("measuring rate next would remove ")


def test_where_p95_is_no_fleet_what_settles_that_comes_first():
    values, servers = drawn(
        {"size": Range(1, None, 1000), "rate": even(0, 1), "luck": even(0, 1)},
        lambda v: np.where(v["luck"] < 0.1 + 0.2 * (v["rate"] > 0.5), INF, v["size"]),
    )
    rate, size = measurements(values, servers, ["size", "rate"])
    assert (rate.name, size.name) == ("rate", "size")
    assert size.shrink_servers > rate.shrink_servers
    # P[no fleet] is 0.1 or 0.3: its variance of 0.01 out of 0.2 × 0.8
    assert rate.settles == pytest.approx(0.01 / 0.16, abs=0.01)
    assert size.settles == pytest.approx(0, abs=0.01)


def test_few_draws_without_a_fleet_do_not_hide_the_best_measurement():
    values, servers = drawn(
        {"rate": even(0, 100), "other": even(1, 2)}, lambda v: v["other"] * divide(9.0, 97.0 - v["rate"])
    )
    best = next_measurement(values, servers, ["other", "rate"])
    assert best.name == "rate"
    assert 0 < best.shrink_servers <= best.gap_servers < INF


@pytest.mark.parametrize(
    ("measurement", "sentence"),
    [
        pytest.param(
            Measurement("server.capacity", 20.0, 12.2, 0.0),
            "measuring server.capacity next would shrink the gap by 12 servers: "
            "P95 is 20 above P50 today, 7.8 then",
            id="servers",
        ),
        pytest.param(
            Measurement("a", 2.0, 1.0, 0.0),
            "measuring a next would shrink the gap by 1 server: P95 is 2 above P50 today, 1 then",
            id="one server",
        ),
        pytest.param(
            Measurement("a", 2.0, 0.4, 0.0),
            "measuring a next would shrink the gap by less than one server: "
            "P95 is 2 above P50 today, 1.6 then",
            id="less than one",
        ),
        pytest.param(
            Measurement("a", INF, 3.0, 0.8),
            "measuring a next would remove 80 % of the doubt whether any fleet suffices",
            id="no P95",
        ),
    ],
)
def test_the_advice_in_words(measurement, sentence):
    assert measurement.sentence == sentence


def test_quantiles_suffice_as_often_as_they_say():
    servers = ceil(prepare({"x": Range(10, None, 50)}).draw(10_000)["x"])
    for share, fleet in zip((0.5, 0.9, 0.95), quantiles(servers, 0.5, 0.9, 0.95), strict=True):
        assert suffices(servers, fleet) >= share
        assert suffices(servers, fleet - 1) < share
