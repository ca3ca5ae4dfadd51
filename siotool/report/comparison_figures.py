"""What a report says of a comparison with a baseline.

SI units are in the names; what was not measured, or cannot be computed, is None. An effect is what the
runs of the report have more than the baseline, so for every metric more is worse.
"""

from typing import Literal

import msgspec

#: What a comparison says of a metric.
Change = Literal["better", "worse", "no difference shown"]


class MetricChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One metric of both sides.

    ``effect``, its 95 % interval from ``low`` to ``high``, ``noise_floor`` and ``smallest_detectable`` are
    in ``unit``; ``relative*`` are shares of the baseline, None for a metric that is a share itself.
    ``run_scatter`` is how much one run differs from the next, as a standard deviation: a share of
    the metric, or for a metric that is a share, in its own unit. Two sides that are the same differ by
    more than ``noise_floor`` in one comparison of 20. A true effect of ``smallest_detectable`` is found
    in nine of ten. ``p_value`` is that of the bootstrap, ``p_adjusted`` the same with all metrics
    of the comparison in mind (Holm), ``p_permutation`` that of the runs dealt anew to both sides.
    """

    name: str
    unit: str
    baseline: float
    measured: float
    effect: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    run_scatter: float
    noise_floor: float
    smallest_detectable: float
    p_value: float
    p_adjusted: float
    p_permutation: float
    verdict: Change


class ServersChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The difference in servers, whole ones as the planner counts them; ``how`` says from what, or why none.

    ``per_month`` is that of their cost in ``currency``, None where the plan has no prices.
    """

    baseline: int | None
    measured: int | None
    effect: int | None
    low: int | None
    high: int | None
    how: str
    per_month: float | None
    per_month_low: float | None
    per_month_high: float | None
    currency: str


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs beside those of a baseline.

    ``baseline`` and ``runs`` name them, ``source`` says where the baseline came from. ``not_same`` are
    the conditions that differ between the sides, ``notes`` what limits the comparison, ``absent`` the
    metrics that only one side has, each with its reason.
    """

    source: Literal["runs", "history"]
    baseline: list[str]
    runs: list[str]
    not_same: list[str]
    notes: list[str]
    servers: ServersChange
    metrics: list[MetricChange]
    absent: list[str]


class Beside(msgspec.Struct, frozen=True):
    """What a baseline adds to a report: the comparison, or why there is none, and its doubts."""

    comparison: Comparison | None
    doubts: list[str]
    remarks: list[str]
