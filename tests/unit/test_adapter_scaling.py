"""The scalability law of a measured adapter: what its costs say of the same fleets, and a plan of both."""

import math
from types import SimpleNamespace

import msgspec
import pytest

from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evidence.adapter_profile import ScalingFigures
from siotool.plan.evidence.adapter_scaling import disagreement, law_times, scaling_beside
from siotool.plan.model import Scaling
from tests.unit.fleets_of_adapters import fleet_of
from tests.unit.test_adapter_costs import NODES, measured


class PlannedWorld(dict):
    """Figures by key, and what the plan asks of its fleet."""

    def __init__(self, figures, demand):
        super().__init__(figures)
        self.demand = demand


def test_the_scalability_law_of_fleets_that_hear_everything_has_contention():
    scaling = measured("redis").scaling
    assert scaling is not None
    assert scaling.alpha > 0.02
    assert measured("none").scaling is None, "without an adapter larger fleets do other work"


def test_contention_is_what_receiving_costs():
    """n (s + r) / (s + n r) is the law with α = r / (s + r): a plan with both would charge it twice."""
    phases = [one for one in fleet_of(ADAPTERS["redis"], (1, 2)) if one.kind != "idle"]
    alone, two = (sum(one.cores for one in phases if one.servers == servers) for servers in (1, 2))
    alpha = (two - alone) / alone  # s + 2 r over s + r, less one
    scaling = measured("redis").scaling
    assert scaling.alpha == pytest.approx(alpha, rel=0.1)
    assert scaling.beta < 0.005
    by_alpha = [n / (1 + alpha * (n - 1)) for n in NODES]
    assert scaling.costs_times == pytest.approx(by_alpha, rel=0.03)
    assert [law_times(scaling, n) for n in NODES] == pytest.approx(scaling.costs_times, rel=0.05)


def test_what_is_compared_is_what_was_measured_and_what_is_certain():
    profile = measured("redis")
    known = profile.scaling
    unsure = msgspec.structs.replace(known, alpha_low=0.0, beta_low=0.0)

    def beside(needed, scaling=known, streams=("chat",)):
        world = PlannedWorld({"server.processes": 2.0}, demand=SimpleNamespace(streams=streams))
        evaluation = SimpleNamespace(needed=needed, world=world)
        return scaling_beside(msgspec.structs.replace(profile, scaling=scaling), evaluation)

    two = beside(1.0)
    assert (two.processes, two.costs_times) == (2, known.costs_times[1])
    for many in (10.0, math.inf):
        assert beside(many).processes == 4
        assert "More than 4 servers were not measured" in beside(many).sentence
    old = msgspec.convert(
        {
            key: one
            for key, one in msgspec.to_builtins(known).items()
            if key not in ("trusted_nodes", "costs_times")
        },
        ScalingFigures,
    )
    for nothing, words in (
        (beside(0.0), "no second process"),
        (beside(2.0, unsure), "may be neither"),
        (beside(2.0, streams=()), "no messages that the adapter carries"),
        (beside(2.0, old), "older than the check"),
    ):
        assert (nothing.processes, nothing.law_times, nothing.costs_times) == (None, None, None)
        assert words in nothing.sentence
        assert disagreement(profile, nothing) == []
    assert beside(2.0, None) is None


@pytest.mark.parametrize(
    ("by_law", "words"),
    [(1.71, ""), (2.29, ""), (1.6, "20 % less"), (2.4, "20 % more")],
)
def test_law_and_costs_differ_by_more_than_15_percent(by_law, words):
    scaling = Scaling(0.1, 0.0, 1.0, 4.0, "", processes=3, law_times=by_law, costs_times=2.0)
    said = " ".join(disagreement(measured("redis"), scaling))
    assert words in said
    assert bool(said) == bool(words)
    assert ("too few" in said, "too many" in said) == (words == "20 % less", words == "20 % more")


@pytest.mark.parametrize(
    ("adapter", "options"),
    [("redis", "--adapter redis"), ("python-redis", "--runtime python --adapter redis")],
)
def test_what_to_measure_is_a_command_that_is_taken(adapter, options):
    """Trap: --adapter python-redis, which there is none of, was printed and refused."""
    scaling = Scaling(0.1, 0.0, 1.0, 4.0, "", processes=3, law_times=1.6, costs_times=2.0)
    (said,) = disagreement(measured(adapter), scaling)
    assert said.endswith(f"siotool lab measure {options} --check N")
