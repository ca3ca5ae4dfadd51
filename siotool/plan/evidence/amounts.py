"""Measured figures as they are written: every form of a plan shares these."""

from siotool.plan.model import Evidence
from siotool.units import format_byte_rate, format_duration, format_share, format_size


def amount(value: float, unit: str) -> str:
    """Write a measured figure in its unit."""
    match unit:
        case "bytes":
            return format_size(value)
        case "bytes/s":
            return format_byte_rate(value)
        case "core-seconds" | "core-seconds/s":
            return format_duration(value)
        case _:
            return f"{value:.3g} {unit}"


def cost_name(name: str) -> str:
    """Return what a measured figure is of, for a table of costs: ``memory per connection``."""
    return name.removeprefix("server.").removesuffix("_cost").removesuffix("_per_s").replace("_", " ")


def fit_words(evidence: Evidence) -> list[str]:
    """Return how well the fit explains the runs; what is doubtful about it are its remarks."""
    runs = f"{len(evidence.runs)} run{'s' * (len(evidence.runs) != 1)} ({', '.join(evidence.runs)})"
    said = [
        f"{len(evidence.observed_cores):,} seconds of {runs}; the fit explains "
        f"{format_share(evidence.explained)} of the CPU's variance and misses by "
        f"{evidence.residual_sd_cores:.3f} cores (one standard deviation)."
    ]
    if evidence.scaling is not None:
        said.append(evidence.scaling.sentence)
    return said
