"""A comparison in words: one change with its interval, and the difference in servers."""

from siotool.report.comparison_figures import MetricChange, ServersChange


def change(one: MetricChange) -> str:
    """Write a metric's change and its interval: ``cpu_per_event +9.7 % (+5.5 to +13.9 %)``."""
    return f"{one.name} {effect(one.effect, one.relative)} ({interval(one)})"


def interval(one: MetricChange) -> str:
    """Write the interval of a change: ``+5.5 to +13.9 %``."""
    low, high = effect(one.low, one.relative_low), effect(one.high, one.relative_high)
    number, unit = low.split(" ", 1)
    return f"{number} to {high}" if high.endswith(unit) else f"{low} to {high}"


def effect(absolute: float, relative: float | None) -> str:
    """Write a change as a share of the baseline; that of a share in points of a hundred."""
    if relative is None:
        return f"{absolute * 100:+.3g} points"
    return f"{relative * 100:+.1f} %"


def servers(found: ServersChange) -> str:
    """Write the difference in servers and its interval: ``+34 servers (+20 to +48)``; empty for none."""
    if found.effect is None or found.low is None or found.high is None:
        return ""
    noun = "server" if abs(found.effect) == 1 else "servers"
    return f"{signed(found.effect)} {noun} ({signed(found.low)} to {signed(found.high)})"


def signed(count: int) -> str:
    """Write a difference of whole numbers."""
    return f"{count:+,}" if count else "0"
