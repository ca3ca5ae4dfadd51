"""The texts of an identity that must not be written down."""

import base64
import re
from collections.abc import Iterator, Mapping

from siotool.client.identity import Identity

#: Shorter texts are never hidden: they are parts of ordinary words.
SHORTEST = 4


def secrets_of(identity: Identity) -> list[str]:
    """Texts of an identity that must not be written."""
    found = []
    for _, value in identity.headers:
        scheme, _, rest = value.partition(" ")
        words = (rest if rest and scheme.isalpha() else value).split()
        found += [value, *words]
        # of cookies and the like the values, for their names are ordinary words
        found += [part.partition("=")[2] for part in re.split(r"[\s;,]+", value)]
        if scheme.lower() == "basic":
            found += _of_basic(rest)
    found += [value for _, value in identity.query]
    found += texts_in(identity.auth)
    return [text for text in found if len(text) >= SHORTEST]


def _of_basic(text: str) -> list[str]:
    try:
        return [part for part in base64.b64decode(text, validate=True).decode().split(":") if part]
    except ValueError:
        return []


def texts_in(value: object) -> Iterator[str]:
    """The texts of a JSON value, such as a row of a users file, that are long enough to be hidden.

    Numbers are texts as they are written.
    """
    if isinstance(value, str):
        if len(value) >= SHORTEST:
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)
    elif isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) >= SHORTEST:
        yield str(value)
