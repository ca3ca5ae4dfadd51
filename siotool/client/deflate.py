"""Compression of WebSocket messages, offered as browsers and Node.js offer it (RFC 7692).

A server that accepts uses CPU for what it compresses and sends fewer bytes: without the offer a load
test would show neither.
"""

import zlib
from typing import Any

from siotool.client.failures import ClientFailure
from siotool.protocol.faults import RemoteProtocolError

EXTENSIONS = "Sec-WebSocket-Extensions"
#: What Chromium and the package ws send.
OFFER = "permessage-deflate; client_max_window_bits"
#: engine.io-client compresses its own messages from so many bytes on (``perMessageDeflate.threshold``).
THRESHOLD_BYTES = 1024
_WINDOW_BITS, _SMALLEST_BITS = 15, 8
#: The end of a flushed block, which messages are sent without (RFC 7692 §7.2.1).
_TAIL = b"\x00\x00\xff\xff"


class Deflate:
    """The compression of one connection, as it was agreed."""

    __slots__ = ("_deflater", "_forget_in", "_forget_out", "_inflater", "_window_in", "_window_out")

    def __init__(self, agreed: str) -> None:
        """``agreed``: the value of the server's ``Sec-WebSocket-Extensions``. Raises RemoteProtocolError."""
        name, *parameters = [part.strip() for part in agreed.split(";")]
        if name != "permessage-deflate" or "," in agreed:
            raise RemoteProtocolError(f"an extension that was not offered: {agreed[:80]}")
        self._forget_in = self._forget_out = False
        self._window_in = self._window_out = _WINDOW_BITS
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            number = value.strip('"')
            bits = int(number) if number.isascii() and number.isdigit() else 0
            match key.strip():
                case "server_no_context_takeover":
                    self._forget_in = True
                case "client_no_context_takeover":
                    self._forget_out = True
                case "server_max_window_bits" if _SMALLEST_BITS <= bits <= _WINDOW_BITS:
                    self._window_in = bits
                case "client_max_window_bits" if _SMALLEST_BITS <= bits <= _WINDOW_BITS:
                    self._window_out = bits
                case _:
                    raise RemoteProtocolError(f"a parameter of permessage-deflate: {parameter[:80]}")
        self._inflater: Any = None
        self._deflater: Any = None

    def inflate(self, message: bytes, limit: int) -> bytes:
        """A whole message as it was. Raises ClientFailure beyond ``limit`` bytes, RemoteProtocolError."""
        inflater = self._inflater or zlib.decompressobj(-self._window_in)
        try:
            plain = inflater.decompress(message + _TAIL, limit + 1)
        except zlib.error as error:
            raise RemoteProtocolError(f"a compressed message that cannot be read: {error}") from error
        if len(plain) > limit:
            raise ClientFailure("too_large", f"a compressed message of more than {limit} bytes")
        # a final block (RFC 7692 §7.2.3.4) ends a stream: the next message begins another
        self._inflater = None if self._forget_in or inflater.eof else inflater
        return plain

    def compresses(self, message: bytes) -> bool:
        """Whether a message of ours is to be compressed; zlib has no window of 8 bits."""
        return len(message) >= THRESHOLD_BYTES and self._window_out > _SMALLEST_BITS

    def deflate(self, message: bytes) -> bytes:
        """A message as it is sent."""
        deflater = self._deflater or zlib.compressobj(wbits=-self._window_out)
        packed = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
        self._deflater = None if self._forget_out else deflater
        return packed.removesuffix(_TAIL)
