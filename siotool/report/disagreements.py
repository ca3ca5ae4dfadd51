"""Where plan and measurement disagree, and which of them to believe.

A measurement has its interval. It disagrees with the plan where the planned figure lies outside of it, and
further away than ``SAME``: nobody plans more exactly than that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from siotool import units
from siotool.report.capacity_estimate import Source
from siotool.report.sizing_figures import Variable
from siotool.report.uncertain import with_interval

#: A difference below this share is none.
SAME = 0.05
#: Less than this of a server's CPU shows little of a full one.
LIGHT = 0.4
#: Who says a planned figure, in words.
_SAID = MappingProxyType(
    {
        "published": "a published figure, of another service",
        "default": "a default, not a figure of this service",
        "measured": "measured in an earlier run",
        "typed": "typed",
    }
)
_WRITE: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {"bytes_per_s": units.format_byte_rate, "s": units.format_duration}
)
_NAMES = MappingProxyType(
    {"consumption_rate": "consumption rate", "capacity": "capacity", "downtime": "downtime"}
)


class Context(msgspec.Struct, frozen=True):
    """What speaks for and against a measurement.

    ``planned_by`` says who planned a variable, by its name: typed, published, default, measured.
    ``capacity`` is what the measured capacity rests on, ``cpu_share`` of the server was used in the run.
    ``planned_bytes`` and ``run_bytes`` are the payload of a message, planned and in the run, where known.
    """

    planned_by: Mapping[str, str] = MappingProxyType({})
    capacity: Source | None = None
    cpu_share: float | None = None
    planned_bytes: float | None = None
    run_bytes: float | None = None


def disagreements(variables: Sequence[Variable], context: Context) -> list[str]:
    """Return a sentence for each variable of the formula in which plan and measurement disagree."""
    return [_sentence(variable, context) for variable in variables if _differs(variable)]


def _differs(variable: Variable) -> bool:
    planned, measured = variable.planned, variable.measured
    if variable.name not in _NAMES or planned is None or measured is None:
        return False
    low = measured if variable.low is None else variable.low
    high = measured if variable.high is None else variable.high
    near = abs(planned - measured) <= SAME * max(abs(planned), abs(measured))
    return not near and not low <= planned <= high


def _sentence(variable: Variable, context: Context) -> str:
    write = _WRITE[variable.unit]
    planned, measured = variable.planned or 0.0, variable.measured or 0.0
    seen = with_interval(measured, variable.low, variable.high, write)
    by = _SAID.get(context.planned_by.get(variable.name, ""), "")
    who = f" ({by})" if by else ""
    times = f", {_times(measured / planned)} as much" if planned > 0 and measured > 0 else ""
    believe = {"consumption_rate": _rate, "capacity": _capacity, "downtime": _downtime}[variable.name]
    return f"{_NAMES[variable.name]}: planned {write(planned)}{who}, measured {seen}{times}. " + " ".join(
        believe(context)
    )


def _times(factor: float) -> str:
    return f"{factor:.3g} times" if factor < 1000 else f"{factor:,.0f} times"


def _rate(context: Context) -> Iterator[str]:
    asked, had = context.planned_bytes, context.run_bytes
    if asked is not None and had is not None and abs(asked - had) > SAME * max(asked, had):
        yield (
            f"Believe neither yet: messages are planned with {units.format_size(asked)} and had "
            f"{units.format_size(had)} in the run. Run the planned size."
        )
        return
    yield (
        "Believe the measurement, as far as its users did what the service's users do: it has all "
        "overhead of the wire in it."
    )


def _capacity(context: Context) -> Iterator[str]:
    match context.capacity:
        case "search":
            yield "Believe the measurement: the server was loaded with this workload until a gate failed."
        case "line" | "fit" | "profile" if context.cpu_share is not None and context.cpu_share < LIGHT:
            yield (
                f"Believe neither yet: the run took {units.format_share(context.cpu_share)} of the server's "
                "CPU, too little to show a full one. Search for the capacity."
            )
        case "line" | "fit":
            at = (
                ""
                if context.cpu_share is None
                else f" from {units.format_share(context.cpu_share)} of its CPU"
            )
            yield f"Believe the measurement for messages like these, as a guide: it is extrapolated{at}."
        case _:
            yield "Believe the measurement for messages like these, within its interval."
    if context.planned_by.get("capacity") == "typed":
        yield "A planned bandwidth of the network is another limit: the smaller of the two counts."


def _downtime(_: Context) -> Iterator[str]:
    yield (
        "Believe the plan for how often servers are out of service: a run shows how long users are away each "
        "time, and cannot show how often that is."
    )
