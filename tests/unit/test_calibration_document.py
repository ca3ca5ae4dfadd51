"""A calibration as its readers see it, and as a plan takes it, also where something is not known."""

from random import Random

import msgspec
import pytest

from siotool.calibration.design import designed
from siotool.document import markdown
from siotool.document.document import Document, Table
from siotool.plan.documents.calibration_document import document
from siotool.plan.evidence.calibrate import calibrate
from siotool.plan.evidence.calibrated import CalibratedProfile, MemoryFigures, WayFigures
from siotool.plan.evidence.calibrated_inputs import inputs_of_profile
from siotool.plan.evidence.curve import CurveShape
from siotool.plan.evidence.full_server import FullWork
from siotool.plan.evidence.holds import whole_hold
from siotool.plan.evidence.wishes import with_wishes
from siotool.plan.inputs.ranges import Replicates
from tests.unit.synthetic_server import made_run

PHASES = designed(100, 2, Random(1).shuffle).phases


@pytest.fixture(scope="module")
def profile() -> CalibratedProfile:
    return calibrate(made_run(PHASES), PHASES, 1)


def shown(profile: CalibratedProfile) -> str:
    found: Document = document(profile)
    return markdown.render(found)


def table(profile: CalibratedProfile, key: str) -> Table:
    (section,) = [one for one in document(profile).sections if one.key == key]
    return next(one for one in section.blocks if isinstance(one, Table))


def test_each_cost_has_its_interval_or_why_it_has_none(profile: CalibratedProfile) -> None:
    rows = {row.cells[0]: row.cells for row in table(profile, "costs").rows}
    for cost in profile.costs:
        cells = rows[cost.name.replace("_", " ")]
        assert (cells[1] != "–") is cost.separable
        assert cells[3] == (cost.words if cost.separable else cost.sentence)
    assert "memory" in rows


def test_phases_that_mislead_or_were_not_used_are_marked(profile: CalibratedProfile) -> None:
    (first, *rest) = profile.phases
    phases = [msgspec.structs.replace(first, light=True, used=False), *rest]
    rows = table(msgspec.structs.replace(profile, phases=phases), "phases").rows
    assert rows[0].cells[-1] == "light, not used"
    climbs = [row for row in rows if row.cells[0].startswith("climb: ")]
    assert climbs
    assert not any("not used" in row.cells[-1] for row in climbs), "they show what a full server does"


def test_what_is_not_known_is_not_shown(profile: CalibratedProfile) -> None:
    poor = msgspec.structs.replace(
        profile, memory=None, other_ways=[WayFigures("polling", 0.002, False)], phases=[]
    )
    said = shown(poor)
    assert "memory of a connection" not in said
    assert "connect, polling" in said


def test_intervals_that_were_not_reached_are_the_headline(profile: CalibratedProfile) -> None:
    reached = with_wishes(profile, [("delivery", 5.0), ("memory", 5.0)], 2, 60.0)
    assert all(one.reached for one in reached.wanted)
    assert "Calibrated: " in shown(reached)
    missed = with_wishes(profile, [("delivery", 1e-6), ("ack", 0.0001), ("dust", 0.1)], 2, 60.0)
    assert not any(one.reached for one in missed.wanted)
    assert "Calibrated, but delivery and ack and dust not as well as wanted" in document(missed).headline
    assert "so many rounds that it cannot be reached" in missed.wanted[0].sentence
    assert "no phase had any, and more rounds would not change that" in missed.wanted[2].sentence
    assert document(missed).tone == "bad"


@pytest.mark.parametrize(
    ("memory", "cost", "why"),
    [
        pytest.param("none", {}, "memory did not rise", id="no memory was seen"),
        pytest.param("flat", {}, "memory did not rise", id="a connection added none"),
    ],
)
def test_memory_that_did_not_rise_is_reached_by_no_rounds(profile, memory, cost, why):
    flat = MemoryFigures(
        base_bytes=1.0,
        per_connection_bytes=0.0,
        per_connection_low=0.0,
        per_connection_high=0.0,
        growth_bytes=0.0,
        left_behind_bytes=0.0,
        left_behind_most=1e9,
        growth_s=1.0,
        spread_bytes=0.0,
    )
    changed = msgspec.structs.replace(profile, memory=None if memory == "none" else flat)
    (wanted,) = with_wishes(changed, [("memory", 0.1)], 2, 60.0).wanted
    assert why in wanted.sentence
    assert "server.memory_per_connection" not in inputs_of_profile(changed, 64, 1)


def test_a_cost_of_nothing_or_inside_another_is_reached_by_no_rounds(profile: CalibratedProfile) -> None:
    (first, second, *rest) = profile.costs
    costs = [
        msgspec.structs.replace(first, value=0.0),
        msgspec.structs.replace(second, separable=False, sentence="it is inside another"),
        *rest,
    ]
    changed = msgspec.structs.replace(profile, costs=costs)
    nothing, inside = with_wishes(changed, [(first.name, 0.1), (second.name, 0.1)], 2, 60.0).wanted
    assert "it cannot be told from 0" in nothing.sentence
    assert "it is inside another" in inside.sentence


@pytest.mark.parametrize(
    ("kept", "has", "lacks"),
    [
        pytest.param(("delivery",), "server.delivery_cost", "server.inbound_cost", id="deliveries alone"),
        pytest.param(("inbound",), "server.inbound_cost", "server.delivery_cost", id="messages alone"),
        pytest.param(("base",), "server.base_cost", "server.capacity", id="nothing that fills a server"),
    ],
)
def test_a_plan_takes_the_costs_that_there_are(profile, kept, has, lacks):
    rows = dict(zip(profile.names, profile.replicates, strict=True))
    row = next(iter(rows.values()))
    some = msgspec.structs.replace(
        profile,
        names=kept,
        replicates=[[1e-5 for _ in row] for _ in kept],
        costs=[],
        server_memory_bytes=None,
    )
    figures = inputs_of_profile(some, 64, 1).figures
    assert has in figures
    assert lacks not in figures
    assert "server.memory" not in figures


def test_what_is_received_costs_its_own_bytes(profile: CalibratedProfile) -> None:
    """A server that is sent 1 kB and delivers 64 B was charged for 64 received bytes."""
    count = len(profile.replicates[0])
    some = msgspec.structs.replace(
        profile, names=("inbound", "byte_in"), replicates=[[10e-6] * count, [5e-9] * count], costs=[]
    )
    alike, apart = (
        inputs_of_profile(some, 64, 1, received=received).figures["server.inbound_cost"].value
        for received in (None, 1000)
    )
    # 10 µs and 64 × 5 ns, and 1,000 × 5 ns: each as the same start makes it
    assert isinstance(alike, Replicates)
    assert isinstance(apart, Replicates)
    factors = [one / other for one, other in zip(apart.values, alike.values, strict=True)]
    assert factors == pytest.approx([15e-6 / 10.32e-6] * count)


def test_a_cost_that_cannot_be_parted_is_nothing_by_itself(profile: CalibratedProfile) -> None:
    costs = [
        msgspec.structs.replace(one, separable=False, sentence="in step") if one.name == "idle" else one
        for one in profile.costs
    ]
    names = tuple(name for name in profile.names if name != "idle")
    rows = [row for name, row in zip(profile.names, profile.replicates, strict=True) if name != "idle"]
    without = msgspec.structs.replace(profile, costs=costs, names=names, replicates=rows)
    figure = inputs_of_profile(without, 64, 1).figures["server.idle_cost"]
    assert (figure.value, figure.provenance.detail) == (0.0, "in step")


def test_the_hold_of_any_run_is_seen_where_the_server_was_sampled(make_run) -> None:
    held = whole_hold(make_run(), None)
    assert held is not None
    assert held.cores == pytest.approx(0.4, rel=0.05)
    assert whole_hold(make_run(server=None), None) is None


def test_how_the_curve_bends_and_at_which_pace_is_said_where_it_is_known(profile: CalibratedProfile) -> None:
    said = shown(profile)
    assert "At the pace of these costs a text of JSON took 10 µs beside the server, and a step" in said
    assert "at little work" not in said.lower()
    bent = msgspec.structs.replace(profile.curve, shape=CurveShape(1000.0, 0.08, 0.05))
    said = shown(msgspec.structs.replace(profile, curve=bent, usual_pace=None))
    assert "At little work the server takes up to 0.08 cores more than its parts cost" in said
    assert "At the pace" not in said


def test_a_suspect_calibration_says_so_first(profile: CalibratedProfile) -> None:
    doubted = msgspec.structs.replace(profile, valid="suspect", doubts=["a worker had no CPU left (at 9 s)"])
    assert "not to be trusted" in document(doubted).headline
    assert document(doubted).tone == "bad"
    assert "a worker had no CPU left (at 9 s)" in shown(doubted)


def test_the_machine_is_said_with_the_model_of_its_cpu_where_it_is_known(profile: CalibratedProfile) -> None:
    assert "on Linux, 2 CPUs, 8.59 GB; siotool" in shown(profile)
    run = made_run(PHASES)
    (machine,) = run.header.generators
    machine = msgspec.structs.replace(machine, cpu="AMD EPYC 7763")
    run.header = msgspec.structs.replace(run.header, generators=[machine])
    assert "on Linux, AMD EPYC 7763, 2 CPUs, 8.59 GB; siotool" in shown(calibrate(run, PHASES, 1))


def test_what_a_full_server_does_is_said_or_that_it_is_not_known(profile: CalibratedProfile) -> None:
    unknown = "is not known: the server kept up with all"
    assert f"Whether a full server does more or less {unknown}" in shown(profile)
    deliveries = FullWork(kind="all", value=1.6, low=1.5, high=1.7)
    calls = FullWork(kind="call", value=0.9, low=0.8, high=1.0)
    text = shown(msgspec.structs.replace(profile, full=[deliveries]))
    assert "A full server does 1.60 times (1.50 to 1.70) what the costs of messages to all say" in text
    assert f"The same is taken for calls, of which it {unknown}" in text
    assert "kept up with all" not in shown(msgspec.structs.replace(profile, full=[calls, deliveries]))
    rounds = [one for one in profile.phases if not one.words.startswith("climb")]
    assert "kept up with all" not in shown(msgspec.structs.replace(profile, phases=rounds)), (
        "it did not climb"
    )
