"""What one client shows of itself when it connects."""

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

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
    query = query_string(identity.query)
    return tuple(name if name == MAIN else f"{name}?{query}" for name in identity.namespaces)


@lru_cache(maxsize=1024)
def query_string(pairs: Pairs) -> str:
    """A query as the official client writes it: by JavaScript's ``encodeURIComponent``."""
    return urlencode(pairs, quote_via=quote, safe="!*'()")
