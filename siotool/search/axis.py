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
#: Units of loads that several servers share out among them.
SHARED_OUT = frozenset({"connections", "connects_per_s"})


#: What a column of loads is called, by their unit.
HEADINGS = {
    "connections": "connections",
    "per_s": "operations/s of each user",
    "connects_per_s": "connects/s",
    "bytes": "message",
}


def show_number(unit: str, load: float) -> str:
    """Write a load without the words of its unit: ``18,400``, ``2.5``, ``64 B``."""
    match unit:
        case "connections":
            return f"{load:,.0f}"
        case "bytes":
            return units.format_size(load)
        case _:
            return units.format_count(load)


def show_load(unit: str, load: float) -> str:
    """Write a load with its unit: ``18,400 connections``, ``2.5 operations/s of each user``."""
    number = show_number(unit, load)
    match unit:
        case "connections":
            return f"{number} connection{'' if round(load) == 1 else 's'}"
        case "bytes":
            return f"messages of {number}"
        case _:
            return f"{number} {HEADINGS[unit]}"
