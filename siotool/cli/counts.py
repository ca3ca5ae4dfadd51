"""Servers from figures: the planner's answer to what was planned, and to what runs measured.

A report counts as ``siotool plan --from`` does: with ``siotool.plan.sizing.sizing`` and what the planner
learns from runs. The same figures make the same number of servers in both.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from siotool.cli.count_stages import stages_of
from siotool.cli.learnt import Learnt, learnt_from
from siotool.cli.measured_capacity import with_search
from siotool.cli.options import DRAWS, SEED
from siotool.errors import InputError
from siotool.plan.evidence.calibrated import CalibratedProfile
from siotool.plan.inputs import compose
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.model import ConstraintRow, Plan
from siotool.plan.sizing.replan import ReadBack
from siotool.plan.sizing.sizing import size
from siotool.plan.storage.offline import storage
from siotool.report.backlog_figures import PlannedBacklog, PlannedStore
from siotool.report.contents import Bandwidth, ConnectionFigures
from siotool.report.planned import Planned
from siotool.report.sizing_figures import Answer, ConstraintFigures, Counts
from siotool.runfile import Run
from siotool.runs.seconds import Seconds

#: Whose figures a count rests on.
Figures = Literal["planned", "measured"]

#: The formula's figures → the fields of the report's planned side.
_FORMULA = (
    ("workload.connections", "connections"),
    ("workload.consumption_rate", "consumption_rate_bytes_per_s"),
    ("goals.downtime", "downtime_s"),
    ("goals.workday", "workday_s"),
    ("server.capacity", "capacity_bytes_per_s"),
    ("server.utilization", "utilization"),
)
#: A run measures these of its own machine; planned values go first.
_PLANNED_FIRST = ("server.capacity", "server.processes", "server.process_cores", "server.memory")


class Intent(msgspec.Struct, frozen=True):
    """What was planned: figures that were typed, over a plan that was read; both may be empty.

    ``profile`` has the costs that the measured side is counted with, in the place of the runs' own.
    """

    typed: Inputs = Inputs()
    plan: ReadBack | None = None
    profile: CalibratedProfile | None = None

    @property
    def inputs(self) -> Inputs:
        """All that was planned, before defaults."""
        return compose.over(self.typed, self.plan.inputs) if self.plan is not None else self.typed

    @property
    def planned(self) -> Planned:
        """The formula's figures, with the defaults of a plan where anything was planned at all."""
        inputs = self.inputs
        if not inputs.figures:
            return Planned()
        known = compose.complete(_at_least_one(inputs))
        figures = {name: middle_of(known, key) for key, name in _FORMULA if key in known}
        if "workload.connections" not in inputs:
            del figures["connections"]
        if self.plan is not None and "consumption_rate_bytes_per_s" not in figures:
            figures["consumption_rate_bytes_per_s"] = self.plan.formula.consumption_rate_bytes_per_s
        return Planned(**figures)


class Counting(msgspec.Struct, frozen=True):
    """Counts servers for a report of ``runs``, as ``siotool.report.join.summarize`` asks."""

    runs: Sequence[Run]
    intent: Intent = Intent()

    def __call__(self, connections: ConnectionFigures, bandwidth: Bandwidth, seconds: Seconds) -> Counts:
        """Return what the planner makes of the planned figures, and of the measured ones."""
        planned = self.intent.inputs
        learnt = learnt_from(self.runs, seconds, bandwidth, self.intent.profile, planned=planned)
        measured, how = self._measured(connections, learnt)
        return Counts(
            planned=self._planned(),
            measured=measured,
            how=how,
            capacity=learnt.capacity,
            costs=learnt.costs,
            planned_by={
                name.removesuffix("_bytes_per_s").removesuffix("_s"): planned.figures[key].provenance.kind
                for key, name in _FORMULA
                if key in planned
            },
            planned_bytes=_message_bytes(planned),
            run_bytes=_message_bytes(learnt.seen),
            backlog=_backlog(planned),
        )

    def _planned(self) -> Answer | None:
        inputs = self.intent.inputs
        has_rate = "workload.consumption_rate" in inputs or inputs.messages
        if "workload.connections" not in inputs or "server.capacity" not in inputs or not has_rate:
            return None
        answer = _answer(inputs, "planned")
        plan = self.intent.plan
        if plan is None or plan.servers is None or plan.document is None or self.intent.typed.figures:
            return answer
        *before, last = answer.stages
        return msgspec.structs.replace(
            answer,
            servers=plan.servers.p95,
            document=plan.document.servers,
            document_exact=plan.document.servers_exact,
            # as it was made, with ranges that a plan read back has not in full
            stages=[*before, msgspec.structs.replace(last, servers=plan.servers.p95)],
        )

    def _measured(self, connections: ConnectionFigures, learnt: Learnt) -> tuple[Answer | None, str]:
        planned = self.intent.inputs
        if not learnt.seen.figures:
            return None, "no open connection to measure"
        inputs = measured_over(planned, learnt.seen)
        if learnt.searched is not None:
            complete = compose.complete(_at_least_one(planned))
            inputs = with_search(inputs, learnt.searched, middle_of(complete, "server.utilization"))
        if "workload.connections" not in inputs and connections.peak:
            origin = Provenance("measured", "the most that were open")
            inputs = inputs.replaced({"workload.connections": Figure(float(connections.peak), origin)})
        missing = [
            what
            for what, there in (
                ("connections", "workload.connections" in inputs),
                ("consumption rate", "workload.consumption_rate" in inputs),
                (
                    f"capacity ({learnt.lacks or 'sample the server with --server-pid'}, or give --capacity)",
                    "server.capacity" in inputs,
                ),
            )
            if not there
        ]
        if missing:
            return None, f"no {' and no '.join(missing)}"
        try:
            answer = _answer(inputs, "measured")
        except InputError as error:
            return None, error.message
        return msgspec.structs.replace(answer, bound=learnt.bound), learnt.how


def _message_bytes(inputs: Inputs) -> float | None:
    """The payload of the only kind of message; None where there are none or several."""
    sizes = [f"workload.messages.{one.name}.size" for one in inputs.messages]
    return middle_of(inputs, sizes[0]) if len(sizes) == 1 and sizes[0] in inputs else None


def _backlog(planned: Inputs) -> PlannedBacklog | None:
    """The storage of a plan; None for one without."""
    if not any(
        key.startswith("storage.") and one.provenance.kind != "default"
        for key, one in planned.figures.items()
    ):
        return None
    known = storage(compose.complete(_at_least_one(planned)), draws=DRAWS, seed=SEED)
    if known is None:
        return None
    stores = {one.kind: PlannedStore(one.name, one.record_bytes + one.index_bytes) for one in known.stores}
    return PlannedBacklog(
        written_per_s=known.messages_per_s,
        drain_s=known.drain_s,
        stores={"postgres": stores["relational"], "mongo": stores["document"]},
        chosen=next((stores[one.kind] for one in known.stores if one.chosen), None),
    )


def measured_over(planned: Inputs, seen: Inputs) -> Inputs:
    """Return what runs showed, completed by what was planned.

    What a server is, its network and its memory stay as planned where they were.
    """
    given = {key: one for key, one in planned.figures.items() if one.provenance.kind != "default"}
    first = {key: given[key] for key in _PLANNED_FIRST if key in given}
    learnt = "server.processes" in seen  # then what other runs saw does not apply to this one
    rest = {
        key: one
        for key, one in planned.figures.items()
        if not (seen.messages and key.startswith("workload.messages."))
        and not (learnt and key.startswith("server.seen_"))
    }
    merged = compose.over(Inputs(first), compose.over(seen, Inputs(rest)))
    return Inputs(merged.figures, seen.messages or planned.messages)


def _answer(inputs: Inputs, figures: Figures) -> Answer:
    complete = compose.complete(inputs)
    plan = size(complete, draws=DRAWS, seed=SEED, sensitivities=False)
    return Answer(
        servers=plan.servers.p95,
        document=plan.document.servers,
        document_exact=plan.document.servers_exact,
        server=plan.server,
        constraints=[_constraint(one, figures) for one in plan.constraints if one.demand > 0],
        binding=plan.binding,
        remedy=_remedy(plan),
        stages=stages_of(complete, plan, figures, draws=DRAWS, seed=SEED),
    )


def _remedy(plan: Plan) -> str:
    return (plan.remedy or "no number of servers is enough") if plan.servers.p95 is None else ""


def _constraint(one: ConstraintRow, figures: Figures) -> ConstraintFigures:
    return ConstraintFigures(
        name=one.name if one.tier == "servers" else f"{one.name} ({one.tier})",
        figures=figures,
        demand=one.demand,
        capacity_per_server=one.capacity_per_server,
        unit=one.unit,
        servers=one.servers_p95,
        how=one.sentence,
    )


def _at_least_one(inputs: Inputs) -> Inputs:
    if "workload.connections" in inputs:
        return inputs
    return inputs.replaced({"workload.connections": Figure(1.0, Provenance("default"))})
