"""What a search may raise, and how its loads are written."""

from siotool import units
from siotool.searched import SearchAxis

#: The unit of a capacity, by what was raised.
UNITS: dict[SearchAxis, str] = {
    "users": "connections",
    "rate": "per_s",
    "connects": "connects_per_s",
    "size": "bytes",
}
#: Loads that are whole numbers.
WHOLE: frozenset[SearchAxis] = frozenset({"users", "size"})


def show_load(unit: str, load: float) -> str:
    """Write a load with its unit: ``18,400 connections``, ``2.5 operations/s of each user``."""
    match unit:
        case "connections":
            return f"{load:,.0f} connection{'' if round(load) == 1 else 's'}"
        case "bytes":
            return f"messages of {units.format_size(load)}"
        case "per_s":
            return f"{units.format_count(load)} operations/s of each user"
        case _:
            return f"{units.format_count(load)} connects/s"
