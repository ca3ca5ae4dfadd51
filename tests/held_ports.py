"""Ports of services that are told theirs before they start: held, so that nobody else gets them meanwhile."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port on loopback that no other program is given, and that one which is told it may listen on.

    Trap: a port that was found free and let go was given to another test, or to a connection of a load,
    before its own service had started. This socket is bound and does not listen: connections to it are
    refused, and it is in the way of nobody who binds with SO_REUSEADDR, as servers do, and names the port.
    For port 0, and for the local end of a connection, the kernel leaves it out.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
