"""JSON that JavaScript reads and writes, and msgspec does not.

JavaScript's texts may hold half of a surrogate pair, written as ``\\ud800``; numbers too large for a
float are infinite there. Python's own parser is slower, and is asked only for what msgspec refuses.
"""

import json
import re
from math import isfinite
from typing import Any

import msgspec

_SURROGATE = re.compile("[\ud800-\udfff]")
#: Python refuses to read longer integers; JavaScript's are floats anyway.
_DIGITS_AT_MOST = 300


def read(data: bytes) -> Any:
    """Decode JSON as JavaScript does. Raises ValueError or RecursionError."""
    return json.loads(data.decode(), parse_constant=_no_json, parse_int=_integer)


def write(value: Any) -> bytes:
    """Encode data; half surrogate pairs are escaped. Raises TypeError, ValueError or RecursionError."""
    text = json.dumps(_plain(msgspec.to_builtins(value)), ensure_ascii=False, separators=(",", ":"))
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_AT_MOST else float(digits)


def _plain(value: Any) -> Any:
    """The same, infinite numbers and NaN made null."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
