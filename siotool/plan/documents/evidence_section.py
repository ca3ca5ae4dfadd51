"""What measured runs say, in a plan's document; and how measured figures are written."""

from collections.abc import Sequence

from siotool.document.document import Block, Chart, Row, Section, Sentence, Table, columns
from siotool.plan.model import Evidence
from siotool.units import format_byte_rate, format_duration, format_share, format_size


def evidence(known: Evidence, charts: Sequence[Chart]) -> Section:
    """Return how well the fit explains the runs, what is doubtful about it, and what the work costs."""
    runs = f"{len(known.runs)} run{'s' * (len(known.runs) != 1)} ({', '.join(known.runs)})"
    said = [
        f"{len(known.observed_cores):,} seconds of {runs}; the fit explains "
        f"{format_share(known.explained)} of the CPU's variance and misses by "
        f"{known.residual_sd_cores:.3f} cores (one standard deviation)."
    ]
    if known.scaling is not None:
        said.append(known.scaling.sentence)
    rows = [
        Row(
            [
                cost_name(cost.name),
                amount(cost.value, cost.unit),
                f"{amount(cost.p5, cost.unit)} to {amount(cost.p95, cost.unit)}",
                cost.how,
            ]
        )
        for cost in known.costs
    ]
    blocks: list[Block] = [*map(Sentence, said), *(Sentence(remark, "remark") for remark in known.remarks)]
    blocks += [*charts, Table(columns("measured", "value>", "90 % interval>", "how"), rows)]
    return Section("evidence", "What was measured", blocks)


def amount(value: float, unit: str) -> str:
    """Write a measured figure in its unit."""
    match unit:
        case "bytes":
            return format_size(value)
        case "bytes/s":
            return format_byte_rate(value)
        case "core-seconds" | "core-seconds/s":
            return format_duration(value)
    return f"{value:.3g} {unit}"


def cost_name(name: str) -> str:
    """Return what a measured figure is of, for a table of costs: ``memory per connection``."""
    return name.removeprefix("server.").removesuffix("_cost").removesuffix("_per_s").replace("_", " ")
