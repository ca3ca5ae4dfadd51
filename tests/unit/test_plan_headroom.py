import math

import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.inputs.places import LINUX_PORTS, kube_proxy_conntrack, ports_between
from siotool.plan.published.headroom import headroom


@pytest.mark.parametrize(
    ("demand", "capacity", "factor", "binding"),
    [
        pytest.param({"cpu": 2.0, "memory": 1.0}, {"cpu": 4.0, "memory": 8.0}, 2.0, "cpu", id="the tightest"),
        pytest.param({"cpu": 2.0}, {"cpu": 1.0, "memory": 1.0}, 0.5, "cpu", id="too much is less than once"),
        pytest.param({"cpu": 0.0}, {"cpu": 1.0}, math.inf, "", id="nothing asked"),
        pytest.param({"cpu": 0.0}, {"cpu": 0.0}, math.inf, "", id="nothing asked of nothing"),
        pytest.param({"cpu": 1.0}, {"cpu": 0.0}, 0.0, "cpu", id="something asked of nothing"),
        pytest.param({}, {"cpu": 1.0}, math.inf, "", id="no demand at all"),
    ],
)
def test_room(demand, capacity, factor, binding):
    room = headroom(demand, capacity)
    assert room.factor == factor
    assert room.binding() == binding


def test_more_of_what_does_not_bind_helps_nothing():
    demand = {"cpu": 2.0, "memory": 1.0}
    less, more = headroom(demand, {"cpu": 4.0, "memory": 8.0}), headroom(demand, {"cpu": 4.0, "memory": 80.0})
    assert less.factor == more.factor


def test_draws_bind_each_by_their_own():
    room = headroom({"cpu": np.array([1.0, 4.0]), "memory": 1.0}, {"cpu": 4.0, "memory": 2.0})
    assert room.factor.tolist() == [2.0, 1.0]
    assert room.binds("cpu").tolist() == [0.0, 1.0]
    assert room.binds("memory").tolist() == [1.0, 0.0]


def test_a_resource_of_unknown_size_is_refused():
    with pytest.raises(InputError, match="how much disk there is"):
        headroom({"disk": 1.0}, {"cpu": 1.0})


def test_places():
    assert ports_between(*LINUX_PORTS) == 28_232
    assert ports_between(7.0, 5.0) == 0
    assert kube_proxy_conntrack(np.array([2.0, 8.0, 100.0])).tolist() == [131_072, 262_144, 1_048_576]
