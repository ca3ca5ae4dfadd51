"""The texts of an identity that must not be written down."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from siotool.client.identity import Identity

#: Shorter texts are never hidden: they are parts of ordinary words.
SHORTEST = 4

_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
#: What JSON or Python write otherwise.
_ESCAPED = re.compile(r"""["'\\]|[^ -~]""")


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


def forms_of(text: str) -> Iterable[str]:
    """A secret as it is, and as others write it: in JSON, in Python, in a URL, on one line."""
    if len(text) < SHORTEST:
        return ()
    if _PLAIN.fullmatch(text):
        return (text,)
    if _ESCAPED.search(text) is None:
        return {text, *_in_urls(text)}
    written = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]
    # line breaks become blanks where a text is put on one line
    return {text, " ".join(text.split()), *written, *_in_urls(text)}


def _in_urls(text: str) -> tuple[str, ...]:
    try:
        return quote(text), quote(text, safe=""), quote_plus(text)
    except UnicodeEncodeError:
        return ()
