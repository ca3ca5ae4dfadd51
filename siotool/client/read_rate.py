"""Reads a socket at so many bytes a second, as a client on a slow network does.

The kernel's receive buffer is made small, so that what is not read waits at the server.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Any

from siotool.client.throttle import Throttle

#: Bytes that the kernel keeps of what is not read (it takes twice as much for its own needs).
_RECEIVE_BUFFER = 4096


class ReadRate:
    """A token bucket for one asyncio transport, without a burst: what was read is paid for with a pause."""

    def __init__(self, transport: Any, sock: socket.socket | None, bytes_per_s: float) -> None:
        self._transport = transport
        self._bytes_per_s = bytes_per_s
        self._paid_at = 0.0
        #: Nothing is read until what was read is paid for.
        self.waiting = False
        #: Nothing is read any more.
        self.frozen = False
        if sock is not None:
            with suppress(OSError):  # it has ended
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    def read(self, count: int) -> None:
        """So many bytes were read."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._paid_at = max(now, self._paid_at) + count / self._bytes_per_s
        if not self.waiting and not self._transport.is_closing():
            self.waiting = True
            self._transport.pause_reading()
            loop.call_later(self._paid_at - now, self._read_on)

    def _read_on(self) -> None:
        self.waiting = False
        if not (self.frozen or self._transport.is_closing()):
            self._transport.resume_reading()


class PacedProtocol(Throttle):
    """Stands between a transport and its protocol, and reads at a rate."""

    def __init__(self, protocol: Any, rate: ReadRate) -> None:
        super().__init__(protocol)
        self.rate = rate

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were read."""
        super().buffer_updated(nbytes)
        self.rate.read(nbytes)
