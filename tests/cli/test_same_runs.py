"""``siotool report`` and ``siotool plan --from`` answer alike about the same runs."""

import json
import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
EXAMPLE = Path(__file__).parents[2] / "reports/example/run.jsonl"


@pytest.fixture(name="both")
def _both(siotool, tmp_path):
    """What both commands answer about runs, in a folder of the test's own."""

    def ask(*runs):
        named = [argument for run in runs for argument in ("--from", run)]
        return (
            siotool("report", *runs, "--format=json", cwd=tmp_path),
            siotool("plan", "--connections=10k", "--draws=100", "--format=json", *named, cwd=tmp_path),
        )

    return ask


def copied(folder: Path, **changes):
    """A copy of the example, with a header that differs from it."""
    folder.mkdir(parents=True)
    first, *lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    header = json.loads(first)
    for key, value in changes.items():
        place, _, name = key.rpartition("__")
        (header[place] if place else header)[name] = value
    (folder / "run.jsonl").write_text("\n".join([json.dumps(header), *lines, ""]), encoding="utf-8")


def test_a_run_of_format_1_is_refused_by_both(both, tmp_path):
    (tmp_path / "old").mkdir()
    shutil.copy(GOLDEN / "run_format_1.jsonl", tmp_path / "old/run.jsonl")
    for done in both("old"):
        assert (done.returncode, done.stdout) == (2, "")
        assert "old/run.jsonl has run format 1; this siotool reads 3" in done.stderr
        assert "record the run again with this siotool" in done.stderr


def test_two_runs_of_the_demo_are_of_one_service(both, tmp_path):
    """It listens on another port each time: the report refused what the plan took."""
    copied(tmp_path / "a")
    copied(tmp_path / "b", run="b", started_at="2026-11-26T02:00:00+00:00", target__url="http://127.0.0.1:4")
    for done in both("a", "b"):
        assert done.returncode == 0, done.stderr
        assert "example" in done.stdout


def test_two_runs_in_folders_of_one_name_are_two(both, tmp_path):
    """The report took them for the same run."""
    copied(tmp_path / "a/run1", run="run1")
    copied(tmp_path / "b/run1", run="run1", started_at="2026-11-26T02:00:00+00:00")
    for done in both("a/run1", "b/run1"):
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "a/run.jsonl and b/run.jsonl are the same run example", id="a copy"),
        pytest.param(
            {"started_at": "2026-11-26T02:00:00+00:00", "embedded": False},
            "runs of different targets are not of one service: a/run.jsonl has demo",
            id="another target",
        ),
        pytest.param(
            {"started_at": "2026-11-26T02:00:00+00:00", "target__namespace": "/n"},
            "runs of different targets are not of one service",
            id="another namespace",
        ),
    ],
)
def test_both_refuse_in_the_same_words(both, tmp_path, changes, said):
    copied(tmp_path / "a")
    copied(tmp_path / "b", **changes)
    for done in both("a", "b"):
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
