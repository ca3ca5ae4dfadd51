"""The planned side of the sizing table: as many of the formula's six figures as are known."""

import msgspec

from siotool.errors import InputError
from siotool.formula import Figures

#: Figures beyond these are mistakes, and the formula's result might be no number.
LARGEST, SMALLEST = 1e18, 1e-9
_DIVIDES = ("workday_s", "capacity_bytes_per_s")


class Planned(msgspec.Struct, frozen=True):
    """Planned figures in the SI units of ``Figures``; None where unknown."""

    connections: float | None = None
    consumption_rate_bytes_per_s: float | None = None
    downtime_s: float | None = None
    workday_s: float | None = None
    capacity_bytes_per_s: float | None = None
    utilization: float | None = None

    def __post_init__(self) -> None:
        """Refuse what the formula would refuse, also when other figures are missing."""
        harmless = Figures(0, 0, 0, 24 * 3600.0, 1, 1.0)
        msgspec.structs.replace(harmless, **self.known())
        for name, value in self.known().items():
            if value > LARGEST or (name in _DIVIDES and value < SMALLEST):
                raise InputError(f"{name} is {value:g}, which no service has", "check its unit")

    def known(self) -> dict[str, float]:
        """Return the figures that are known, by name."""
        return {key: value for key, value in msgspec.structs.asdict(self).items() if value is not None}
