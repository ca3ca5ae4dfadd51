"""The planned side of the sizing table: as many of the formula's six figures as are known."""

import msgspec

from siotool.errors import InputError
from siotool.formula import Figures

#: What the formula is fed with where nothing was planned and nothing can be measured.
DEFAULT_DOWNTIME_S = 0.0
DEFAULT_WORKDAY_S = 24 * 3600.0
DEFAULT_UTILIZATION = 0.7


#: Figures beyond these are slips, and what the formula makes of them might be no number.
LARGEST, SMALLEST = 1e18, 1e-9
_DIVIDES = ("workday_s", "capacity_bytes_per_s")


class Planned(msgspec.Struct, frozen=True):
    """Planned figures in the SI units of ``Figures``; None where nobody said."""

    connections: float | None = None
    consumption_rate_bytes_per_s: float | None = None
    downtime_s: float | None = None
    workday_s: float | None = None
    capacity_bytes_per_s: float | None = None
    utilization: float | None = None

    def __post_init__(self) -> None:
        """Refuse what the formula would refuse, also when other figures are missing."""
        harmless = Figures(0, 0, 0, DEFAULT_WORKDAY_S, 1, DEFAULT_UTILIZATION)
        msgspec.structs.replace(harmless, **self.known())
        for name, value in self.known().items():
            if value > LARGEST or (name in _DIVIDES and value < SMALLEST):
                raise InputError(f"{name} is {value:g}, which no service has", "check its unit")

    @classmethod
    def of(cls, figures: Figures) -> "Planned":
        """Return the complete figures of a plan."""
        return cls(**msgspec.structs.asdict(figures))

    def known(self) -> dict[str, float]:
        """Return the figures that are known, by name."""
        return {key: value for key, value in msgspec.structs.asdict(self).items() if value is not None}

    def over(self, other: "Planned") -> "Planned":
        """Return these figures, completed by another's."""
        return Planned(**(other.known() | self.known()))

    def figures(self) -> Figures | None:
        """Return the formula's figures when all six are known."""
        known = self.known()
        return Figures(**known) if len(known) == len(self.__struct_fields__) else None


class _PlanFile(msgspec.Struct):
    version: int
    inputs: Figures


def decode_plan(data: bytes, source: str) -> Planned:
    """Read what ``siotool plan --format json`` wrote; ``source`` names it in errors."""
    try:
        plan = msgspec.json.decode(data, type=_PlanFile)
    except (ValueError, RecursionError) as error:  # no JSON, none of ours, or nested without end
        raise InputError(f"{source}: {error}", "give the output of siotool plan --format json") from error
    except InputError as error:
        raise InputError(f"{source}: {error.message}", error.hint) from error
    if plan.version != 1:
        raise InputError(
            f"{source} has plan format {plan.version}; this siotool reads 1", "make the plan again"
        )
    return Planned.of(plan.inputs)
