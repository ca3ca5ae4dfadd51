"""Runs that are added to the history, with what they are of: a label and the version of the target's code."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from siotool.history import history_file
from siotool.report.contents import Report
from siotool.runfile import Run
from siotool.runs.measures import measures_of
from siotool.runs.past_run import PastRun

#: Variables of GitHub and GitLab for a branch and a commit; on a pull request, GitHub names its branch.
_LABELS = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME")
_CODES = ("GITHUB_SHA", "CI_COMMIT_SHA")


class Keeping(msgspec.Struct, frozen=True):
    """A history, and what the runs that are added to it are of."""

    path: Path
    label: str
    code: str

    def past(self, runs: Sequence[Run], report: Report) -> list[PastRun]:
        """Return runs as a history has them, with the verdict of their report."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}"
        return [
            PastRun(measures_of(run), now, self.label, self.code, report.valid, report.verdict)
            for run in runs
        ]

    def keep(self, runs: Sequence[Run], report: Report) -> None:
        """Add runs with the verdict of their report. Raises InputError and OutputError."""
        history_file.add(self.path, self.past(runs, report))


def keeping(path: Path, label: str | None) -> Keeping:
    """Say what runs are of: the ``label`` that was typed, else the branch of a pipeline; and its commit."""
    found = next(filter(None, (os.environ.get(name) for name in _LABELS)), "")
    code = next(filter(None, (os.environ.get(name) for name in _CODES)), "")
    return Keeping(path, found if label is None else label, code)
