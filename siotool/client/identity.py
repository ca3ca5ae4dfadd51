"""What one client shows of itself when it connects."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from siotool.protocol.engine_io import Revision
from siotool.protocol.session import MAIN

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
    query = urlencode(identity.query)
    return tuple(name if name == MAIN else f"{name}?{query}" for name in identity.namespaces)


def secrets_of(identity: Identity) -> list[str]:
    """Texts of an identity that must not be written."""
    found = [part for _, value in identity.headers for part in (value, *value.split())]
    found += [value for _, value in identity.query]
    waiting = [identity.auth]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, str):
            found.append(value)
    return [text for text in found if len(text) >= 4]  # a shorter one would replace ordinary words
