import math

import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.uncertainty.draws import prepare

INPUTS = {
    "connections": Range(8e5, 1e6, 2e6),
    "rate": Range(0.1, None, 0.4),
    "utilization": Range(0.5, None, 0.8),
    "capacity": 100e6,
    "cost": Replicates((3e-5, 4e-5, 5e-5, 6e-5)),
}
BOUNDS = {"connections": (0, math.inf), "rate": (0, math.inf), "utilization": (0.0, 1.0)}


def rank_correlation(*columns):
    """Spearman's ρ; draws of ranges have no ties."""
    return np.corrcoef([np.argsort(np.argsort(column)) for column in columns])


def test_what_varies_has_a_value_per_draw_and_the_rest_is_left_alone():
    values = prepare(INPUTS, BOUNDS, 7).draw(1_000)
    assert set(values) == set(INPUTS)
    assert values["capacity"] == 100e6
    assert isinstance(values["capacity"], float)
    assert all(values[name].shape == (1_000,) for name in INPUTS if name != "capacity")


def test_draws_repeat_for_ever():
    # figures of numpy's PCG64; another stream would change every published plan
    values = prepare(INPUTS, BOUNDS, 7).draw(4)
    assert values["connections"] == pytest.approx(
        [1381670.2793131052, 903714.8820821604, 1032071.6553589461, 1733890.164739208], rel=1e-9
    )


def test_another_input_does_not_move_the_others():
    more = {"first": Range(1, None, 2), **INPUTS, "last": Range(1, None, 2)}
    before, after = prepare(INPUTS, BOUNDS, 7).draw(500), prepare(more, BOUNDS, 7).draw(500)
    assert all(np.array_equal(before[name], after[name]) for name in INPUTS)


@pytest.mark.parametrize("other", [{"seed": 8}, {"stream": "again"}], ids=["seed", "stream"])
def test_other_draws_are_independent(other):
    one = prepare(INPUTS, BOUNDS, 7).draw(20_000)
    two = prepare(INPUTS, BOUNDS, other.get("seed", 7)).draw(20_000, other.get("stream", ""))
    for name in ("connections", "rate", "utilization"):
        assert abs(rank_correlation(one[name], two[name])[0, 1]) < 0.03


def test_inputs_are_independent():
    values = prepare(INPUTS, BOUNDS, 7).draw(20_000)
    assert abs(rank_correlation(values["connections"], values["rate"])[0, 1]) < 0.03


def test_every_part_of_the_probability_is_drawn_once():
    stated = Range(0, None, 10)
    values = np.sort(prepare({"x": stated}, {}, 3).draw(1_000)["x"])
    edges = prepare({"x": stated}).quantiles("x", np.arange(1, 1_000) / 1_000)
    assert np.all(values[:-1] <= edges)
    assert np.all(edges <= values[1:])


def test_scatter_is_drawn_as_often_as_it_was_measured():
    values, counts = np.unique(prepare(INPUTS, BOUNDS, 7).draw(1_000)["cost"], return_counts=True)
    assert values.tolist() == [3e-5, 4e-5, 5e-5, 6e-5]
    assert counts.tolist() == [250] * 4


def test_what_was_estimated_together_is_drawn_together():
    idle = tuple(float(i) for i in (5, 1, 4, 2, 3))
    fitted = {
        "idle": Replicates(idle, "run"),
        "delivery": Replicates(tuple(10 - i for i in idle), "run"),
        "alone": Replicates(idle),
    }
    values = prepare(fitted, {}, 7).draw(1_000)
    assert np.all(values["idle"] + values["delivery"] == 10)
    assert not np.all(values["idle"] == values["alone"])
    uncertain = prepare(fitted)
    assert [factor.names for factor in uncertain.factors] == [("alone",), ("idle", "delivery")]
    assert uncertain.quantiles("idle", [2**-53, 0.5, 1 - 2**-53]).tolist() == [1, 3, 5]


def test_another_estimate_of_a_group_does_not_move_the_others():
    fitted = {name: Replicates(tuple(map(float, range(50))), "run") for name in ("idle", "delivery", "byte")}
    values = prepare(fitted, {}, 7).draw(500)
    fitted.pop("byte")
    assert np.array_equal(prepare(fitted, {}, 7).draw(500)["idle"], values["idle"])


def test_medians():
    assert prepare(INPUTS, BOUNDS).medians() == {
        "capacity": 100e6,
        "connections": pytest.approx(1.153e6, rel=1e-3),
        "rate": pytest.approx(0.2),
        "utilization": pytest.approx(2 / 3),
        "cost": 4e-5,
    }


def test_a_range_beyond_its_bounds_is_refused_by_name():
    with pytest.raises(InputError, match=r"rate is -1\.\.2; expected it within 0\.\.inf"):
        prepare({"rate": Range(-1, None, 2)}, BOUNDS)


def test_samples_of_a_group_are_equally_many():
    with pytest.raises(ValueError, match="not equally many"):
        prepare({"a": Replicates((1.0,), "run"), "b": Replicates((1.0, 2.0), "run")})
