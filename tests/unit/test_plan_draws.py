import math

import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.inputs.ranges import Range, Samples
from siotool.plan.uncertainty.draws import Correlation, draw, prepare

INPUTS = {
    "connections": Range(8e5, 1e6, 2e6),
    "rate": Range(0.1, None, 0.4),
    "utilization": Range(0.5, None, 0.8),
    "capacity": 100e6,
    "cost": Samples((3e-5, 4e-5, 5e-5, 6e-5)),
}
BOUNDS = {"connections": (0, math.inf), "rate": (0, math.inf), "utilization": (0.0, 1.0)}


def rank_correlation(*columns):
    """Spearman's ρ; draws of ranges have no ties."""
    return np.corrcoef([np.argsort(np.argsort(column)) for column in columns])


def test_what_varies_has_a_value_per_draw_and_the_rest_is_left_alone():
    values = draw(INPUTS, BOUNDS, 1_000, 7)
    assert set(values) == set(INPUTS)
    assert values["capacity"] == 100e6
    assert isinstance(values["capacity"], float)
    assert all(values[name].shape == (1_000,) for name in INPUTS if name != "capacity")


def test_draws_repeat_for_ever():
    # figures of numpy's PCG64; another stream would change every published plan
    values = draw(INPUTS, BOUNDS, 4, 7)
    assert values["connections"] == pytest.approx(
        [1381670.2793131052, 903714.8820821604, 1032071.6553589461, 1733890.164739208], rel=1e-9
    )


def test_another_input_does_not_move_the_others():
    more = {"first": Range(1, None, 2), **INPUTS, "last": Range(1, None, 2)}
    before, after = draw(INPUTS, BOUNDS, 500, 7), draw(more, BOUNDS, 500, 7)
    assert all(np.array_equal(before[name], after[name]) for name in INPUTS)


def test_a_correlation_moves_one_of_its_pair_and_nobody_else():
    pair = [Correlation("connections", "rate", 0.6)]
    before, after = draw(INPUTS, BOUNDS, 500, 7), draw(INPUTS, BOUNDS, 500, 7, pair)
    moved = [name for name in INPUTS if not np.array_equal(before[name], after[name])]
    assert moved == ["rate"]
    assert np.array_equal(np.sort(before["rate"]), np.sort(after["rate"]))


@pytest.mark.parametrize("other", [{"seed": 8}, {"stream": "again"}], ids=["seed", "stream"])
def test_other_draws_are_independent(other):
    one = prepare(INPUTS, BOUNDS, 7).draw(20_000)
    two = prepare(INPUTS, BOUNDS, other.get("seed", 7)).draw(20_000, other.get("stream", ""))
    for name in ("connections", "rate", "utilization"):
        assert abs(rank_correlation(one[name], two[name])[0, 1]) < 0.03


def test_inputs_are_independent_unless_said_otherwise():
    values = draw(INPUTS, BOUNDS, 20_000, 7)
    assert abs(rank_correlation(values["connections"], values["rate"])[0, 1]) < 0.03


@pytest.mark.parametrize("rank", [-0.9, -0.3, 0.5, 0.95])
def test_a_rank_correlation_is_the_one_stated(rank):
    values = draw(INPUTS, BOUNDS, 20_000, 7, [Correlation("connections", "rate", rank)])
    assert rank_correlation(values["connections"], values["rate"])[0, 1] == pytest.approx(rank, abs=0.01)


def test_three_inputs_correlate_pair_by_pair():
    pairs = [Correlation("connections", "rate", 0.6), Correlation("utilization", "rate", -0.5)]
    values = draw(INPUTS, BOUNDS, 20_000, 7, pairs)
    ranks = rank_correlation(*(values[n] for n in ("connections", "rate", "utilization")))
    assert ranks[0, 1] == pytest.approx(0.6, abs=0.01)
    assert ranks[1, 2] == pytest.approx(-0.5, abs=0.01)
    assert abs(ranks[0, 2]) < 0.03


def test_every_part_of_the_probability_is_drawn_once():
    stated = Range(0, None, 10)
    values = np.sort(draw({"x": stated}, {}, 1_000, 3)["x"])
    edges = prepare({"x": stated}).quantiles("x", np.arange(1, 1_000) / 1_000)
    assert np.all(values[:-1] <= edges)
    assert np.all(edges <= values[1:])


def test_scatter_is_drawn_as_often_as_it_was_measured():
    values, counts = np.unique(draw(INPUTS, BOUNDS, 1_000, 7)["cost"], return_counts=True)
    assert values.tolist() == [3e-5, 4e-5, 5e-5, 6e-5]
    assert counts.tolist() == [250] * 4


def test_what_was_estimated_together_is_drawn_together():
    idle = tuple(float(i) for i in (5, 1, 4, 2, 3))
    fitted = {
        "idle": Samples(idle, "run"),
        "delivery": Samples(tuple(10 - i for i in idle), "run"),
        "alone": Samples(idle),
    }
    values = draw(fitted, {}, 1_000, 7)
    assert np.all(values["idle"] + values["delivery"] == 10)
    assert not np.all(values["idle"] == values["alone"])
    uncertain = prepare(fitted)
    assert [factor.names for factor in uncertain.factors] == [("alone",), ("idle", "delivery")]
    assert uncertain.quantiles("idle", [2**-53, 0.5, 1 - 2**-53]).tolist() == [1, 3, 5]


def test_another_estimate_of_a_group_does_not_move_the_others():
    fitted = {name: Samples(tuple(map(float, range(50))), "run") for name in ("idle", "delivery", "byte")}
    values = draw(fitted, {}, 500, 7)
    fitted.pop("byte")
    assert np.array_equal(draw(fitted, {}, 500, 7)["idle"], values["idle"])


def test_medians():
    assert prepare(INPUTS, BOUNDS).medians() == {
        "capacity": 100e6,
        "connections": pytest.approx(1.153e6, rel=1e-3),
        "rate": pytest.approx(0.2),
        "utilization": pytest.approx(2 / 3),
        "cost": 4e-5,
    }


@pytest.mark.parametrize(
    ("correlations", "message"),
    [
        pytest.param([Correlation("rate", "capacity", 0.5)], "capacity does not vary", id="a known figure"),
        pytest.param([Correlation("rate", "speed", 0.5)], "speed does not vary", id="an unknown name"),
        pytest.param([Correlation("rate", "rate", 0.5)], "of one figure or twice", id="with itself"),
        pytest.param(
            [Correlation("rate", "cost", 0.5), Correlation("cost", "rate", 0.4)],
            "of one figure or twice",
            id="stated twice",
        ),
        pytest.param(
            [Correlation("rate", "cost", 1.5)], "expected more than -1 and less than 1", id="above one"
        ),
        pytest.param(
            [Correlation("rate", "cost", math.nan)], "expected more than -1 and less than 1", id="no number"
        ),
        pytest.param([Correlation("rate", "tied", 0.5)], "measured together with others", id="in a group"),
        pytest.param(
            [
                Correlation("rate", "cost", 0.9),
                Correlation("cost", "connections", 0.9),
                Correlation("rate", "connections", -0.9),
            ],
            "contradict each other",
            id="a contradiction",
        ),
    ],
)
def test_a_correlation_that_cannot_be_is_refused(correlations, message):
    inputs = {**INPUTS, "tied": Samples((1.0, 2.0), "run")}
    with pytest.raises(InputError, match=message) as refused:
        prepare(inputs, BOUNDS, 0, correlations)
    assert refused.value.hint


def test_a_range_beyond_its_bounds_is_refused_by_name():
    with pytest.raises(InputError, match=r"rate is -1\.\.2; expected it within 0\.\.inf"):
        prepare({"rate": Range(-1, None, 2)}, BOUNDS)


def test_samples_of_a_group_are_equally_many():
    with pytest.raises(ValueError, match="not equally many"):
        prepare({"a": Samples((1.0,), "run"), "b": Samples((1.0, 2.0), "run")})
