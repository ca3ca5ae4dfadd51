"""``siotool loadtest`` compares itself and is kept in a history: short runs of the embedded target."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from siotool.history import history_file

pytestmark = pytest.mark.slow

#: Long enough for a comparison, and far from any limit.
LOAD = "--scenario", "echo", "--users", "10", "--run-time", "4s", "--seed", "1"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the history is kept."""
    return tmp_path_factory.mktemp("past") / "history.sqlite"


@pytest.fixture(scope="module")
def first(lasting_start: Callable[..., Any], past: Path) -> Any:
    """A run with nothing to compare with, kept under a label."""
    asked = "--baseline", "history:main", "--history", past, "--label", "main"
    return lasting_start("demo", *LOAD, *asked).finish()


@pytest.fixture(scope="module")
def second(lasting_start: Callable[..., Any], first: Any, past: Path) -> Any:
    """The same again, compared with what the history has under that label."""
    asked = "--baseline", "history:main", "--history", past, "--label", "change"
    return lasting_start("demo", *LOAD, *asked).finish()


def test_a_first_run_says_that_there_is_nothing_to_compare_with(first: Any, past: Path) -> None:
    assert first.code in (0, 5), first.stderr
    assert any("compared with nothing" in remark for remark in first.report["remarks"])
    assert first.report["comparison"] is None


def test_the_next_run_is_compared_with_those_of_the_label(first: Any, second: Any) -> None:
    compared = second.report["comparison"]
    assert compared["source"] == "history"
    assert compared["baseline"] == [first.run.header.run]
    assert compared["runs"] == [second.run.header.run]
    assert {one["name"] for one in compared["metrics"]} > {"errors"}
    assert "Compared with the baseline" in (second.folder / "report.md").read_text()


def test_both_runs_are_kept_each_under_its_label(first: Any, second: Any, past: Path) -> None:
    kept = history_file.read(past, label="", most=10)
    assert [(one.measures.run, one.label) for one in kept] == [
        (first.run.header.run, "main"),
        (second.run.header.run, "change"),
    ]


def test_a_history_alone_is_the_baseline_and_has_the_run_after(
    start: Callable[..., Any], second: Any, past: Path, tmp_path: Path
) -> None:
    """A load was only added to it. It is compared before, and not with itself."""
    new = tmp_path / "new.sqlite"
    alone = start("demo", *LOAD, "--history", new).finish()
    assert alone.code in (0, 5), alone.stderr
    assert any("compared with nothing" in remark for remark in alone.report["remarks"])
    with closing(sqlite3.connect(new)) as database:  # a busy machine may have made it suspect
        database.execute("UPDATE runs SET valid = 'yes', verdict = 'passed'")
        database.commit()
    next_one = start("demo", *LOAD, "--history", new).finish()
    assert next_one.report["comparison"]["baseline"] == [alone.run.header.run]
    kept = start("demo", *LOAD, "--history", new, "--baseline", "none").finish()
    assert kept.report["comparison"] is None
    assert len(history_file.read(new, label="", most=10)) == 3


def test_a_named_run_is_a_baseline_and_a_missing_one_starts_nothing(
    start: Callable[..., Any], first: Any, tmp_path: Path
) -> None:
    done = start("demo", *LOAD, "--baseline", first.folder).finish()
    assert done.report["comparison"]["source"] == "runs"
    assert json.loads((done.folder / "report.json").read_text())["comparison"]["baseline"]
    refused = start("demo", *LOAD, "--baseline", tmp_path / "none").finish()
    assert refused.code == 2
    assert "cannot read" in refused.stderr
    assert not (refused.folder / "run.jsonl").exists()


def test_a_baseline_of_another_scenario_is_refused_before_the_load(start: Callable[..., Any]) -> None:
    example = Path(__file__).parents[2] / "reports/example"
    done = start("demo", *LOAD, "--baseline", example).finish()
    assert done.code == 2, done.stderr
    assert "runs of different scenarios cannot be compared" in done.stderr
    assert not done.folder.exists()


def test_a_baseline_that_cannot_be_compared_loses_nothing_of_a_load(
    start: Callable[..., Any], first: Any, tmp_path: Path
) -> None:
    """It was refused after the whole load, before any report was written."""
    header, *lines = (first.folder / "run.jsonl").read_text().splitlines(keepends=True)
    elsewhere = json.loads(header) | {"embedded": False}
    (tmp_path / "run.jsonl").write_text("".join([json.dumps(elsewhere) + "\n", *lines]))
    done = start("demo", *LOAD, "--baseline", tmp_path).finish()
    assert done.code in (2, 5), done.stderr
    assert "the baseline is of another target" in done.stderr + str(done.report["remarks"])
    assert done.report["comparison"] is None
    assert any("compared with nothing" in remark for remark in done.report["remarks"])
