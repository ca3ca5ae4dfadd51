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
        assert "old/run.jsonl has run format 1; this siotool reads 2" in done.stderr
        assert "record the run again with this siotool" in done.stderr
