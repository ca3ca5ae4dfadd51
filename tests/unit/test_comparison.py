"""Runs compared with a baseline: no alarm where there is nothing, and what is planted is found."""

import itertools
import math

import msgspec
import numpy as np
import pytest

from siotool.errors import InputError
from siotool.report.comparison import block_draws, effect
from siotool.report.comparison import compare as compare_module
from siotool.report.comparison.compare import compare
from siotool.report.comparison.holm import adjusted
from siotool.report.comparison.servers_change import Factors
from siotool.runs.conditions import differences
from siotool.runs.measures import RunMeasures
from tests.unit.simulated_runs import CONDITIONS, NOISES, Noise, run

PAIRS = 40
#: What is measured of a run without its server.
_UNSAMPLED = ("bytes", "share")


@pytest.fixture
def quick(monkeypatch):
    """Fewer draws: hundreds of comparisons in seconds."""
    monkeypatch.setattr(effect, "DRAWS", 1000)
    monkeypatch.setattr(block_draws, "REDRAWN", 100)


def compared(before, after, count="no plan"):
    return compare(before, after, source="runs", same_target=False, count=count)


def side(first, noise, random, runs=3, **more):
    return [run(number, noise, random, **more) for number in range(first, first + runs)]


def metric(found, name="cpu_per_event"):
    (one,) = [one for one in found.metrics if one.name == name]
    return one


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_two_sides_that_are_the_same_alarm_in_one_pair_of_twenty_at_most(quick, noise):
    random = np.random.default_rng(5)
    alarms = 0
    for pair in range(PAIRS):
        found = compared(side(6 * pair % 94, noise, random), side(6 * pair % 94 + 3, noise, random))
        alarms += any(one.verdict == "worse" for one in found.metrics)  # what fails a pipeline
    assert alarms <= PAIRS / 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(Noise(runs=0.02), id="runs differ by 2 %"),
        pytest.param(Noise(runs=0.025), id="by 2.5 %"),
        pytest.param(Noise(runs=0.02, machine=0.08, drift=0.3), id="on a machine that is slow by turns"),
        pytest.param(Noise(runs=0.01, alike=0.5), id="seconds resemble each other"),
    ],
)
def test_a_planted_cost_of_10_percent_is_found_in_nine_pairs_of_ten(quick, noise):
    random = np.random.default_rng(6)
    found = []
    for pair in range(30):
        first = 6 * pair % 94
        found.append(metric(compared(side(first, noise, random), side(first + 3, noise, random, cost=1.1))))
    assert sum(one.verdict == "worse" for one in found) >= 27
    covered = sum(one.relative_low <= 0.1 <= one.relative_high for one in found)
    assert covered >= 27  # an interval of 95 % holds the truth


def test_without_the_generators_cpu_a_slow_machine_hides_the_cost(quick):
    """What the reference is for: eight per cent of the machine's own scatter drown ten of the server's."""
    noise, random = Noise(runs=0.02, machine=0.08), np.random.default_rng(7)
    sides = [side(0, noise, random), side(3, noise, random, cost=1.1)]
    bare = [
        [
            msgspec.structs.replace(
                one, amounts=[msgspec.structs.replace(part, reference=[]) for part in one.amounts]
            )
            for one in runs
        ]
        for runs in sides
    ]
    assert metric(compared(*sides)).verdict == "worse"
    assert metric(compared(*bare)).verdict == "no difference shown"
    assert metric(compared(*bare)).smallest_detectable > 2 * metric(compared(*sides)).smallest_detectable


@pytest.mark.parametrize(
    ("change", "referred"),
    [
        pytest.param({}, True, id="the same generator"),
        pytest.param({"siotool": "0.2.0"}, False, id="another siotool may take another CPU"),
        pytest.param({"client": "client reference"}, False, id="so may another client"),
        pytest.param({"users": "1 s:50"}, False, id="or another load"),
    ],
)
def test_the_generator_is_a_reference_only_where_it_did_the_same(quick, change, referred):
    random = np.random.default_rng(8)
    before, after = side(0, Noise(), random), side(3, Noise(), random)
    others = CONDITIONS.others | change
    after = [
        msgspec.structs.replace(one, conditions=msgspec.structs.replace(CONDITIONS, others=others))
        for one in after
    ]
    said = compared(before, after).notes
    assert any("compared beside that of the generator" in note for note in said) is referred


def test_longer_messages_are_other_work_for_the_generator(quick):
    random = np.random.default_rng(8)
    before, after = side(0, Noise(), random), side(3, Noise(), random)
    longer = [
        msgspec.structs.replace(
            one,
            amounts=[
                msgspec.structs.replace(part, amounts=[2 * value for value in part.amounts])
                if part.kind == "bytes"
                else part
                for part in one.amounts
            ],
        )
        for one in after
    ]
    found = compared(before, longer)
    assert metric(found, "bytes_per_connection").verdict == "worse"
    assert not any("beside that of the generator" in note for note in found.notes)


def test_sides_that_change_places_give_the_same_with_another_sign():
    random = np.random.default_rng(9)
    before, after = side(0, Noise(), random), side(3, Noise(), random, cost=1.1)
    there, back = compared(before, after), compared(after, before)
    for one, other in zip(there.metrics, back.metrics, strict=True):
        if one.relative is None:
            assert (one.effect, one.verdict) == (-other.effect, other.verdict)
            continue
        assert math.log1p(one.relative) == pytest.approx(-math.log1p(other.relative))
        assert math.log1p(one.relative_low) == pytest.approx(-math.log1p(other.relative_high))
        assert one.p_value == other.p_value
        mirrored = {"worse": "better", "better": "worse"}
        assert other.verdict == mirrored.get(one.verdict, one.verdict)
    assert metric(there).verdict == "worse"


def test_a_run_against_a_copy_of_itself_never_alarms(quick):
    random = np.random.default_rng(10)
    for number in range(10):
        (one,) = side(number, Noise(), random, runs=1)
        found = compared([one], [msgspec.structs.replace(one, run="a copy")])
        assert {part.verdict for part in found.metrics} == {"no difference shown"}
        assert all(part.effect == pytest.approx(0, abs=1e-9) for part in found.metrics)


def test_one_run_a_side_assumes_a_scatter_and_says_so(quick):
    random = np.random.default_rng(11)
    single = compared(side(0, Noise(), random, runs=1), side(3, Noise(), random, runs=1, cost=1.1))
    several = compared(side(0, Noise(), random), side(3, Noise(), random, cost=1.1))
    assert single.notes[0].startswith("one run on each side: how much one run differs")
    assert metric(single).verdict == "no difference shown"
    assert metric(single).smallest_detectable > 2 * metric(several).smallest_detectable
    assert metric(single).p_permutation == 1
    large = compared(side(0, Noise(), random, runs=1), side(3, Noise(), random, runs=1, cost=1.4))
    assert metric(large).verdict == "worse"


def test_more_runs_find_smaller_differences(quick):
    random = np.random.default_rng(12)
    sizes = [
        metric(compared(side(0, Noise(), random, runs), side(30, Noise(), random, runs))).smallest_detectable
        for runs in (1, 3, 10)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0] / 3


def test_runs_that_overlap_are_no_difference_however_small_the_interval(quick):
    """The runs dealt anew have the last word: of three against three, all of one side must be above."""
    values = [block_draws.DrawnRun(value, np.zeros(100)) for value in (0.0, 0.001, 0.2, 0.1, 0.3, 0.301)]
    overlapping = effect.effect_of(values[:3], values[3:], 0.001, list("abcdef"), 0.05)
    assert overlapping.p_permutation > 0.1
    assert overlapping.p_least == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("p_values", "weights", "expected"),
    [
        pytest.param(
            [0.01, 0.04], [0.5, 0.5], [0.02, 0.04], id="Holm: the smallest times two, the next times one"
        ),
        pytest.param([0.04, 0.01], [0.5, 0.5], [0.04, 0.02], id="in any order"),
        pytest.param([0.03, 0.02], [0.5, 0.5], [0.04, 0.04], id="never below a smaller one"),
        pytest.param([0.02, 0.02], [0.8, 0.2], [0.025, 0.025], id="a weight pays"),
        pytest.param([0.9, 0.9], [0.5, 0.5], [1.0, 1.0], id="never above 1"),
        pytest.param([], [], [], id="nothing"),
    ],
)
def test_p_values_with_all_metrics_in_mind(p_values, weights, expected):
    assert adjusted(p_values, weights) == pytest.approx(expected)


def test_what_is_no_baseline_is_refused():
    random = np.random.default_rng(13)
    before, after = side(0, Noise(), random, runs=1), side(3, Noise(), random, runs=1)
    with pytest.raises(InputError, match="run-0 is on both sides"):
        compared(before, before)
    chat = msgspec.structs.replace(CONDITIONS, scenario="chat")
    with pytest.raises(InputError, match=r"different scenarios cannot be compared: run-3 has echo, .* chat"):
        compared([msgspec.structs.replace(before[0], conditions=chat)], after)
    elsewhere = msgspec.structs.replace(CONDITIONS, target="http://other/socket.io/ /")
    moved = [msgspec.structs.replace(before[0], conditions=elsewhere)]
    with pytest.raises(InputError, match="the baseline is of another target"):
        compared(moved, after)
    assert compare(moved, after, source="runs", same_target=True, count="no plan").baseline == ["run-0"]


def test_every_condition_that_differs_is_said():
    for name in CONDITIONS.others:
        changed = msgspec.structs.replace(CONDITIONS, others=CONDITIONS.others | {name: "another 2"})
        (said,) = differences([CONDITIONS], [changed])
        assert said.startswith(f"{name}: another 2, in the baseline ")
    assert differences([CONDITIONS], [CONDITIONS, CONDITIONS]) == []


def test_a_load_that_differs_is_said(quick):
    random = np.random.default_rng(14)
    before, after = side(0, Noise(), random), side(3, Noise(), random)
    half = [
        msgspec.structs.replace(
            one,
            amounts=[
                msgspec.structs.replace(
                    part,
                    amounts=[value / 2 for value in part.amounts],
                    over=[value / 2 for value in part.over],
                )
                if part.kind == "cost"
                else part
                for part in one.amounts
            ],
        )
        for one in after
    ]
    assert compared(before, half).not_same == ["load: 3,000 events/s, in the baseline 6,000 events/s"]


def test_what_only_one_side_has_is_not_compared_and_why(quick):
    random = np.random.default_rng(15)
    before, after = side(0, Noise(), random), side(3, Noise(), random)
    unsampled = [
        msgspec.structs.replace(one, amounts=[part for part in one.amounts if part.kind in _UNSAMPLED])
        for one in before
    ]
    found = compared(unsampled, after, lambda _: 1)
    assert "cpu_per_event: not measured in every run of the baseline" in found.absent
    assert found.servers.effect is None
    assert found.servers.how == "the server was not sampled on both sides (--server-pid)"


def test_the_difference_in_servers_is_counted_with_the_baselines_costs(quick):
    random = np.random.default_rng(16)
    before, after = side(0, Noise(), random), side(3, Noise(), random, cost=1.25)
    asked = []

    def count(factors: Factors) -> int:
        asked.append(factors)
        return math.ceil(100 * factors.cpu)

    found = compared(before, after, count).servers
    assert found.measured == 100
    assert found.effect == 100 - found.baseline == pytest.approx(20, abs=4)
    assert found.low < found.effect < found.high
    assert asked[0] == Factors(1.0, 1.0, 1.0)


def test_servers_that_cannot_be_counted_say_why(quick):
    random = np.random.default_rng(17)
    before, after = side(0, Noise(), random), side(3, Noise(), random)

    def refused(_):
        raise InputError("no number fits", "")

    assert compared(before, after, "no plan").servers.how == "no plan"
    assert compared(before, after, refused).servers.how == "no number fits"
    assert compared(before, after, lambda _: None).servers.how == "no number of servers is enough"


def test_errors_that_come_up_are_worse(quick):
    random = np.random.default_rng(18)
    before, after = side(0, Noise(), random), side(3, Noise(), random)
    failing = [
        msgspec.structs.replace(
            one,
            amounts=[
                msgspec.structs.replace(part, amounts=[0.02 * value for value in part.over])
                if part.name == "errors"
                else part
                for part in one.amounts
            ],
        )
        for one in after
    ]
    found = metric(compared(before, failing), "errors")
    assert (found.verdict, found.relative) == ("worse", None)
    assert found.low < found.effect < found.high
    assert found.effect == pytest.approx(0.02)


def test_every_way_to_deal_six_runs_is_counted():
    before, after = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    share, least = effect._dealt(before, after)
    ways = list(itertools.combinations(range(6), 3))
    assert (share, least) == (2 / len(ways), 2 / len(ways))
    many = np.arange(20.0)
    share, least = effect._dealt(many, many + 100)
    assert share == least == pytest.approx(1 / 4000)


def test_a_difference_that_a_few_seconds_allow_is_a_million_times_at_most():
    """Two runs of four seconds allowed any: the exponential of it overflowed, after the runs were over."""
    assert compare_module._share(5000.0) == pytest.approx(1e6, rel=1e-5)
    assert compare_module._share(math.log(2)) == pytest.approx(1.0)
    assert compare_module._share(-5000.0) == -1.0


def test_a_run_that_tried_nothing_has_nothing_to_compare(quick):
    """It was cut before its first connection, and ended as a bug, without a report."""
    random = np.random.default_rng(3)
    before = side(0, NOISES["runs differ by 2 %"], random)
    cut = RunMeasures(
        run="cut", started_at="2026-01-02T00:00:00+00:00", conditions=CONDITIONS, amounts=[], times=[]
    )
    found = compared(before, [cut])
    assert found.metrics == []
    assert found.absent
