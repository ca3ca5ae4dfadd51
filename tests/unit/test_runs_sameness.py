"""Which runs are one, and which are of one service: the table that reports and plans share."""

from pathlib import Path

import msgspec
import pytest

from siotool.errors import InputError
from siotool.plan.evidence.observe import observe
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runs.sameness import check_same, names
from siotool.workload import Target

LATER = "2026-01-01T00:01:00Z"


def other(found, folder="b", **header):
    """Another run, in a folder of its own."""
    return msgspec.structs.replace(
        found,
        path=Path(folder) / found.header.run / "run.jsonl",
        header=msgspec.structs.replace(found.header, **({"started_at": LATER} | header)),
    )


def at(url, **more):
    return {"target": Target(url=url, **more)}


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        pytest.param({}, {}, "", id="two runs in two folders of one name"),
        pytest.param({}, {"run": "b"}, "", id="another name"),
        pytest.param({}, {"started_at": None}, "are the same run", id="one run, copied to another folder"),
        pytest.param(
            {"embedded": True} | at("http://127.0.0.1:4001"),
            {"embedded": True} | at("http://127.0.0.1:4002"),
            "",
            id="the embedded target on another port",
        ),
        pytest.param(
            at("http://127.0.0.1:4001"), at("http://127.0.0.1:4002"), "different targets", id="another port"
        ),
        pytest.param(
            {"embedded": True} | at("http://127.0.0.1:4001"),
            at("http://127.0.0.1:4001"),
            "different targets",
            id="the embedded target and one on its port",
        ),
        pytest.param(at("http://a"), at("http://a", namespace="/n"), "different targets", id="namespace"),
        pytest.param(at("http://a"), at("http://a", path="/p/"), "different targets", id="path"),
        pytest.param(at("http://a"), at("http://b"), "different targets", id="another host"),
        pytest.param({}, {"workload": {"seed": 9}}, "", id="another seed"),
        pytest.param({}, {"workload": {"processes": 4}}, "", id="more workers"),
        pytest.param({}, {"workload": {"stages": []}}, "", id="other users"),
        pytest.param({}, {"siotool": "9.9"}, "", id="another siotool of the same format"),
        pytest.param({}, {"workload": {"settings": {"rate": 2.0}}}, "", id="other settings: a remark"),
    ],
)
def test_a_report_and_a_plan_take_and_refuse_the_same_runs(make_run, first, second, refused):
    def made(folder, changes):
        run = make_run(name="run1")
        changes = dict(changes)
        workload = msgspec.structs.replace(run.header.workload, **changes.pop("workload", {}))
        if folder == "a" or "started_at" in changes:
            changes["started_at"] = run.header.started_at
        return other(run, folder, workload=workload, **changes)

    runs = [made("a", first), made("b", second)]
    for ask in (
        lambda: check_same(runs),
        lambda: summarize(runs, Planned()),
        lambda: observe(runs, ["yes", "yes"]),
    ):
        if refused:
            with pytest.raises(InputError, match=refused):
                ask()
        else:
            ask()


def test_runs_of_one_name_are_called_by_their_files(make_run):
    run = make_run(name="run1")
    runs = [other(run, "a"), other(run, "b"), make_run(name="run2")]
    assert names(runs) == ["run1 (a/run1/run.jsonl)", "run1 (b/run1/run.jsonl)", "run2"]


def test_a_scenario_of_its_own_is_evidence_and_no_part_of_a_report(make_run):
    """Means of unlike work say nothing; costs are told apart by it."""
    runs = [make_run(name="a"), make_run(name="b", scenario="chat")]
    assert len(observe(runs, ["yes", "yes"]).origins) == 2
    with pytest.raises(InputError, match="different scenarios cannot be pooled"):
        summarize(runs, Planned())
