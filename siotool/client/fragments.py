"""Messages that arrive in fragments (RFC 6455 §5.4)."""

from picows import WSMsgType

from siotool.client.failures import ClientFailure
from siotool.protocol.faults import RemoteProtocolError

#: The largest frame, and the largest message of fragments, that is taken from a server. Past it
#: the connection is closed (``too_large``). The buffer that a connection receives into may be
#: twice as large as the largest frame it has had; what was put together of fragments is in a
#: second one.
MESSAGE_BYTES = 10 * 1024 * 1024


_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
_CONTINUATION = WSMsgType.CONTINUATION


class Fragments:
    """One message, from its first fragment to its last."""

    __slots__ = ("_data", "_kind", "compressed")

    def __init__(self) -> None:
        self._kind: WSMsgType | None = None
        self._data = bytearray()
        #: The first frame of the message says so.
        self.compressed = False

    @property
    def pending(self) -> bool:
        """True while a message has begun and not ended."""
        return self._kind is not None

    def add(self, kind: WSMsgType, payload: bytes, fin: bool) -> tuple[WSMsgType, bytes] | None:
        """Take a frame; returns a whole message, or None until its last fragment.

        Control frames may come between fragments, and are returned as they are. Raises
        RemoteProtocolError for a fragment out of turn, ClientFailure for a message that is too large.
        """
        if kind in _DATA:
            if self._kind is not None:
                raise RemoteProtocolError("a new message before the fragmented one was at its end")
            self._kind = kind
        elif kind != _CONTINUATION:
            return kind, payload
        elif self._kind is None:
            raise RemoteProtocolError("a continuation frame that continues nothing")
        if len(self._data) + len(payload) > MESSAGE_BYTES:
            raise ClientFailure("too_large", f"a message of fragments is larger than {MESSAGE_BYTES} bytes")
        self._data += payload
        if not fin:
            return None
        whole, self._kind = (self._kind, bytes(self._data)), None
        return whole
