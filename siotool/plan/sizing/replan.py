"""A plan read back: from what ``siotool plan --format json`` wrote to the inputs it was made from.

Ranges come back as their 90 % bounds and their median, so a plan made again differs a little.
The result of this one is read as it was.
"""

import msgspec

from siotool.errors import InputError
from siotool.formula import Figures
from siotool.plan.inputs import fields, planfile
from siotool.plan.inputs.figure import Figure, Inputs, MessageChoice, Value
from siotool.plan.inputs.middles import bounds_of
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.model import Fleet, FleetCost, FormulaServers, InputFigure

VERSION = 1

#: The formula's figures in a plan → their keys.
_FORMULA = (
    ("connections", "workload.connections"),
    ("consumption_rate_bytes_per_s", "workload.consumption_rate"),
    ("downtime_s", "goals.downtime"),
    ("workday_s", "goals.workday"),
    ("capacity_bytes_per_s", "server.capacity"),
    ("utilization", "server.utilization"),
)


class ReadBack(msgspec.Struct, frozen=True):
    """A plan's inputs, the formula's figures and result, the servers and their cost; None where unknown."""

    inputs: Inputs
    formula: Figures
    document: FormulaServers | None
    servers: Fleet | None
    cost: FleetCost | None


class _PlanFile(msgspec.Struct):
    version: int
    inputs: Figures
    figures: list[InputFigure] = []
    messages: list[MessageChoice] = []
    document: FormulaServers | None = None
    servers: Fleet | None = None
    cost: FleetCost | None = None


def decode(data: bytes, source: str) -> ReadBack:
    """Read what ``siotool plan --format json`` wrote; ``source`` names it in errors.

    Raises InputError for what is not a plan, has another version, or impossible figures.
    """
    try:
        plan = msgspec.json.decode(data, type=_PlanFile)
        figures = {figure.key: _figure(figure, source) for figure in plan.figures}
    except (ValueError, RecursionError) as error:  # not JSON, not a plan, or nested too deep
        raise InputError(f"{source}: {error}", "give the output of siotool plan --format json") from error
    except InputError as error:
        raise InputError(f"{source}: {error.message}", error.hint) from error
    if plan.version != VERSION:
        raise InputError(
            f"{source} has plan format {plan.version}; this siotool reads {VERSION}", "make the plan again"
        )
    if not figures:
        typed = Provenance("typed", source)
        figures = {key: Figure(getattr(plan.inputs, name), typed) for name, key in _FORMULA}
    inputs = Inputs(figures, tuple(plan.messages))
    return ReadBack(inputs, plan.inputs, plan.document, plan.servers, plan.cost)


def _figure(figure: InputFigure, source: str) -> Figure:
    try:
        field = fields.field_of(figure.key)
    except LookupError:
        raise InputError(f"{figure.key} is not a figure of a plan", "make the plan again") from None
    if field.kind in ("flag", "choice"):
        return planfile.read(field, figure.text or "", f"{source}: {figure.key}", figure.provenance)
    if figure.value is None:
        raise InputError(f"{figure.key} has no value", "make the plan again")
    value: Value = figure.value
    planfile.check(field, figure.value, figure.key)
    if figure.p5 is not None and figure.p95 is not None and figure.p5 < figure.p95:
        # numpy, for ranges only
        from siotool.plan.inputs.distributions import with_median  # noqa: PLC0415

        median = min(max(figure.value, figure.p5), figure.p95)
        value = with_median(figure.p5, median, figure.p95, bounds_of(figure.key), figure.key)
    return Figure(value, figure.provenance)
