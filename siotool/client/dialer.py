"""Opens sockets to a target: one address after the other, as Node.js does.

Source: nodejs.org/api/net.html, ``autoSelectFamily``: addresses are tried in turn, by default a
quarter of a second each; the last one as long as it takes.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence

from siotool.client.address import Address

#: How long one address is tried while there are others.
_ATTEMPT_S = 0.25

MakeSocket = Callable[[int, int], socket.socket]


async def dial(addresses: Sequence[Address], make_socket: MakeSocket = socket.socket) -> socket.socket:
    """A socket that is connected to the first address that answers. Raises OSError of the last one."""
    *others, last = addresses
    for address in others:
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                return await _connect(address, make_socket)
        except OSError:  # TimeoutError is one
            continue
    return await _connect(last, make_socket)


async def _connect(address: Address, make_socket: MakeSocket) -> socket.socket:
    sock = make_socket(address.family, socket.SOCK_STREAM)
    sock.setblocking(False)
    place = (address.host, address.port)
    try:
        code = sock.connect_ex(place)
        if code == errno.EINPROGRESS:  # one that is near has answered by now
            code = sock.connect_ex(place)
        if code in (errno.EALREADY, errno.EINPROGRESS):
            await asyncio.get_running_loop().sock_connect(sock, place)
        elif code not in (0, errno.EISCONN):
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock
