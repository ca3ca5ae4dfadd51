"""What a report says: the tree behind ``report --format json``.

SI units are in the names. A figure that was not measured or cannot be computed is None
(``null``), never 0. ``in`` and ``out`` are as the clients see them. Two spans of time are
used and each figure belongs to one of them: *the run* is all of it; *the hold phase* is the
part in which the load was steady (``Steady``).
"""

from typing import Literal

import msgspec

from siotool.report.backlog_figures import BacklogFigures
from siotool.report.capacity_figures import CapacityFigures
from siotool.report.comparison_figures import Comparison
from siotool.report.delivery_figures import AudienceFigures, ByNodeFigures, DeliveryFigures
from siotool.report.fault_figures import FaultFigures
from siotool.report.generator_figures import GeneratorFigures
from siotool.report.leak_figures import LeakFigures
from siotool.report.outage_figures import AwayFigures, OutageFigures
from siotool.report.server_figures import ServerFigures
from siotool.report.sizing_figures import Sizing
from siotool.runfile import JUDGED, REQUEST_EVENT
from siotool.units import format_count
from siotool.workload import Arrivals, Setting, Stage, Target

VERSION = 1

Valid = Literal["yes", "suspect", "no"]
Verdict = Literal["passed", "failed", "untrusted"]


class RunInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run that went into the report; ``ended`` is ``cut`` when its file has no end."""

    run: str
    started_at: str
    duration_s: float | None
    ended: Literal["finished", "interrupted", "workers_lost", "target_lost", "stopped", "cut"]
    users_planned: int
    stages: list[Stage]
    settings: dict[str, Setting]
    processes: int
    seed: int
    siotool: str
    machine: str
    bytes_source: str
    arrivals: Arrivals | None = None


class Steady(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hold phase: how long it was, how many connections were open in it, how it was found."""

    found: bool
    duration_s: float
    connections_mean: float | None
    how: str


class ConnectionFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Connections over the run; ``failed`` and ``closed`` count by class.

    ``stayed_away`` are users, by class, that did not come back by themselves, as the official client
    does not.
    """

    peak: int | None
    mean: float | None
    attempted: int
    established: int
    failed: dict[str, int]
    hung: dict[str, int]
    closed: dict[str, int]
    stayed_away: dict[str, int]
    users_peak: int | None
    users_planned: int


class OperationFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation over the run.

    ``count`` are the successes. The percentiles describe these and the ``given_up``, which had no
    answer in time and count as the time they were waited for, from the intended start.
    Each lies between its ``_low`` and ``_high`` with 95 %; None where the run was too short to tell
    (``siotool.report.percentiles``). ``service_*`` count from the actual send and are None where nothing was
    scheduled.
    ``rate_per_s`` is of successes, over the hold phase for ``ack`` and ``deliver`` and over
    the run for what happens while connecting (``rate_over``). ``clock_error_s``: by how much times that
    begin on one machine and end on another may be off; None where all load was made on one.
    """

    op: str
    name: str
    count: int
    given_up: int
    errors: dict[str, int]
    rate_per_s: float | None
    rate_over: Literal["hold", "run"]
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None
    p99_s: float | None
    p99_9_s: float | None
    p50_low_s: float | None
    p50_high_s: float | None
    p90_low_s: float | None
    p90_high_s: float | None
    p95_low_s: float | None
    p95_high_s: float | None
    p99_low_s: float | None
    p99_high_s: float | None
    p99_9_low_s: float | None
    p99_9_high_s: float | None
    max_s: float | None
    mean_s: float | None
    service_p50_s: float | None
    service_p99_s: float | None
    clock_error_s: float | None = None

    @property
    def failed(self) -> int:
        """Failures of all classes."""
        return sum(self.errors.values())


class TargetConnections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Connections to one target over the run; ``failed``, ``hung`` and ``closed`` count by class."""

    peak: int
    attempted: int
    established: int
    failed: dict[str, int]
    hung: dict[str, int]
    closed: dict[str, int]


class TargetFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One target of several: its share of the users, and what is in the report's totals of it.

    Deliveries are in the totals alone: a service behind several addresses shares its rooms.
    """

    url: str
    weight: int
    connections: TargetConnections
    operations: list[OperationFigures]
    payload_bytes_in: int
    payload_bytes_out: int
    wire_bytes_in: int
    wire_bytes_out: int


class Bandwidth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes over the run; the rates are of wire bytes, over the hold phase."""

    payload_bytes_in: int
    payload_bytes_out: int
    wire_bytes_in: int
    wire_bytes_out: int
    wire_in_bytes_per_s: float | None
    wire_out_bytes_per_s: float | None
    per_connection_in_bytes_per_s: float | None
    per_connection_out_bytes_per_s: float | None
    source: str


class GateResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gate found; ``value`` is in the gate's SI ``unit``, None when not measured.

    ``default`` marks a gate that applies to every run without being asked for.
    """

    expr: str
    default: bool
    value: float | None
    unit: str
    outcome: Literal["passed", "failed"]
    reason: str

    @property
    def failed(self) -> bool:
        """True when the run fails by this gate."""
        return self.outcome == "failed"


class ExceptionFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario's own code raised or judged to be wrong, over the run."""

    kind: str
    message: str
    where: str
    count: int

    @property
    def raised(self) -> bool:
        """True for an exception out of a task, a hook or a handler; not for what was judged wrong."""
        return self.kind not in JUDGED and not self.where.startswith(REQUEST_EVENT)


class UserClassFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Users of one class over the run; the counts are those of ``runfile.UserClass``, summed up.

    ``achieved`` is what was issued as scheduled and did not fail: a call without an answer in time
    was issued and not achieved.
    """

    name: str
    users_peak: int
    started: int
    ended: int
    attempted: int
    established: int
    begun: int
    failed: int
    sent: int
    offered: int
    issued: int
    achieved: int
    withheld: int
    late: int


class VisitFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Users that came and went over the run.

    ``started`` and ``ended`` (by themselves) are all users, ``offered``, ``arrived`` and ``no_place``
    those of an arrival rate; the rates are over the time in which they arrived, None without an arrival
    rate. ``length_*`` is how long the users were there that ended by themselves, from their start: a
    user that the end of the run stopped is not among them.
    """

    started: int
    ended: int
    offered: int
    arrived: int
    no_place: int
    offered_per_s: float | None
    achieved_per_s: float | None
    length_p50_s: float | None
    length_p90_s: float | None
    length_p99_s: float | None
    length_max_s: float | None


class OperationSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation over time, a value for each point of ``Series.t_s``."""

    op: str
    name: str
    rate_per_s: list[float | None]
    errors_per_s: list[float]
    p50_s: list[float | None]
    p95_s: list[float | None]
    p99_s: list[float | None]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The run over time, in columns of equal length; several runs are laid end to end.

    A point stands for ``point_s`` seconds (1, or more when a long run was thinned out).
    ``begins_s`` is where each run begins, ``hold_s`` the begin and end of each span of the
    hold phase. A part of a second in which a run ended or was cut has no load (None), but failures.
    """

    point_s: float
    begins_s: list[float]
    hold_s: list[tuple[float, float]]
    t_s: list[float]
    users: list[float | None]
    connections: list[float | None]
    connect_errors_per_s: list[float]
    closed_per_s: list[float]
    wire_in_bytes_per_s: list[float | None]
    wire_out_bytes_per_s: list[float | None]
    received_per_s: list[float | None]
    lost_per_s: list[float]
    duplicate_per_s: list[float]
    server_cpu_cores: list[float | None]
    server_rss_bytes: list[float | None]
    generator_cpu_cores: list[float | None]
    generator_loop_lag_s: list[float | None]
    operations: list[OperationSeries]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a renderer needs, and the JSON that scripts rely on.

    ``doubts`` make the run suspect; ``remarks`` do not. ``operations_merged`` hold all names
    of one operation together, for operations that have several. ``targets`` is empty where there was
    one. ``server`` is all sampled servers together, ``servers`` each of them. ``visits`` is null where
    no user arrived or ended, ``away`` where no connection was lost that was to come back, ``backlog`` where
    no store was measured and nothing came that was sent while its user was away, ``capacity`` where
    none was searched for, ``delivery_by_node`` where it was not known which server a connection was on,
    ``comparison`` where there was no baseline, ``leak`` where no server was observed
    for ten minutes of steady load. ``faults`` is empty where nothing was broken on purpose.
    """

    version: int = VERSION
    verdict: Verdict
    valid: Valid
    doubts: list[str]
    remarks: list[str]
    target: Target
    targets: list[TargetFigures]
    scenario: str
    runs: list[RunInfo]
    steady: Steady
    sizing: Sizing
    connections: ConnectionFigures
    operations: list[OperationFigures]
    operations_merged: list[OperationFigures]
    delivery: DeliveryFigures
    audiences: list[AudienceFigures]
    delivery_by_node: ByNodeFigures | None = None
    outages: list[OutageFigures]
    away: AwayFigures | None
    faults: list[FaultFigures] = []
    backlog: BacklogFigures | None = None
    bandwidth: Bandwidth
    server: ServerFigures | None
    servers: list[ServerFigures]
    capacity: CapacityFigures | None = None
    leak: LeakFigures | None = None
    generator: GeneratorFigures
    gates: list[GateResult]
    exceptions: list[ExceptionFigures]
    user_classes: list[UserClassFigures]
    visits: VisitFigures | None = None
    comparison: Comparison | None
    series: Series


def format_cores(cores: float) -> str:
    """Write a number of cores: ``1 core``, ``2.5 cores``."""
    return "1 core" if cores == 1 else f"{format_count(cores)} cores"
