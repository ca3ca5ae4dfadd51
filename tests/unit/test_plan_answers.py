"""What a difference, a verification and a storm say as documents: the answer first, nothing twice."""

import pytest

from siotool.document.document import Chart, Sentence, Table
from siotool.plan.diff.diff import Moved, PlanDiff
from siotool.plan.documents import diff_document, storm_document, verification_document
from siotool.plan.evidence.verify import CheckedFigure, Verification
from siotool.plan.storm import study


def blocks_of(document, kind):
    return [block for section in document.sections for block in section.blocks if isinstance(block, kind)]


def test_a_difference_shows_what_moved_it_and_says_the_rest():
    moved = [
        Moved("workload.connections", "1M", "2M", 29.0, 34.5),
        Moved("server.memory", None, "8GiB", None, None),
        Moved("goals.spares", "2", None, 0.0, -0.25),
    ]
    sentences = ["From 29 to 80 servers (+51).", "one.", "two.", "three.", "Shares are averages."]
    made = diff_document.document(
        PlanDiff(1, "a.toml", "b.toml", 29.0, 80.0, 51.0, "sampled", moved, sentences)
    )
    assert (made.headline, list(made.answer)) == ("From 29 to 80 servers (+51)", ["a.toml → b.toml"])
    (table,) = blocks_of(made, Table)
    assert [list(row.cells) for row in table.rows] == [
        ["workload.connections", "1M", "2M", "+29", "+34.50"],
        ["server.memory", "–", "8GiB", "infeasible", ""],
        ["goals.spares", "2", "–", "±0", "−0.25"],
    ]
    explained, averages = (block.text for block in blocks_of(made, Sentence))
    assert explained.startswith("Alone: ")
    assert averages == "Shares are averages."


def test_plans_that_are_the_same_have_nothing_to_show():
    made = diff_document.document(
        PlanDiff(1, "a", "a", 3.0, 3.0, 0.0, "exact", [], ["Both plans need 3 servers."])
    )
    assert (made.headline, made.sections) == ("Both plans need 3 servers", [])


@pytest.mark.parametrize(("seen", "tone", "mark"), [(0.5, "good", "inside"), (0.9, "bad", "missed")])
def test_a_verification_marks_what_was_missed(seen, tone, mark):
    checks = (
        CheckedFigure("cpu", "cores", 0.4, 0.5, 0.6, seen, mark == "inside", "mean CPU"),
        CheckedFigure("open_files", "files", 200.0, 200.0, 200.0, 200.0, True, "most open files"),
    )
    made = verification_document.document(Verification(1, "20260101-chat", checks, "1 of 2 lie within."))
    assert (made.headline, made.tone) == ("1 of 2 lie within", tone)
    assert "20260101-chat" in made.context
    (table,) = blocks_of(made, Table)
    assert [list(row.cells) for row in table.rows] == [
        ["cpu", "0.4 cores to 0.6 cores", f"{seen:g} cores", mark, "mean CPU"],
        ["open files", "200 files", "200 files", "inside", "most open files"],
    ]
    assert [row.tone for row in table.rows] == [tone, "good"]


def test_a_storm_draws_every_client_that_comes_back(plan_inputs):
    keys = {"workload.connections": "10k", "server.accept_rate": "50/s", "goals.reconnect_time": "2s"}
    storm = study.study(plan_inputs(keys), study.StormOptions(servers=10), draws=100, seed=3)
    made = storm_document.document(storm)
    assert made.tone == "bad"
    assert made.headline.endswith("not within the 2 s asked for")
    charts = {chart.key: chart for chart in blocks_of(made, Chart)}
    assert list(charts) == ["storm-attempts", "storm-connected", "storm-fleets", "storm-pings"]
    attempts, back = charts["storm-attempts"].curves
    bin_s = attempts.points[1][0] - attempts.points[0][0]
    assert sum(rate for _, rate in back.points) * bin_s == pytest.approx(storm.lost_connections)
    assert sum(rate for _, rate in attempts.points) * bin_s == pytest.approx(storm.course.attempts, rel=0.02)
    (connected,) = charts["storm-connected"].curves
    assert connected.points[-1][1] == storm.lost_connections
    (fleets,) = blocks_of(made, Table)
    solid = [row.bar.solid for row in fleets.rows]
    assert max(solid) == 100
    assert solid == sorted(solid, reverse=True)
    assert {chart.key for chart in storm_document.section(storm).blocks if isinstance(chart, Chart)} == set(
        charts
    )


def test_a_goal_after_the_storm_is_still_on_its_charts(plan_inputs):
    keys = {"workload.connections": "10k", "server.accept_rate": "50/s", "goals.reconnect_time": "6s"}
    storm = study.study(plan_inputs(keys), study.StormOptions(servers=10), draws=100, seed=3)
    assert storm.course.all_s < storm.goal_s
    chart = blocks_of(storm_document.document(storm), Chart)[0]
    assert (chart.x.high, chart.rules[0].x) == (pytest.approx(1.05 * 6), 6)
