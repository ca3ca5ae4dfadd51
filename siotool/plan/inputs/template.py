"""A commented plan file to start from: every key with what it means, those given filled in."""

import json
import re
from collections.abc import Collection, Mapping

from siotool.plan.inputs import fields
from siotool.plan.inputs.fields import Field
from siotool.printable import one_line

#: A key of TOML that needs no quotes.
_BARE = re.compile(r"[A-Za-z0-9_-]+")

_HEAD = """\
# A plan file of siotool: siotool plan {name}
#
# Every number may be a value ("80MB/s"), a range ("80MB/s..120MB/s": with 90 % probability
# within it) or a range with its most likely value ("80MB/s..100MB/s..120MB/s").
# A key that is commented out is not considered, or has the default shown.
"""

#: What each table of a plan file is about.
MEANINGS = {
    "workload": "what the service is asked to do",
    "transport": "how messages travel",
    "server": "what one server can do",
    "topology": "what is around the servers",
    "goals": "what the fleet must achieve",
    "storage": "the backlog of users that are offline",
}

_KINDS = """\
# kind: echo (answered to the sender), emit (for its server alone), direct (to one other
# session), room (to room_size sessions), broadcast (to all), push (from the service to each
# session), announce (from the service to all). rate is per session; of announce, of the
# whole service.
"""


#: Above the figures that plan init filled in.
_FILLED_IN = """\
# plan init filled in these figures. One that still has the value below counts as a default.
# Change it above, or delete its line here, and it counts as yours.
"""


def render(
    given: Mapping[str, str],
    messages: Mapping[str, Mapping[str, str]],
    name: str,
    filled_in: Collection[str] = (),
) -> str:
    """Return the text of a plan file.

    ``given`` has values as they were typed, by key (``workload.connections``); ``messages``
    the keys of each kind of message, by its name. What is not given is a comment.
    ``filled_in`` are those among both that were not given: the file says so.
    """
    parts = [_HEAD.format(name=one_line(name))]
    for section in fields.SECTIONS:
        lines = [f"[{section}]  # {MEANINGS[section]}"]
        lines += [_line(field, given.get(field.key)) for field in fields.FIELDS if field.section == section]
        parts.append("\n".join(lines) + "\n")
        if section == "workload":
            parts.append(_messages(messages))
    if filled_in:
        every = {**given, **_flat(messages)}
        lines = [f"{_quoted(key)} = {_quoted(every[key])}" for key in filled_in]
        parts.append(_FILLED_IN + "\n".join([f"[{fields.FILLED_IN}]", *lines]) + "\n")
    return "\n".join(parts)


def _flat(messages: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {
        f"{fields.MESSAGES}{name}.{key}": text
        for name, keys in messages.items()
        for key, text in keys.items()
    }


def _line(field: Field, value: str | None) -> str:
    unset = field.default or field.example or (field.choices[0] if field.choices else "")
    shown = unset if value is None else value
    text = f"{field.name} = {_toml(field, shown)}"
    meaning = field.about
    if field.choices:
        meaning += f": {', '.join(field.choices)}"
    return f"{'' if value is not None else '# '}{text}  # {meaning}"


def _toml(field: Field, text: str) -> str:
    # what is neither is refused when the file is read, with its key
    return text if field.kind == "flag" and text in ("true", "false") else _quoted(text)


def _quoted(text: str) -> str:
    """Return a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _messages(messages: Mapping[str, Mapping[str, str]]) -> str:
    if not messages:
        sample = [f'# {key} = "{value}"' for key, value in _SAMPLE.items()]
        return _KINDS + "\n".join(["# [workload.messages.chat]", *sample]) + "\n"
    tables = []
    for name, keys in messages.items():
        lines = [f"[workload.messages.{name if _BARE.fullmatch(name) else _quoted(name)}]"]
        lines += [f"{key} = {_quoted(value)}" for key, value in keys.items()]
        tables.append("\n".join(lines))
    return _KINDS + "\n\n".join(tables) + "\n"


_SAMPLE = {"kind": "room", "size": "200B", "rate": "1/min", "room_size": "50"}
