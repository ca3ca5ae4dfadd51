"""Users that arrive: when, how many, and how many places each worker has."""

from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from siotool.cli import load_options, users_options
from siotool.errors import InputError
from siotool.workload import Arrivals


def moments(arrivals, seed=1):
    return list(arrivals.moments(Random(f"{seed}/arrivals").expovariate))


@pytest.mark.parametrize(
    ("rate", "duration", "count"),
    [
        pytest.param(5.0, 20.0, 100, id="five a second for twenty seconds"),
        pytest.param(0.1, 30.0, 3, id="one every ten seconds"),
        pytest.param(0.05, 30.0, 1, id="one and a half are one"),
        pytest.param(1 / 3, 3.0, 1, id="one"),
        pytest.param(1000.0, 1.0, 1000, id="a thousand in a second"),
    ],
)
def test_constant_arrivals_are_as_many_as_asked_for_and_even(rate, duration, count):
    found = moments(Arrivals(rate, duration))
    assert len(found) == count
    assert found[0] == pytest.approx(0.5 / rate)
    assert np.diff(found) == pytest.approx(np.full(count - 1, 1 / rate))


def test_poisson_arrivals_have_exponential_gaps_and_the_rate_for_their_mean():
    found = moments(Arrivals(50.0, 100.0, process="poisson"))
    assert len(found) == pytest.approx(5000, abs=4 * 5000**0.5)
    assert stats.kstest(np.diff([0.0, *found]), "expon", args=(0, 1 / 50)).pvalue > 1e-3
    counts = [len(moments(Arrivals(2.0, 10.0, process="poisson"), seed)) for seed in range(2000)]
    assert np.var(counts) / np.mean(counts) == pytest.approx(1, abs=4 * (2 / 2000) ** 0.5)


def test_poisson_arrivals_depend_on_the_seed_alone():
    asked = Arrivals(5.0, 20.0, process="poisson")
    assert moments(asked) == moments(asked)
    assert moments(asked) != moments(asked, seed=2)


@given(st.integers(1, 500), st.integers(1, 32), st.integers(0, 500))
def test_the_places_of_all_workers_are_those_that_residents_leave(most, workers, residents):
    places = [Arrivals(1.0, 1.0, most).places(worker, workers, residents) for worker in range(workers)]
    assert sum(places) == max(0, most - residents)
    assert max(places) - min(places) <= 1


def test_without_a_limit_there_is_always_a_place():
    assert Arrivals(1.0, 1.0).places(0, 4, residents=3) == float("inf")


def scenario(*fixed_counts):
    classes = [SimpleNamespace(fixed_count=count) for count in fixed_counts]
    return SimpleNamespace(name="party", shape=None, user_classes=classes)


def test_users_of_a_fixed_count_are_there_from_the_start_and_the_others_arrive():
    program, _, _ = load_options.program(scenario(1, 0), [], None, {}, Arrivals(5.0, 20.0, most=2))
    wanted = program.tick(0.0, [])
    assert (wanted.users, wanted.until_s, wanted.arrivals) == (1, 20.0, Arrivals(5.0, 20.0, most=2))
    assert program.tick(20.0, []) is None


@pytest.mark.parametrize(
    ("fixed_counts", "most", "said"),
    [
        pytest.param((1, 2), 0, "no user would arrive", id="all have a fixed count"),
        pytest.param((3, 0), 3, "3 users with a fixed_count leave no place for others", id="no place left"),
    ],
)
def test_a_scenario_of_which_nobody_could_arrive_is_refused(fixed_counts, most, said):
    with pytest.raises(InputError, match=said):
        load_options.program(scenario(*fixed_counts), [], None, {}, Arrivals(5.0, 20.0, most))


def test_as_many_rows_are_needed_as_users_arrive_and_residents_are_there():
    loaded = scenario(2, 0)
    assert users_options.starting([], Arrivals(5.0, 20.0), 1, loaded.user_classes) == 102
    asked = Arrivals(5.0, 20.0, process="poisson")
    assert users_options.starting([], asked, 3) == len(moments(asked, seed=3))


def test_arrivals_beside_a_load_shape_are_refused_also_where_it_uses_common_options():
    loaded = scenario(0)
    loaded.shape = SimpleNamespace(use_common_options=True)
    with pytest.raises(InputError, match="--arrival-rate both decide"):
        load_options.program(loaded, [], None, {"--arrival-rate": "5/s"}, Arrivals(5.0, 20.0))
