"""Placeholders in options: ``{column}`` is the value of a user's row, ``{number}`` the user's number.

Columns are named only where there is a users file. Then ``{{`` and ``}}`` are literal braces. Without a
file ``{number}`` alone is replaced, and all other text stays as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from siotool.errors import InputError

NUMBER = "number"

_WITH_ROWS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WITHOUT = re.compile(r"\{(number)\}")


def is_template(text: str, *, with_rows: bool) -> bool:
    """Whether a text has to be filled in for each user."""
    return (_WITH_ROWS if with_rows else _WITHOUT).search(text) is not None


def names_in(value: object, where: str, *, with_rows: bool) -> Iterator[str]:
    """Names of the placeholders in a text, or in the texts of a JSON value; ``where`` is their option.

    Raises InputError for a brace that stands alone.
    """
    for text in _texts(value):
        for found in (_WITH_ROWS if with_rows else _WITHOUT).finditer(text):
            if found[1] is not None:
                yield found[1]
            elif found[0] in "{}":
                raise InputError(
                    f"{where} has a {found[0]} that belongs to no {{column}}", "write {{ and }} for braces"
                )


def fill(value: Any, values: Mapping[str, Any], *, with_rows: bool) -> Any:
    """A text, or a JSON value with its texts, filled in.

    A text that is one placeholder and nothing else becomes the value as it is, such as a number of a
    JSONL file. Raises KeyError for a name without a value.
    """
    if isinstance(value, str):
        return _filled(value, values, _WITH_ROWS if with_rows else _WITHOUT)
    if isinstance(value, Mapping):
        return {key: fill(one, values, with_rows=with_rows) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, values, with_rows=with_rows) for one in value]
    return value


def fill_text(text: str, values: Mapping[str, Any], *, with_rows: bool) -> str:
    """A text filled in; what is no text is written as JSON. Raises KeyError as ``fill`` does."""
    return _text(fill(text, values, with_rows=with_rows))


def _filled(text: str, values: Mapping[str, Any], pattern: re.Pattern[str]) -> Any:
    whole = pattern.fullmatch(text)
    if whole is not None and whole[1] is not None:
        return values[whole[1]]
    return pattern.sub(lambda found: found[0][0] if found[1] is None else _text(values[found[1]]), text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
