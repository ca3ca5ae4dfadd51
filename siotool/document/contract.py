"""The JSON that scripts rely on: one way to write it, for reports and for plans."""

import msgspec

from siotool.printable import escaped


def to_json(answer: msgspec.Struct, digits: int) -> str:
    """Return the answer as JSON, indented, with lists of plain values on one line.

    Figures have so many significant ``digits``; 17 are all that a float has. Characters that a terminal
    obeys, or does not show, are escapes.
    """
    return escaped(_indented(msgspec.to_builtins(answer), 0, digits)) + "\n"


def _indented(value: object, depth: int, digits: int) -> str:
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        fields = (
            f"{inner}{_plain(str(key), digits)}: {_indented(item, depth + 1, digits)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(fields) + f"\n{outer}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list | tuple | str) for item in value):
        items = (f"{inner}{_indented(item, depth + 1, digits)}" for item in value)
        return "[\n" + ",\n".join(items) + f"\n{outer}]"
    return _plain(value, digits)


def _plain(value: object, digits: int) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(item, digits) for item in value)}]"
    if isinstance(value, float):
        value = float(f"{value:.{digits}g}")
    return msgspec.json.encode(value).decode()
