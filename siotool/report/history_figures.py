"""What ``siotool history`` says: past runs that may be compared, their metrics, and where these changed.

The tree behind ``siotool history --format json``. SI units are in the names of the metrics' ``unit``.
"""

from typing import Literal

import msgspec


class PastFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One past run; ``metrics`` by name, in SI units."""

    run: str
    started_at: str
    added_at: str
    label: str
    code: str
    valid: Literal["yes", "suspect", "no"]
    verdict: Literal["passed", "failed", "untrusted"]
    metrics: dict[str, float]


class ChangePoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lasting change of a metric, first seen in ``run``: its level before and since, over how many runs."""

    metric: str
    unit: str
    run: str
    before: float
    after: float
    change: float
    runs_before: int
    runs_since: int


class Trend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs that may be compared, oldest first: of one scenario, target, load and machine."""

    scenario: str
    target: str
    conditions: dict[str, str]
    units: dict[str, str]
    runs: list[PastFigures]
    changes: list[ChangePoint]


class PastRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The history, or its newest runs."""

    version: int
    file: str
    trends: list[Trend]
