"""Least squares without negative answers, against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from siotool.plan.evidence.nonnegative import nonnegative_least_squares


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 30), columns=st.integers(1, 9))
def test_the_answer_is_as_near_as_that_of_scipy(seed: int, rows: int, columns: int) -> None:
    chance = np.random.default_rng(seed)
    table = chance.normal(size=(rows, columns))
    if chance.random() < 0.5:
        table = np.abs(table)
    if chance.random() < 0.3:
        table[:, -1] = table[:, 0]  # of two that are alike any share of each is right
    if chance.random() < 0.3:
        table[:, 0] = 0.0
    values = table @ np.maximum(0.0, chance.normal(size=columns)) + chance.normal(0.0, 1.0, rows)
    found = nonnegative_least_squares(table, values)
    _, error = nnls(table, values)
    assert found.min() >= 0
    assert np.linalg.norm(table @ found - values) == pytest.approx(error, rel=1e-7, abs=1e-9)


def test_costs_that_fit_are_found() -> None:
    table = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0], [3.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    costs = np.array([2.0, 0.0, 0.5])
    assert nonnegative_least_squares(table, table @ costs) == pytest.approx(costs)


@pytest.mark.parametrize(
    "values", [pytest.param([0.0, 0.0], id="nothing"), pytest.param([-1.0, -2.0], id="less than nothing")]
)
def test_what_costs_cannot_explain_costs_nothing(values: list[float]) -> None:
    assert (nonnegative_least_squares(np.eye(2), np.array(values)) == 0).all()
