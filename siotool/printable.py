"""Text that somebody else chose, made safe to show: on a terminal, in a log, on a page, in a file of YAML."""

import json
import re

#: A line of words, and a cell of a table, are shown up to so many characters.
LINE_AT_MOST = 1000
CELL_AT_MOST = 300


def printable(text: str, most: int | None = None) -> str:
    """Replace what could move a cursor, hide or reverse text, or break a file; shorten to ``most``.

    Control characters, escapes, marks that change the direction of writing, characters without a
    width and lone surrogates become U+FFFD. Line ends stay.
    """
    if most is not None and len(text) > most:
        text = f"{text[: most - 1]}…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def one_line(text: str, most: int = LINE_AT_MOST) -> str:
    """The same on one line, its white space made single spaces."""
    return printable(" ".join(text.split()), most)


#: Text that no version of YAML takes for anything else: "no", "on", "1e3" and "12:30" are quoted.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*([./_-][A-Za-z0-9]+)*")
#: JSON writes a character beyond the basic plane as two, YAML as one.
_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def yaml_scalar(text: str) -> str:
    """The text as every version of YAML reads it."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return yaml_string(text)


def yaml_string(text: str) -> str:
    """The same, in quotes."""
    return _PAIR.sub(_one_character, json.dumps(text))


def _one_character(pair: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in pair.groups())
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"
