"""The exact size of a BSON document (https://bsonspec.org/spec.html).

A document is its length (4 bytes), its elements and a zero. An element is its type (1 byte), its
name, which every document repeats, a zero, and its value.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

Kind = Literal[
    "double",
    "string",
    "document",
    "array",
    "binary",
    "objectid",
    "boolean",
    "date",
    "null",
    "int32",
    "int64",
    "timestamp",
    "decimal128",
]

_FIXED_BYTES: Mapping[str, int] = MappingProxyType(
    {
        "double": 8,
        "objectid": 12,
        "boolean": 1,
        "date": 8,
        "null": 0,
        "int32": 4,
        "int64": 8,
        "timestamp": 8,
        "decimal128": 16,
    }
)
#: Beside the content: a string's length and zero, a binary's length and subtype; a document brings its own.
_VARYING_BYTES: Mapping[str, int] = MappingProxyType({"string": 5, "binary": 5, "document": 0, "array": 0})


class Element(msgspec.Struct, frozen=True):
    """A named value. ``content_bytes`` of a string (UTF-8), binary, document or array; else left out."""

    name: str
    kind: Kind
    content_bytes: float = 0.0


def element_bytes(element: Element) -> float:
    """Return the bytes of an element: type, name, zero and value."""
    named = 1 + len(element.name.encode()) + 1
    if element.kind in _FIXED_BYTES:
        return named + _FIXED_BYTES[element.kind]
    return named + _VARYING_BYTES[element.kind] + element.content_bytes


def document_bytes(elements: Sequence[Element]) -> float:
    """Return the bytes of a document; of an array when the names are "0", "1" and so on."""
    total: float = 5.0
    for element in elements:
        total = total + element_bytes(element)
    return total
