"""The format that the name of a file asks for."""

from collections.abc import Iterable
from pathlib import Path

from siotool.errors import InputError

#: Endings of names that say nothing of a format, and those that say text.
_PLAIN = ("", "txt", "text")


def by_ending(output: str, formats: Iterable[str]) -> str:
    """Return the format that a file's name asks for, ``text`` where it asks for none; ``-`` is no name.

    Raises InputError for an ending that stands for none of ``formats``.
    """
    ending = "" if output == "-" else Path(output).suffix.removeprefix(".").lower()
    if ending in _PLAIN:
        return "text"
    known = list(formats)
    if ending in known:
        return ending
    raise InputError(
        f"-o {output}: .{ending} is no format there is; its name may end in "
        + ", ".join(f".{one}" for one in (*known, "txt")),
        "or say --format, which counts over the name",
    )
