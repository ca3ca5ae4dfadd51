"""Figures of a running test, written as short as a line of the live view needs them."""

from siotool.units import format_duration


def percent(cores: float) -> str:
    """Cores as a percentage of one."""
    return f"{cores * 100:.0f} %"


def time(seconds: float | None) -> str:
    """A duration, or a dash where nothing was timed."""
    return "–" if seconds is None else format_duration(seconds)


def number(count: int) -> str:
    """A count in at most seven characters: exact below a million."""
    return f"{count:,}" if count < 1_000_000 else short(count)


def short(count: int) -> str:
    """A count in at most six characters: exact below a hundred thousand."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor and count >= 100_000:
            value = count / factor
            return f"{value:,.0f}{prefix}" if value >= 100 else f"{value:.2f}{prefix}"
    return f"{count:,}"


def plural(count: int, noun: str, ending: str = "s") -> str:
    """A count of things."""
    return f"{number(count)} {noun}{'' if count == 1 else ending}"


def clock(seconds: float) -> str:
    """Seconds since the start as minutes and seconds, with hours where there are any."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
