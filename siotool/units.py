"""Quantities with units, as people write them, to SI floats and back.

Inside siotool a duration is in seconds, a size in bytes, a rate in bytes per second, a
share between 0 and 1. kB and KB are 1000 bytes, KiB is 1024. A bare ``b`` is refused:
half of its readers take it for bits.
"""

import math
import re
from decimal import Decimal, DecimalException

from siotool.errors import UnitError

_NUMBER = re.compile(
    r"^\s*([-+]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|nan))\s*(.*?)\s*$", re.I
)

# Factors are decimals, so that 70% is 0.7 and 16kbit/s is 2KB/s to the last bit.
_PREFIX = {p: Decimal(f) for p, f in (("", 1), ("k", 10**3), ("K", 10**3), ("M", 10**6), ("G", 10**9))}
_PREFIX_BYTES = _PREFIX | {"T": Decimal(10**12)}
_PREFIX_BINARY = {"Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40)}

_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "sec": Decimal(1),
    "min": Decimal(60),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_COUNT = _PREFIX
_BYTES = (
    {p + "B": f for p, f in _PREFIX_BYTES.items()}
    | {p + "B": f for p, f in _PREFIX_BINARY.items()}
    | {p + "bit": f / 8 for p, f in _PREFIX_BYTES.items()}
    | {p + "bit": f / 8 for p, f in _PREFIX_BINARY.items()}
)
_BYTE_RATE = (
    {unit + "/s": f for unit, f in _BYTES.items()}
    | {unit[:-3] + "bps": f for unit, f in _BYTES.items() if unit.endswith("bit")}
    | {unit[:-1] + "Bps": f for unit, f in _BYTES.items() if unit.endswith("B")}
)
_SHARE = {"": Decimal(1), "%": Decimal("0.01")}
_RATE = {
    f"{prefix}/{unit}": factor / _SECONDS[unit]
    for unit in ("s", "min", "h", "d")
    for prefix, factor in _PREFIX.items()
}


def _parse(text: str, units: dict[str, Decimal], *, what: str, example: str) -> float:
    match = _NUMBER.match(text.replace("\u03bc", "\u00b5"))  # the Greek letter mu for the micro sign
    if match is None:
        raise UnitError(f"{what}: {text!r} is not a quantity", f"write it like {example}")
    number, unit = match.groups()
    if not math.isfinite(float(number)):
        raise UnitError(f"{what}: {text!r} is not a finite number", f"write it like {example}")
    if unit not in units:
        if not unit and float(number) == 0:
            return 0.0
        wrong = f"has the unit {unit!r}" if unit else "has no unit"
        if unit[:1] == "," or unit[:1].isdigit():
            wrong = "has a separator"
        raise UnitError(f"{what}: {text!r} {wrong}; expected one like {example}", _hint(unit, units))
    try:
        value = float(Decimal(number) * units[unit]) + 0.0  # no negative zero
    except DecimalException:
        value = 0.0  # so small that even its exponent is out of range
    if not math.isfinite(value):
        raise UnitError(f"{what}: {text!r} is too large", f"write it like {example}")
    return value


def _hint(unit: str, units: dict[str, Decimal]) -> str:
    if unit[:1] == "," or unit[:1].isdigit():
        return "1,500 is read differently in different places: write 1500, 1_500 or 1.5"
    if re.search(r"^[kmgt]?i?b(/s)?$", unit, re.I) and "b" in unit:
        return "a lone b is ambiguous: write B for bytes or bit for bits"
    known = [u for u in units if u]
    nearest = {units[u]: u for u in reversed(known) if u.lower() in (unit.lower(), f"{unit}/s".lower())}
    if nearest:
        return f"did you mean {' or '.join(sorted(nearest.values()))}?"
    return "known units: " + ", ".join(known[:14])


def parse_count(text: str, what: str = "count") -> float:
    """Read a number of things: ``250``, ``10k``, ``1.5M``, ``1_000_000``."""
    return _parse(text, _COUNT, what=what, example="250, 10k or 1M")


def parse_byte_rate(text: str, what: str = "rate") -> float:
    """Read a bandwidth in bytes per second: ``2KB/s``, ``16kbit/s``, ``1MiB/s``, ``100Mbps``."""
    return _parse(text, _BYTE_RATE, what=what, example="2KB/s or 16kbit/s (a bandwidth)")


def parse_rate(text: str, what: str = "rate") -> float:
    """Read how often something happens, per second: ``2/s``, ``10/min``, ``1.5k/s``."""
    return _parse(text, _RATE, what=what, example="2/s, 10/min or 5k/s")


def parse_factor(text: str, what: str = "factor") -> float:
    """Read a plain number: ``1.5``, ``3``."""
    return _parse(text, {"": Decimal(1)}, what=what, example="1.5")


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


def format_rate(value: float) -> str:
    """Write how often something happens: ``2 /s``, ``1.5 M/s``."""
    return _scaled(value, [(1e6, "M/s"), (1e3, "k/s"), (1, "/s")])


def format_duration(value: float) -> str:
    """Write seconds in the unit a person would choose: ``4.2 ms``, ``30 s``, ``24 h``."""
    if value == 0:
        return "0 s"
    return _scaled(value, [(3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")])


def format_count(value: float) -> str:
    """Write a count with thousands separators; fractions keep three digits."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else _digits(value)


def format_share(value: float) -> str:
    """Write a share of one as a percentage; close to 1 with as many nines as it has."""
    missing = 1 - value
    if 0 < missing < 0.1:
        decimals = min(12, 1 - math.floor(math.log10(missing * 100)))
        return f"{value * 100:.{max(decimals, 1)}f}".rstrip("0").rstrip(".") + " %"
    return f"{_digits(value * 100)} %"
