"""A run against several targets: the turns that users take, and what a report says of each."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.cli.outcome import rendered
from siotool.errors import InputError, RunFileError
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Bytes, Connections, TargetUse
from siotool.runs import reading
from siotool.workload import WeightedTarget, turns

TARGETS = [WeightedTarget("http://a.example:3000", 3), WeightedTarget("http://b.example:3000")]


@pytest.mark.parametrize(
    ("weights", "order"),
    [
        pytest.param([1], [0], id="one target has everybody"),
        pytest.param([1, 1], [0, 1], id="two take turns"),
        pytest.param([1, 1, 1], [0, 1, 2], id="so do three"),
        pytest.param([3, 1], [0, 0, 1, 0], id="the lighter one comes in between"),
        pytest.param([5, 1, 1], [0, 0, 1, 0, 2, 0, 0], id="nginx's own example"),
        pytest.param([2, 2], [0, 1, 0, 1], id="equal weights take turns"),
    ],
)
def test_users_take_targets_in_turn(weights, order):
    assert turns(weights) == order


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_any_number_of_users_has_the_weights_as_nearly_as_can_be(weights):
    order = turns(weights)
    assert [order.count(number) for number in range(len(weights))] == weights
    for users in range(len(order)):
        for number, weight in enumerate(weights):
            fair = users * weight / sum(weights)
            assert abs(order[:users].count(number) - fair) < len(weights)


def shared(run):
    """The run at two targets: the first has three quarters of its connections, the second its failures."""

    def uses(interval):
        counts = {name: getattr(interval.connections, name) for name in ("open", "attempted", "established")}
        light = {name: count // 4 for name, count in counts.items()}
        heavy = {name: count - light[name] for name, count in counts.items()}
        failed = interval.connections.failed
        return [
            TargetUse(Connections(**heavy), interval.operations, Bytes(1, 2, 3, 4)),
            TargetUse(Connections(**light, failed=failed), interval.operations[:1], Bytes(wire_in=10)),
        ]

    return msgspec.structs.replace(
        run,
        header=msgspec.structs.replace(run.header, targets=TARGETS),
        intervals=[msgspec.structs.replace(one, targets=uses(one)) for one in run.intervals],
    )


@pytest.fixture(scope="module")
def report(fabricated, reported):
    return reported(shared(fabricated["chat"]))


def test_each_target_has_figures_and_the_totals_stay_as_they_were(report, fabricated, reported):
    alone = reported(fabricated["chat"])
    assert alone.targets == []
    assert (report.connections, report.operations) == (alone.connections, alone.operations)
    heavy, light = report.targets
    assert (heavy.url, heavy.weight, light.url, light.weight) == (
        "http://a.example:3000",
        3,
        "http://b.example:3000",
        1,
    )
    for name in ("attempted", "established"):
        both = getattr(heavy.connections, name) + getattr(light.connections, name)
        assert both == getattr(report.connections, name)
    assert heavy.connections.peak + light.connections.peak == report.connections.peak
    assert (heavy.connections.failed, light.connections.failed) == ({}, alone.connections.failed)
    assert heavy.operations == alone.operations
    assert [row.op for row in light.operations] == ["connect", "ack"]
    seconds = len(fabricated["chat"].intervals)
    assert (heavy.payload_bytes_in, heavy.wire_bytes_out, light.wire_bytes_in) == (
        seconds,
        4 * seconds,
        10 * seconds,
    )


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_every_printer_shows_the_targets(report, form):
    page = rendered(report, form)
    for words in ("http://a.example:3000", "http://b.example:3000", "75 %", "and 1 other target"):
        assert words in page
    if form == "text":
        assert max(map(len, page.splitlines())) <= 80


def test_one_target_has_no_section_of_its_own(fabricated, reported):
    assert "other target" not in rendered(reported(fabricated["chat"]), "text")
    assert "Targets" not in rendered(reported(fabricated["chat"]), "md")


def test_runs_of_other_targets_are_of_another_service(fabricated, reported):
    first = shared(fabricated["chat"])
    swapped = msgspec.structs.replace(
        first, header=msgspec.structs.replace(first.header, run="other", targets=TARGETS[::-1])
    )
    with pytest.raises(InputError, match="runs of different targets"):
        summarize([first, swapped], Planned())


def other(run, targets):
    """A run of the same service at other targets: of a single one without any."""
    header = msgspec.structs.replace(run.header, run="other", targets=list(targets))
    uses = [one.targets[: len(targets)] for one in run.intervals]
    return msgspec.structs.replace(
        run,
        header=header,
        intervals=[
            msgspec.structs.replace(one, targets=use) for one, use in zip(run.intervals, uses, strict=True)
        ],
    )


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("targets", [[], TARGETS[:1], TARGETS[::-1]], ids=["one", "fewer", "swapped"])
def test_runs_of_different_targets_are_pooled_without_figures_of_each(fabricated, targets, order):
    """``--same-target`` with a run of several targets and one of fewer ended in a bug."""
    first = shared(fabricated["chat"])
    found = summarize([first, other(first, targets)][::order], Planned(), same_target=True)
    assert found.targets == []
    assert any("the runs had different targets" in remark for remark in found.remarks)


def test_the_targets_of_a_lab_are_the_same_at_other_ports(fabricated):
    first = shared(fabricated["chat"])
    lab = msgspec.structs.replace(first, header=msgspec.structs.replace(first.header, lab="lab of two"))
    moved = [msgspec.structs.replace(one, url=f"{one.url}1") for one in TARGETS]
    found = summarize([lab, other(lab, moved)], Planned())
    assert [one.url for one in found.targets] == [one.url for one in TARGETS]
    assert not any("different targets" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param(lambda uses: uses[:1], "do not add up", id="one is missing"),
        pytest.param(lambda uses: [], "0 targets, and 2 in the header", id="all are missing"),
        pytest.param(lambda uses: [*uses, uses[0]], "do not add up", id="one is there twice"),
        pytest.param(
            lambda uses: [
                msgspec.structs.replace(
                    uses[0], connections=msgspec.structs.replace(uses[0].connections, hung={"tcp": 1})
                ),
                uses[1],
            ],
            "more connects hung than failed",
            id="a target of which more hung than failed",
        ),
    ],
)
def test_a_run_file_whose_targets_do_not_fit_is_refused(fabricated, to_jsonl, tmp_path, changed, said):
    run = shared(fabricated["chat"])
    first, *rest = run.intervals
    wrong = msgspec.structs.replace(first, targets=changed(first.targets))
    path = tmp_path / "run.jsonl"
    path.write_text(to_jsonl(msgspec.structs.replace(run, intervals=[wrong, *rest])))
    with pytest.raises(RunFileError, match=said):
        reading.read(path)
