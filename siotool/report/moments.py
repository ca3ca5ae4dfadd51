"""Times of runs as people write them."""

from datetime import UTC, datetime


def minute(started_at: str, ending: str = "") -> str:
    """An ISO time to the minute, ``2026-01-01 00:00`` and ``ending``; what is none in UTC, as it is."""
    try:
        return f"{datetime.fromisoformat(started_at).astimezone(UTC):%Y-%m-%d %H:%M}{ending}"
    except (ValueError, OverflowError):  # the second: a time in the years 1 and 9999 may be in no year of UTC
        return started_at
