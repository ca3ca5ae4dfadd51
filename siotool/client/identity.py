"""What one client shows of itself when it connects."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from siotool.protocol.engine_io import Revision
from siotool.protocol.session import MAIN

#: Shorter texts are never hidden: they are parts of ordinary words.
SHORTEST = 4

#: Names and values, in order; a name may come twice.
Pairs = tuple[tuple[str, str], ...]


class Identity(msgspec.Struct, frozen=True):
    """The auth payload of each namespace, the headers and the query of each request, the namespaces to join.

    The first namespace is the one that events go to where nothing else is said. Nothing of it but the
    namespaces is ever written down: it may hold tokens.
    """

    auth: Any = None
    headers: Pairs = ()
    query: Pairs = ()
    namespaces: tuple[str, ...] = (MAIN,)

    def __repr__(self) -> str:
        """Its namespaces alone: a traceback or a log may show this."""
        return f"Identity(namespaces={self.namespaces})"


def with_queries(identity: Identity) -> Identity:
    """The same, with each namespace's query in the requests, as the official client reads ``/chat?a=b``."""
    query = list(identity.query)
    for namespace in identity.namespaces:
        query += parse_qsl(namespace.partition("?")[2], keep_blank_values=True)
    names = tuple(namespace.partition("?")[0] for namespace in identity.namespaces)
    return msgspec.structs.replace(identity, query=tuple(query), namespaces=names)


def asked_for(identity: Identity, revision: Revision) -> tuple[str, ...]:
    """The namespaces as they are asked for: clients of Socket.IO 2 repeat the query in each but ``/``."""
    if revision == 4 or not identity.query:
        return identity.namespaces
    query = query_string(identity.query)
    return tuple(name if name == MAIN else f"{name}?{query}" for name in identity.namespaces)


def query_string(pairs: Pairs) -> str:
    """A query as the official client writes it: by JavaScript's ``encodeURIComponent``."""
    return urlencode(pairs, quote_via=quote, safe="!*'()")


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
