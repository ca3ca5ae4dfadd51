"""Quantities with units, as people write them, to SI floats and back.

Inside siotool a duration is in seconds, a size in bytes, a rate in bytes per second, a
share between 0 and 1. kB and KB are 1000 bytes, KiB is 1024. A bare ``b`` is refused:
half of its readers take it for bits.
"""

import math
import re

from siotool.errors import UnitError

_NUMBER = re.compile(
    r"^\s*([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|nan))\s*(.*?)\s*$", re.I
)

_PREFIX = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_PREFIX_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_COUNT = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_BYTES = (
    {p + "B": f for p, f in _PREFIX.items()}
    | {p + "B": f for p, f in _PREFIX_BINARY.items()}
    | {p + "bit": f / 8 for p, f in _PREFIX.items()}
    | {p + "bit": f / 8 for p, f in _PREFIX_BINARY.items()}
)
_BYTE_RATE = (
    {unit + "/s": f for unit, f in _BYTES.items()}
    | {unit[:-3] + "bps": f for unit, f in _BYTES.items() if unit.endswith("bit")}
    | {unit[:-1] + "Bps": f for unit, f in _BYTES.items() if unit.endswith("B")}
)
_SHARE = {"": 1.0, "%": 0.01}


def _parse(text: str, units: dict[str, float], *, what: str, example: str) -> float:
    match = _NUMBER.match(text)
    if match is None:
        raise UnitError(f"{what}: {text!r} is not a quantity", f"write it like {example}")
    number, unit = match.groups()
    value = float(number.replace("_", ""))
    if not math.isfinite(value):
        raise UnitError(f"{what}: {text!r} is not a finite number", f"write it like {example}")
    if unit not in units:
        if not unit and value == 0:
            return 0.0
        wrong = f"has the unit {unit!r}" if unit else "has no unit"
        raise UnitError(f"{what}: {text!r} {wrong}; expected one like {example}", _hint(unit, units))
    value *= units[unit]
    if not math.isfinite(value):
        raise UnitError(f"{what}: {text!r} is too large", f"write it like {example}")
    return value


def _hint(unit: str, units: dict[str, float]) -> str:
    if re.search(r"^[kKMGT]?i?b(/s)?$", unit):
        return "a lone b is ambiguous: write B for bytes or bit for bits"
    known = [u for u in units if u]
    nearest = [u for u in known if u.lower() == unit.lower()]
    if nearest:
        return f"did you mean {nearest[0]}?"
    return "known units: " + ", ".join(known[:14])


def parse_count(text: str, what: str = "count") -> float:
    """Read a number of things: ``250``, ``10k``, ``1.5M``, ``1_000_000``."""
    return _parse(text, _COUNT, what=what, example="250, 10k or 1M")


def parse_byte_rate(text: str, what: str = "rate") -> float:
    """Read a bandwidth in bytes per second: ``2KB/s``, ``16kbit/s``, ``1MiB/s``, ``100Mbps``."""
    return _parse(text, _BYTE_RATE, what=what, example="2KB/s or 16kbit/s (a bandwidth)")


def parse_size(text: str, what: str = "size") -> float:
    """Read a size in bytes: ``64B``, ``16KiB``, ``2MB``."""
    return _parse(text, _BYTES, what=what, example="64B, 2kB or 16KiB")


def parse_duration(text: str, what: str = "duration") -> float:
    """Read a duration in seconds: ``250ms``, ``30s``, ``5min``, ``0.5h``."""
    return _parse(text, _SECONDS, what=what, example="250ms, 30s, 5min or 0.5h")


def parse_share(text: str, what: str = "share") -> float:
    """Read a share of one: ``70%`` or ``0.7``."""
    return _parse(text, _SHARE, what=what, example="70% or 0.7")


def _scaled(value: float, steps: list[tuple[float, str]]) -> str:
    for factor, unit in steps:
        if abs(value) >= factor * 0.9995:
            return f"{_digits(value / factor)} {unit}"
    factor, unit = steps[-1]
    return f"{_digits(value / factor)} {unit}"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def format_size(value: float) -> str:
    """Write bytes with a decimal prefix: ``1.5 kB``, ``100 MB``."""
    return _scaled(value, [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")])


def format_byte_rate(value: float) -> str:
    """Write bytes per second with a decimal prefix: ``2 kB/s``."""
    return format_size(value) + "/s"


def format_duration(value: float) -> str:
    """Write seconds in the unit a person would choose: ``4.2 ms``, ``30 s``, ``24 h``."""
    return _scaled(value, [(3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")])


def format_count(value: float) -> str:
    """Write a count with thousands separators; fractions keep three digits."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else _digits(value)


def format_share(value: float) -> str:
    """Write a share of one as a percentage."""
    return f"{_digits(value * 100)} %"
