"""How the figures of compared metrics are written, by their unit."""

from collections.abc import Callable

from siotool import units
from siotool.report.contents import format_cores

_WRITTEN: dict[str, Callable[[float], str]] = {
    "s": units.format_duration,
    "bytes": units.format_size,
    "bytes_per_s": units.format_byte_rate,
    "cores": format_cores,
    "share": units.format_share,
}


def written(unit: str) -> Callable[[float], str]:
    """Return what writes a figure of a unit."""
    return _WRITTEN[unit]
