"""A plan file: TOML tables whose keys are those of ``fields``; what does not fit is refused."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from siotool.errors import InputError
from siotool.plan.inputs import fields
from siotool.plan.inputs.fields import Field, dimension
from siotool.plan.inputs.figure import KINDS, Figure, Inputs, MessageChoice
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, parse_figure

#: The origin of a figure that still has the value ``plan init`` filled in.
FILLED_IN = "as plan init wrote it"


def decode(text: str, source: str) -> Inputs:
    """Read a plan file's text; ``source`` names it in errors. Defaults are not filled in.

    A figure that still has the value which ``plan init`` filled in is a default, not typed.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{source} is not TOML: {error}", "siotool plan init writes one to start from"
        ) from error
    figures: dict[str, Figure] = {}
    messages: tuple[MessageChoice, ...] = ()
    filled_in = tables.pop(fields.FILLED_IN, {})
    for section, table in tables.items():
        if section not in fields.SECTIONS:
            raise unknown(section, fields.SECTIONS, f"{source}: [{section}]")
        if not isinstance(table, dict):
            raise InputError(f"{source}: {section} is a table: [{section}]", "its keys are below it")
        known = {field.name: field for field in fields.FIELDS if field.section == section}
        for name, raw in table.items():
            if section == "workload" and name == "messages":
                messages = _messages(raw, source, figures)
            elif name not in known:
                names = [*known, "messages"] if section == "workload" else list(known)
                raise unknown(name, names, f"{source}: {section}.{name}")
            else:
                key = known[name].key
                figures[key] = read(known[name], raw, f"{source}: {key}", Provenance("typed", source))
    for key in _unchanged(filled_in, tables, source):
        if key in figures:
            figures[key] = Figure(figures[key].value, Provenance("default", FILLED_IN))
    return Inputs(figures, messages)


def _unchanged(filled_in: Any, tables: Mapping[str, Any], source: str) -> list[str]:
    """Return the keys that still have what ``plan init`` wrote. InputError for what it never writes."""
    where = f"{source}: [{fields.FILLED_IN}]"
    if not isinstance(filled_in, dict) or not all(isinstance(text, str) for text in filled_in.values()):
        raise InputError(f"{where} holds the values that plan init wrote, as text", "or leave it out")
    found = []
    for key, text in filled_in.items():
        try:
            fields.field_of(key)
        except LookupError:
            raise unknown(key, [field.key for field in fields.FIELDS], f"{where}: {key}") from None
        place, _, name = key.rpartition(".")
        path = ["workload", "messages", place.removeprefix(fields.MESSAGES)]
        table: Any = tables
        for step in path if place.startswith(fields.MESSAGES) else [place]:
            table = table.get(step, {})
        if table.get(name) == text:
            found.append(key)
    return found


def read(field: Field, raw: Any, where: str, provenance: Provenance) -> Figure:
    """Read one figure as it is written in TOML, or as text from a flag. Raises InputError."""
    match field.kind:
        case "flag":
            if isinstance(raw, str) and raw in ("true", "false"):
                raw = raw == "true"
            if not isinstance(raw, bool):
                raise InputError(f"{where} is {raw!r}; expected true or false", field.about)
            return Figure(raw, provenance)
        case "choice":
            if isinstance(raw, bool) or str(raw) not in field.choices:
                raise unknown(str(raw), field.choices, f"{where} is {raw!r}:", "one of")
            return Figure(str(raw), provenance)
    value = parse_figure(raw, dimension(field.kind).parse, where)
    if field.key == "workload.connections" and not isinstance(value, Range):
        _refuse_under_one(value, raw, where)
    if field.fixed and isinstance(value, Range):
        raise InputError(f"{where} is a range", "this figure is a decision, not a guess: write one value")
    for bound in (value.low, value.high) if isinstance(value, Range) else (value,):
        check(field, bound, where)
    if field.fixed and field.kind == "count" and not isinstance(value, Range) and value % 1:
        raise InputError(f"{where} is {value:g}; expected a whole number", field.about)
    return Figure(value, provenance)


def _refuse_under_one(connections: float, raw: Any, where: str) -> None:
    """Refuse a count of sessions below one, except a plain 0: 0k is a script's slip."""
    if 0 <= connections < 1 and str(raw).strip() not in ("0", "0.0"):
        raise InputError(f"{where} is {raw!r}, which is not one session", "write 0 for none")


def check(field: Field, value: float, where: str) -> None:
    """Refuse a value out of a field's bounds, or larger than anything of its kind."""
    show, largest = dimension(field.kind).show, dimension(field.kind).most
    too_low = value <= field.low if field.above else value < field.low
    too_high = value >= field.high if field.below else value > field.high
    if too_low or too_high:
        least = f"more than {show(field.low)}" if field.above else f"{show(field.low)} or more"
        most = f", {'less than' if field.below else 'at most'} {show(field.high)}"
        most = most if field.high < float("inf") else ""
        hint = "write 70% or 0.7" if field.kind == "share" and value > field.high else field.about
        written = show(value) if value <= largest else f"{value:.3g}"
        raise InputError(f"{where} is {written}; expected {least}{most}", hint)
    if value > largest:
        raise InputError(f"{where} is {value:.3g}, more than {show(largest)}", "check its unit")


def with_defaults(inputs: Inputs) -> Inputs:
    """Return the inputs with the fields' own defaults where nothing else was given."""
    figures: dict[str, Figure] = {}
    for field in fields.FIELDS:
        if field.key in inputs.figures:
            figures[field.key] = inputs.figures[field.key]
        elif field.default is not None:
            figures[field.key] = read(field, field.default, field.key, Provenance("default"))
    for message in inputs.messages:
        for field in fields.MESSAGE_FIELDS:
            key = f"workload.messages.{message.name}.{field.key}"
            if key in inputs.figures:
                figures[key] = inputs.figures[key]
            elif field.default is not None:
                figures[key] = read(field, field.default, key, Provenance("default"))
    return Inputs(figures, inputs.messages)


def _messages(raw: Any, source: str, figures: dict[str, Figure]) -> tuple[MessageChoice, ...]:
    if not isinstance(raw, dict) or not all(isinstance(table, dict) for table in raw.values()):
        raise InputError(
            f"{source}: workload.messages holds a table for each kind of message",
            "for example [workload.messages.chat]",
        )
    return tuple(_message(name, table, source, figures) for name, table in raw.items())


def _message(name: str, table: Mapping[str, Any], source: str, figures: dict[str, Figure]) -> MessageChoice:
    place = f"{source}: workload.messages.{name}"
    known = {field.key: field for field in fields.MESSAGE_FIELDS}
    flags: dict[str, bool] = {}
    kind: Any = ""
    for key, raw in table.items():
        if key == "kind":
            if raw not in KINDS:
                raise unknown(str(raw), KINDS, f"{place}.kind is {raw!r}:", "one of")
            kind = raw
        elif key in fields.MESSAGE_FLAGS:
            if not isinstance(raw, bool):
                raise InputError(f"{place}.{key} is {raw!r}; expected true or false")
            flags[key] = raw
        elif key in known:
            figures[f"workload.messages.{name}.{key}"] = read(
                known[key], raw, f"{place}.{key}", Provenance("typed", source)
            )
        else:
            raise unknown(key, ["kind", *known, *fields.MESSAGE_FLAGS], f"{place}.{key}")
    for missing in ("kind", "rate"):
        if missing not in table:
            raise InputError(f"{place} has no {missing}", f'add {missing} = "{_EXAMPLES[missing]}"')
    if kind == "room" and "room_size" not in table:
        raise InputError(f"{place} needs the size of its room", 'add room_size = "10"')
    return MessageChoice(name, kind, **flags)


_EXAMPLES = {"kind": "broadcast", "rate": "1/min"}


def unknown(
    name: str, known: Iterable[str], where: str, verb: str = "is not known; known here:"
) -> InputError:
    """Return the error for a name that is none of those known, with the nearest one as a hint."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else ""
    return InputError(f"{where} {verb} {', '.join(names)}", hint)
