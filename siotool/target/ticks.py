"""How many ``tick`` events the embedded target may send; apart, as its server is slow to import."""

from siotool.errors import InputError


def check_ticks(per_s: float) -> None:
    """Raise InputError for a rate that is none, or more than the target is for."""
    if not 0 <= per_s <= 10_000:
        raise InputError(f"tick rate {per_s:g} is out of range", "use 0 (none) to 10000 per second")
