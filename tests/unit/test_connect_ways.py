"""What a connect costs in a plan by a profile: as the plan's clients open, not as the calibration's did."""

from random import Random
from statistics import median
from typing import Any

import msgspec
import pytest

from siotool.calibration.design import designed
from siotool.cli.counts import Counting, Intent
from siotool.cli.learnt import learnt_from
from siotool.cli.plan_evidence import learn
from siotool.document.contract import to_json
from siotool.plan.evidence.calibrate import calibrate
from siotool.plan.evidence.calibrated import CalibratedProfile, WayFigures
from siotool.plan.evidence.calibrated_inputs import inputs_of_profile
from siotool.plan.evidence.connect_ways import connect_cost, planned_ways
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Replicates
from siotool.report.join import summarize
from siotool.report.planned import Planned
from tests.unit.synthetic_server import made_run

PHASES = designed(100, 2, Random(1).shuffle).phases
TYPED = Provenance("typed", "chat.toml")
OWN = 0.4e-3


@pytest.fixture(scope="module")
def profile() -> CalibratedProfile:
    """Calibrated by WebSocket, at 0.4 ms a connect; by upgrade it took 1.2 ms, by long polling 0.8 ms."""
    found = calibrate(made_run(PHASES), PHASES, 1)
    curve = msgspec.structs.replace(found.curve, costs=found.curve.costs | {"connect": OWN})
    ways = [WayFigures("upgrade", 1.2e-3, False), WayFigures("polling", 0.8e-3, False)]
    return msgspec.structs.replace(found, transport="websocket", curve=curve, other_ways=ways)


def planned(**figures: float | bool) -> Inputs:
    return Inputs({f"transport.{key}": Figure(value, TYPED) for key, value in figures.items()})


def values(inputs: Inputs) -> tuple[float, ...]:
    value = inputs.figures["server.connect_cost"].value
    assert isinstance(value, Replicates)
    return value.values


@pytest.mark.parametrize(
    ("figures", "ways"),
    [
        pytest.param({}, {"upgrade": 1.0}, id="the default client"),
        pytest.param({"upgrade": False}, {"websocket": 1.0}, id="no upgrade"),
        pytest.param({"polling": 0.25}, {"upgrade": 0.75, "polling": 0.25}, id="some stay on polling"),
        pytest.param({"polling": 1.0}, {"polling": 1.0}, id="all do"),
    ],
)
def test_clients_open_as_planned(figures: dict[str, float], ways: dict[str, float]) -> None:
    assert planned_ways(planned(**figures)) == ways


@pytest.mark.parametrize(
    ("ways", "cost", "words"),
    [
        pytest.param({"websocket": 1.0}, OWN, "", id="as the calibration did"),
        pytest.param({"upgrade": 1.0}, 1.2e-3, "connects are those by upgrade", id="another way"),
        pytest.param(
            {"upgrade": 0.75, "polling": 0.25},
            1.1e-3,
            "connects are those by upgrade (75 %) and polling (25 %)",
            id="a mean",
        ),
    ],
)
def test_a_connect_costs_the_mean_over_its_ways(profile, ways, cost, words):
    found = connect_cost(profile, ways)
    assert (found.mean_s, found.own_s, found.words) == (pytest.approx(cost), OWN, words)


def test_ways_that_were_not_measured_are_left_out_and_said(profile: CalibratedProfile) -> None:
    (_, polling) = profile.other_ways
    some = msgspec.structs.replace(profile, other_ways=[WayFigures("upgrade", 0.0, True), polling])
    found = connect_cost(some, {"upgrade": 0.75, "polling": 0.25})
    assert found.mean_s == pytest.approx(0.8e-3)
    assert found.words == "connects are those by polling; by upgrade they were not measured"
    none = connect_cost(msgspec.structs.replace(profile, other_ways=[]), {"upgrade": 1.0})
    assert (none.mean_s, none.words) == (OWN, "connects are those by websocket")


def test_its_interval_is_as_wide_as_that_of_the_own_cost(profile: CalibratedProfile) -> None:
    own = inputs_of_profile(profile, 64, 1)
    other = inputs_of_profile(profile, 64, 1, ways={"upgrade": 1.0})
    assert [one / each for one, each in zip(values(other), values(own), strict=True)] == pytest.approx(
        [3.0] * len(values(own))
    )
    assert own.figures["server.connect_cost"].provenance.detail == f"run {profile.run}"
    said = other.figures["server.connect_cost"].provenance
    assert (said.kind, said.detail) == ("measured", f"run {profile.run}: connects are those by upgrade")


def test_without_an_own_cost_another_is_drawn_as_starts_differ(profile: CalibratedProfile) -> None:
    curve = msgspec.structs.replace(profile.curve, costs=profile.curve.costs | {"connect": 0.0})
    free = msgspec.structs.replace(profile, curve=curve)
    drawn = values(inputs_of_profile(free, 64, 1, ways={"upgrade": 1.0}))
    assert median(drawn) == pytest.approx(1.2e-3, rel=0.05)
    assert len(set(drawn)) > 1
    kept = values(inputs_of_profile(free, 64, 1, ways={"websocket": 1.0}))
    assert kept == values(inputs_of_profile(profile, 64, 1)), "nothing else is known"


def test_a_plan_by_a_profile_charges_its_own_transport(profile: CalibratedProfile, tmp_path: Any) -> None:
    """The default client upgrades: a calibration by WebSocket made its connects three times too cheap."""
    path = tmp_path / "profile.json"
    path.write_text(to_json(profile, 10))

    def of(typed: Inputs) -> float:
        found = learn([str(path)], planned=typed, accept_suspect=True, seed=1)
        return median(values(found.inputs))

    assert of(Inputs()) == pytest.approx(3 * of(planned(upgrade=False)))
    assert of(planned(polling=1.0)) == pytest.approx(2 * of(planned(upgrade=False)))


def test_a_report_by_a_profile_charges_the_planned_transport(
    profile: CalibratedProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(PHASES)
    known = []

    def remembered(*args: Any, **named: Any) -> Any:
        known.append(learnt_from(*args, **named))
        return known[-1]

    monkeypatch.setattr("siotool.cli.counts.learnt_from", remembered)
    for typed in (Inputs(), planned(upgrade=False)):
        summarize([run], Planned(), counts=Counting([run], Intent(typed, profile=profile)))
    upgrade, websocket = (median(values(one.seen)) for one in known)
    assert upgrade == pytest.approx(3 * websocket)
