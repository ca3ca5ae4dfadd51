"""The JSON Schema of a plan file, for editors: made from the table of its keys."""

from typing import Any

from siotool.plan.inputs import fields
from siotool.plan.inputs.fields import Field, dimension
from siotool.plan.inputs.figure import KINDS
from siotool.plan.inputs.template import MEANINGS

#: Kinds that a bare number can be of; the others need a unit, and so text.
_PLAIN = frozenset(("count", "factor", "share"))


def schema() -> dict[str, Any]:
    """Return the schema of a plan file that was read from TOML.

    It refuses unknown keys, tables and names of choices, and numbers without a unit where one
    is needed. What is inside a text, such as a unit or a range, is left to ``planfile.decode``.
    """
    tables = {section: _table(section) for section in fields.SECTIONS}
    tables["workload"]["properties"]["messages"] = {
        "type": "object",
        "description": "each kind of message by its name",
        "additionalProperties": _message(),
    }
    tables[fields.FILLED_IN] = {
        "type": "object",
        "description": "what plan init filled in: a figure that still has this value is a default, not typed",
        "additionalProperties": {"type": "string"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "siotool plan PLAN.toml",
        "type": "object",
        "properties": tables,
        "additionalProperties": False,
    }


def _table(section: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": MEANINGS[section],
        "properties": {field.name: _value(field) for field in fields.FIELDS if field.section == section},
        "additionalProperties": False,
    }


def _message() -> dict[str, Any]:
    flags = {name: {"type": "boolean", "description": about} for name, about in fields.MESSAGE_FLAGS.items()}
    return {
        "type": "object",
        "properties": {
            "kind": {"enum": list(KINDS), "description": "who sends, and who receives"},
            **{field.key: _value(field) for field in fields.MESSAGE_FIELDS},
            **flags,
        },
        "required": ["kind", "rate"],
        "additionalProperties": False,
        "if": {"properties": {"kind": {"const": "room"}}},
        "then": {"required": ["room_size"]},
    }


def _value(field: Field) -> dict[str, Any]:
    about: dict[str, Any] = {"description": field.about}
    match field.kind:
        case "flag":
            about |= {"type": "boolean"}
            return about if field.default is None else about | {"default": field.default == "true"}
        case "choice":
            # TOML's 1.3 is a number
            about |= {"enum": [*field.choices, *map(_number, filter(_numeric, field.choices))]}
        case kind if kind in _PLAIN:
            about |= {"type": ["string", "number"], **_bounds(field)}
        case _ if field.above:
            about |= {"type": "string"}
        case _:
            about |= {"anyOf": [{"type": "string"}, {"const": 0}]}
    if field.default is not None:
        about |= {"default": field.default}
    if field.example:
        about |= {"examples": [field.example]}
    return about


def _bounds(field: Field) -> dict[str, float]:
    """Bounds of bare numbers; JSON Schema leaves text alone with them."""
    high = min(field.high, dimension(field.kind).most)
    return {
        "exclusiveMinimum" if field.above else "minimum": field.low,
        "exclusiveMaximum" if field.below else "maximum": high,
    }


def _numeric(name: str) -> bool:
    return name.replace(".", "", 1).isdigit()


def _number(name: str) -> float:
    return float(name) if "." in name else int(name)
