"""What a report says of the number of servers, planned and measured.

SI units are in the names; what was not measured, or cannot be computed, is None.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool.report.backlog_figures import PlannedBacklog
from siotool.report.capacity_estimate import CapacityEstimate
from siotool.report.cost_figures import CostFigures


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variable of the formula: what was planned, what was measured, and how.

    ``measured`` lies between ``low`` and ``high`` with 95 %; None where it is a count, or the run shows
    no scatter of it.
    """

    name: str
    planned: float | None
    measured: float | None
    low: float | None
    high: float | None
    unit: str
    how: str


class ConstraintFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One resource: demand of the whole service, what one server may give of it, and the servers that makes.

    ``figures`` says whose figures it rests on. ``capacity_per_server`` is null where it is unknown,
    ``servers`` where no number is enough.
    """

    name: str
    figures: Literal["planned", "measured"]
    demand: float
    capacity_per_server: float | None
    unit: str
    servers: int | None
    how: str


class CountStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Servers needed at a stage: ``now`` in service, at the plan's ``growth``, after ``redundancy``.

    Between ``low`` and ``high`` with 90 %, ``servers`` are enough with 95 %: None where no number is, or
    the stage was not counted (``how`` says why). ``binding`` is the constraint that decides it.
    """

    stage: Literal["now", "growth", "redundancy"]
    figures: Literal["planned", "measured"]
    servers: int | None
    low: int | None
    high: int | None
    binding: str
    how: str


class Answer(msgspec.Struct, frozen=True):
    """What the planner makes of a set of figures.

    ``servers`` is the fleet, None where no number is enough (``remedy`` says why); ``document`` and
    ``document_exact`` the published formula alone. ``server`` says what one server is. ``bound`` is
    set where the count is only an upper bound: why, and the load that would give the exact count.
    """

    servers: int | None
    document: int
    document_exact: float
    server: str
    constraints: list[ConstraintFigures]
    binding: str
    remedy: str = ""
    bound: str = ""
    stages: list[CountStage] = []


class Counts(msgspec.Struct, frozen=True):
    """Servers from planned figures, and from the measured ones; ``how`` says what these rest on, or lack.

    ``capacity`` is that of one server where a search, a profile or the run's own costs show it, ``costs``
    what one of each thing costs. ``planned_by`` says who planned a variable of the formula: typed,
    published, default or measured. ``planned_bytes`` and ``run_bytes`` are the payload of a message,
    planned and in the run, ``backlog`` is the storage that was planned.
    """

    planned: Answer | None = None
    measured: Answer | None = None
    how: str = "not counted"
    capacity: CapacityEstimate | None = None
    costs: list[CostFigures] = []
    planned_by: Mapping[str, str] = MappingProxyType({})
    planned_bytes: float | None = None
    run_bytes: float | None = None
    backlog: PlannedBacklog | None = None


class NextTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``command`` to run next, and ``why``: what it would tell."""

    command: str
    why: str


class Sizing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Planned against measured.

    ``document_*`` is the published formula on planned and on measured figures, ``servers_planned`` and
    ``servers_measured`` what siotool's planner makes of them, spares included. ``servers_needed``
    is the larger of the two, ``binding`` the constraint that asks for it. ``servers_measured`` is null
    where the run is no evidence of a server's capacity; it is an upper bound where ``bound`` is set.
    ``server`` says what one server is. ``stages`` has the servers step by step, ``capacity`` what that of
    one server rests on, ``costs`` what one connection, delivery, call and handshake take.
    ``disagreements`` are sentences on where plan and measurement differ, and which to believe;
    ``next_test`` narrows the count most.
    """

    variables: list[Variable]
    document_planned: int | None
    document_planned_exact: float | None
    document_measured: int | None
    document_measured_exact: float | None
    servers_planned: int | None
    servers_measured: int | None
    servers_measured_how: str
    servers_needed: int | None
    bound: str
    server: str
    constraints: list[ConstraintFigures]
    binding: str | None
    stages: list[CountStage]
    capacity: CapacityEstimate | None
    costs: list[CostFigures]
    disagreements: list[str]
    next_test: NextTest
