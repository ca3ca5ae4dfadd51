"""How far off a time is that begins on one machine and ends on another, in words."""

from siotool import units
from siotool.document.groups import NONE

#: Said below times of deliveries between machines.
CLOCKS = (
    " Clocks: by how much the clocks of two machines may differ, in 95 % of the seconds; ! where it is more "
    "than a tenth of p50."
)


def clock_error(error_s: float | None, middle_s: float | None) -> str:
    """Write the error; marked where it is more than a tenth of the times' median."""
    if error_s is None:
        return NONE
    coarse = middle_s is not None and error_s > middle_s / 10
    return units.format_duration(error_s) + (" !" if coarse else "")
