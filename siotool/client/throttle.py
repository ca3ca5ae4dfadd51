"""Reads a flooded connection in small pieces.

picows doubles its buffer whenever a read has filled it, up to all that the kernel holds: of frames of
three bytes that is a minute of work in one go, in which no other connection is served.
"""

import asyncio
from typing import Any

#: Bytes of one read: at most a few thousand of the smallest frames.
PIECE_BYTES = 16 * 1024


class Throttle(asyncio.BufferedProtocol):
    """Stands between a transport and its protocol."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_buffer(self, sizehint: int) -> Any:
        """A part of the protocol's own buffer."""
        return self._protocol.get_buffer(sizehint)[:PIECE_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were read."""
        self._protocol.buffer_updated(nbytes)

    def pause_writing(self) -> None:
        """The other side does not read as fast as we write."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """It has read on."""
        self._protocol.resume_writing()

    def eof_received(self) -> bool | None:
        """The other side sends no more."""
        ended: bool | None = self._protocol.eof_received()
        return ended

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._protocol.connection_lost(exc)
