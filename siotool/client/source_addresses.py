"""From which of this machine's addresses connections come.

An address has some 28,000 ports for connections to one address and port of a target. More connections need
more addresses. On loopback every address of 127.0.0.0/8 is one of this machine.
"""

import itertools
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from siotool.client.address import Address
from siotool.errors import InputError

#: Linux chooses the port when it connects, knowing where to, and not already when an address is chosen: else
#: all connections of an address would share its ports, wherever they go (ip(7)).
_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24) if sys.platform == "linux" else None


def reaching(sources: Sequence[str], addresses: Sequence[Address]) -> tuple[str, ...]:
    """Those of some sources that are of a kind, IPv4 or IPv6, that a target has an address of.

    Raises InputError where none of them is: connections would come from another address.
    """
    families = {address.family for address in addresses}
    found = tuple(one for one in sources if _family(one) in families)
    if sources and not found:
        raise InputError(
            f"no connection from {sources[0]} reaches {addresses[0].host}: IPv4 and IPv6 are two networks",
            "give --source-ip an address of the target's kind",
        )
    return found


def reaching_each(sources: Sequence[str], targets: Iterable[Sequence[Address]]) -> int:
    """How many of some sources reach a target, by its addresses: of the target that fewest of them reach.

    Raises InputError, as ``reaching``.
    """
    return min((len(reaching(sources, addresses)) for addresses in targets), default=len(sources))


def _family(source: str) -> int:
    return socket.AF_INET6 if ":" in source else socket.AF_INET


class SourceSockets:
    """Makes sockets as ``make_socket`` does, each bound to the next of some addresses of its family."""

    def __init__(self, make_socket: Any, sources: Sequence[str], first: int = 0) -> None:
        """``first`` is the number of the one to begin with, so that processes do not go in step."""
        self._make = make_socket
        self._next: dict[int, Iterator[str]] = {}
        for family in (socket.AF_INET, socket.AF_INET6):
            found = [one for one in sources if _family(one) == family]
            if found:
                begin = first % len(found)
                self._next[family] = itertools.cycle([*found[begin:], *found[:begin]])

    def __call__(self, family: int, *kind: int) -> socket.socket:
        """A socket; one of a family without addresses here is bound to none."""
        made: socket.socket = self._make(family, *kind)
        sources = self._next.get(family)
        if sources is not None:
            try:
                if _NO_PORT is not None:
                    made.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
                made.bind((next(sources), 0))
            except BaseException:
                made.close()
                raise
        return made
