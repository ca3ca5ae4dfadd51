"""Measured figures as they are written: every form of a plan shares these."""

from siotool.units import format_byte_rate, format_duration, format_size


def amount(value: float, unit: str) -> str:
    """Write a measured figure in its unit."""
    match unit:
        case "bytes":
            return format_size(value)
        case "bytes/s":
            return format_byte_rate(value)
        case "core-seconds" | "core-seconds/s":
            return format_duration(value)
        case _:
            return f"{value:.3g} {unit}"
