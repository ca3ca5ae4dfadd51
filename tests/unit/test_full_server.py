"""What a full server does of what its costs say: from a climb to the factor, to a capacity and a plan."""

from random import Random

import msgspec
import pytest

from siotool.calibration.design import designed
from siotool.calibration.phase import Phase
from siotool.cli.profile_evidence import capacity_by_profile
from siotool.histogram import Histogram
from siotool.plan.evidence.calibrate import calibrate
from siotool.plan.evidence.calibrated_inputs import inputs_of_profile
from siotool.plan.evidence.curve import CostCurve, CurveShape
from siotool.plan.evidence.full_server import FullWork, full_times, full_work
from siotool.plan.evidence.held_out import cores_of
from siotool.plan.evidence.holds import HeldPhase, whole_hold
from siotool.plan.inputs.middles import middle
from siotool.runfile import Interval, Operation, UserClass
from siotool.runs.keeping_up import late_share
from tests.unit.synthetic_server import made_run

CURVE = CostCurve({"delivery": 100e-6, "inbound": 50e-6, "ack": 50e-6}, CurveShape(300.0))
CALL = FullWork(kind="call", value=2.0, low=1.8, high=2.2)
ALL = FullWork(kind="all", value=1.0, low=0.9, high=1.2)


def step(
    kind: str,
    per_s: float,
    late: float,
    *,
    growth: float = 1.2,
    pace: float = 1.0,
    cores: float = 0.98,
    loop: float = float("nan"),
) -> HeldPhase:
    """A second at so many calls, or deliveries, per second."""
    load = {"deliveries_per_s": per_s} if kind == "all" else {"inbound_per_s": per_s, "acks_per_s": per_s}
    return HeldPhase(
        number=0, phase=Phase(kind, 100, 4.0, growth=growth), seconds=3.0, load=load, cores=cores,
        spent_s=1.0, connections_most=100.0, opened_besides=0.0, rss_bytes=1e6, pace=pace, loop=loop,
        withheld=0.0, late=late,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("climbs", "others", "found"),
    [
        pytest.param(
            [step("all", 12e3, 0.0), step("all", 16e3, 0.5)], [], [("all", 1.2, 1.6)],
            id="between the last with which it kept up and the first with which it did not",
        ),
        pytest.param(
            [step("all", 12e3, 0.0), step("all", 16e3, 0.5), step("all", 14e3, 0.0)], [], [("all", 1.4, 1.6)],
            id="the step between both narrows it",
        ),
        pytest.param(
            [step("all", 9e3, 0.3)], [step("all", 8e3, 0.0, growth=0.0), step("call", 9e3, 0.0, growth=0.0)],
            [("all", 0.8, 0.9)], id="it kept up with no step: the heaviest phase of a round is below",
        ),
        pytest.param(
            [step("all", 9e3, 0.3)],
            [step("all", 8e3, 0.0, growth=0.0), step("all", 8.5e3, 0.02, growth=0.0)],
            [("all", 0.8, 0.9)], id="a phase of a round that was late is none that it kept up with",
        ),
        pytest.param(
            [step("all", 12e3, 0.0), step("all", 16e3, 0.01)], [], [], id="it kept up with all",
        ),
        pytest.param(
            [step("call", 12e3, 0.0), step("call", 11e3, 0.5)], [], [("call", 1.1, 1.2)],
            id="noise: it kept up with more than it did not keep up with",
        ),
        pytest.param(
            [step("call", 12e3, 0.0, pace=0.5), step("call", 11e3, 1.0)], [], [("call", 0.6, 1.1)],
            id="on a fast machine the same work is less",
        ),
        pytest.param(
            [step("all", 12e3, 0.0), step("all", 16e3, 0.5, cores=0.8)], [], [],
            id="it was late, and not full: others had its CPU",
        ),
        pytest.param(
            [step("all", 12e3, 0.0), step("all", 16e3, 0.5, cores=0.8, loop=0.99)], [], [("all", 1.2, 1.6)],
            id="its loop was full, though its CPU was not",
        ),
        pytest.param([], [step("all", 8e3, 0.0)], [], id="no climb"),
    ],
)  # fmt: skip
def test_what_climbs_show(
    climbs: list[HeldPhase], others: list[HeldPhase], found: list[tuple[str, float, float]]
) -> None:
    known = full_work(climbs, others, CURVE, 1.0)
    assert [(one.kind, one.low, one.high) for one in known] == [
        (kind, pytest.approx(low), pytest.approx(high)) for kind, low, high in found
    ]
    assert all(one.value == pytest.approx((one.low * one.high) ** 0.5) for one in known)


@pytest.mark.parametrize(
    ("known", "load", "value"),
    [
        pytest.param([], {"inbound_per_s": 1.0}, None, id="nothing is known"),
        pytest.param([CALL, ALL], {"inbound_per_s": 9.0}, 2.0, id="calls alone"),
        pytest.param([CALL, ALL], {"deliveries_per_s": 9.0}, 1.0, id="deliveries alone"),
        pytest.param(
            [CALL, ALL], {"inbound_per_s": 2.0, "deliveries_per_s": 1.0}, 4 / 3, id="as much work of both"
        ),
        pytest.param([CALL], {"deliveries_per_s": 9.0}, 2.0, id="of the other kind alone"),
        pytest.param([CALL, ALL], {"connections": 9.0}, 2.0, id="no such work: as the first"),
    ],
)
def test_a_load_is_of_its_kinds_by_their_work(
    known: list[FullWork], load: dict[str, float], value: float | None
) -> None:
    found = full_times(known, CURVE, load)
    assert (found and found.value) == (value and pytest.approx(value))


@pytest.mark.parametrize(
    ("operations", "issued", "share"),
    [
        pytest.param([("deliver", [0.1] * 98 + [0.4] * 2, {})], 9, 0.02, id="two of a hundred came late"),
        pytest.param([("ack", [0.1] * 3, {"timeout": 1})], 9, 0.25, id="one did not come"),
        pytest.param([("connect", [9.0], {})], 9, 1.0, id="connects are no answers"),
        pytest.param([], 9, 1.0, id="nothing came"),
        pytest.param([], 0, 0.0, id="nothing was sent"),
    ],
)
def test_what_is_late(
    operations: list[tuple[str, list[float], dict[str, int]]], issued: int, share: float
) -> None:
    made = []
    for op, times, errors in operations:
        heard = Histogram()
        heard.record(times)
        made.append(Operation(op, "say", len(times), errors, response=heard.sparse()))
    (interval,) = made_run([Phase("idle", 1, 1.0)]).intervals
    users = [UserClass("Calibration", issued=issued)]
    changed: Interval = msgspec.structs.replace(interval, operations=made, user_classes=users)
    assert late_share([changed]) == pytest.approx(share)


def calibration(times: float | None) -> tuple[list[Phase], list[Interval]]:
    """A calibration of a server that does ``times`` what its costs say once it is full; None: no climb."""
    found = designed(100, 3, Random(1).shuffle)
    phases = list(found.phases[: found.climbs[0]])
    # of the made server a message to all of 100 takes 1.1 ms, beside 0.4 of a core for its turns
    for share in (0.9, 1.02) if times else ():
        phases.append(Phase("all", 100, 4.0, 1.0, rate=share * times * 9.2, growth=1.2))
    intervals = made_run(phases).intervals
    if times:
        for number in range(len(intervals) - 4, len(intervals)):
            one = intervals[number]
            _, delivered = one.operations
            late = Histogram()
            late.record([0.5] * delivered.count)
            late_ones = msgspec.structs.replace(delivered, response=late.sparse())
            intervals[number] = msgspec.structs.replace(one, operations=[late_ones])
    return phases, intervals


@pytest.mark.parametrize("times", [1.6, 0.8])
def test_a_full_server_that_gathers_its_work_has_another_capacity(times: float) -> None:
    """uvicorn delivered 1.6 times what its costs said, and its capacity by a profile was 37 % too low."""
    phases, intervals = calibration(times)
    run = made_run(phases)
    run.intervals[:] = intervals
    known = calibrate(run, phases, 1)
    (full,) = known.full
    assert full.kind == "all"
    plain = msgspec.structs.replace(known, full=[])
    load = made_run([Phase("all", 100, 20.0, 1.0, rate=2.0)])
    with_it, without = (capacity_by_profile(one, [load]) for one in (known, plain))
    assert with_it is not None
    assert without is not None
    assert with_it.bytes_per_s / without.bytes_per_s == pytest.approx(full.value, rel=0.25)
    assert (with_it.bytes_per_s > without.bytes_per_s) == (times > 1)
    assert f"that is {full.value:.2f} times what its costs say" in with_it.how
    planned = [
        middle("server.capacity", inputs_of_profile(one, 64.0, 1).figures["server.capacity"].value)
        for one in (known, plain)
    ]
    assert (planned[0] > planned[1]) == (times > 1)


def test_climbs_change_no_cost() -> None:
    phases, intervals = calibration(1.6)
    run = made_run(phases)
    run.intervals[:] = intervals
    before = phases[:-2]
    climbed, plain = calibrate(run, phases, 1), calibrate(made_run(before), before, 1)
    assert climbed.curve == plain.curve
    hold = whole_hold(made_run([Phase("call", 100, 20.0, 1.0, rate=2.0)]), None)
    assert hold is not None
    predicted = [list(cores_of(one, hold, 99, 1)) for one in (climbed, plain)]
    assert predicted[0] == predicted[1], "more phases to know its error from"


def test_a_plan_takes_what_is_known_of_the_other_kind_as_a_report_does() -> None:
    phases, _ = calibration(None)
    plain = calibrate(made_run(phases), phases, 1)
    twice = FullWork(kind="call", value=2.0, low=2.0, high=2.0)
    load = made_run([Phase("all", 100, 20.0, 1.0, rate=2.0)])
    planned, reported = [], []
    for one in (plain, msgspec.structs.replace(plain, full=[twice])):
        planned.append(
            middle("server.capacity", inputs_of_profile(one, 64.0, 1).figures["server.capacity"].value)
        )
        found = capacity_by_profile(one, [load])
        assert found is not None
        reported.append(found.bytes_per_s)
    assert planned[1] / planned[0] > 2, "what a server takes at rest is no more of a full one"
    assert reported[1] / reported[0] > 2
