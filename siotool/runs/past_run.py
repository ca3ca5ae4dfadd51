"""A run of the past, as the history keeps it."""

from typing import Literal

import msgspec

from siotool.runs.measures import RunMeasures


class PastRun(msgspec.Struct, frozen=True):
    """One run of the history.

    ``label`` is what it was of, such as a branch, ``code`` the version of the target's code, such as a
    commit; both may be empty. ``valid`` and ``verdict`` are those of its report when it was added.
    """

    measures: RunMeasures
    added_at: str
    label: str
    code: str
    valid: Literal["yes", "suspect", "no"]
    verdict: Literal["passed", "failed", "untrusted"]
