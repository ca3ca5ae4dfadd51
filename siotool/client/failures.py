"""Short, stable classes for everything that can go wrong with a connection.

refused, timeout, dns, reset, unreachable, tls, no_local_port, no_files, http_<status>, not_http,
not_websocket, session_unknown (another server answers than the one that opened the session),
protocol_error, too_large, connect_error, unanswered (the run or its user ended first),
internal_error (a bug of ours) while connecting; ping_timeout, dropped (by its own scenario),
transport_close, server_disconnect,
protocol_error (of WebSocket, Engine.IO or Socket.IO), too_large (a message over a limit, the server's
or ours), http_<status>, session_unknown, internal_error while open. A call fails with one of those, or
with timeout, unanswered or not_sent.
"""

import asyncio
import errno
import json
import re
import socket
import ssl
from typing import Any

import picows

from siotool.protocol.faults import ProtocolError, TooLargeError

_BY_ERRNO = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "no_local_port",
    errno.EMFILE: "no_files",
    errno.ENFILE: "no_files",
}

#: Simple servers and proxies answer in the old version, which picows does not accept as HTTP.
_OLD_HTTP = re.compile(rb"HTTP/1\.0 (\d{3})\b")


#: A call or a connect whose user left, and which had no answer in time.
UNANSWERED = "unanswered"
#: Failures without an answer: they took as long as they were waited for.
UNHEARD = ("timeout", UNANSWERED)
#: An operation that was never sent: its connection was lost or its namespace left when it was due, earlier
#: ones are still waiting to be sent, or too many calls wait for their answers.
NOT_SENT = "not_sent"

#: Close codes without further information.
_PLAIN_CODES = frozenset((0, 1000, 1001, 1005))
_TOO_BIG = 1009


#: Characters of a server's words that are kept. Who shows them hides secrets first, and shortens then.
WORDS_AT_MOST = 2000


class ClientFailure(Exception):
    """A connection attempt that failed; ``kind`` is its class, the text its detail.

    ``data`` is what the server said besides. ``opened``: the Engine.IO session had been opened.
    """

    opened = False

    def __init__(self, kind: str, detail: str = "", data: Any = None) -> None:
        super().__init__(detail or kind)
        self.kind = kind
        self.data = data

    @property
    def quoted(self) -> str:
        """The detail, and the data where there is some."""
        return f"{self} {self.quoted_data}".rstrip()

    @property
    def quoted_data(self) -> str:
        """The data as JSON, its beginning; empty without any."""
        if self.data is None:
            return ""
        try:
            written = json.dumps(self.data, ensure_ascii=False, separators=(",", ":"), default=repr)
        except (RecursionError, TypeError, ValueError):  # nested too deeply, or keys that JSON does not have
            written = "(data that is no JSON)"
        return written[:WORDS_AT_MOST]


def classify(error: BaseException) -> ClientFailure:
    """Name an exception of a connection attempt."""
    if isinstance(error, ClientFailure):
        return error
    detail = str(error) or type(error).__name__
    kind = "internal_error"
    match error:
        case TimeoutError():
            kind, detail = "timeout", "no answer in time"
        case socket.gaierror():
            kind = "dns"
        case ssl.SSLError():
            kind = "tls"
        case picows.WSInvalidStatusError() if error.response is not None:
            kind, detail = f"http_{int(error.response.status)}", _body(error)
            if error.response.status // 100 == 3:
                detail = f"to {error.response.headers.get('Location', '')}"
        case picows.WSHandshakeError():
            kind = "not_websocket"
            if found := _OLD_HTTP.match(error.raw_header or b""):
                kind, detail = f"http_{int(found[1])}", _body(error)
        case ProtocolError() | picows.WSProtocolError() | RecursionError():
            kind = "too_large" if isinstance(error, TooLargeError) else "protocol_error"
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            kind = "reset"  # event loops raise these without an errno
        case OSError():
            kind = _BY_ERRNO.get(error.errno or 0, "transport_close")
    return ClientFailure(kind, detail)


def close_frame(payload: bytes, max_payload: float | None) -> tuple[str, str]:
    """The class of a server's close frame (RFC 6455 §5.5.1), and a remark or an empty text.

    ``max_payload`` are the bytes of the largest message the server takes, where it said so.
    """
    code = int.from_bytes(payload[:2], "big")
    reason = payload[2:].decode("utf-8", "replace")
    kind = "too_large" if code == _TOO_BIG else "transport_close"
    if code in _PLAIN_CODES and not reason:
        return kind, ""
    remark = f"the server closed a connection with code {code}" + (f" ({reason})" if reason else "")
    if code == _TOO_BIG:
        remark += ": a message was too large for it"
        if max_payload is not None:
            remark += f"; its maxPayload is {max_payload:.0f} bytes"
    return kind, remark


def violation_of(transport: picows.WSTransport) -> ClientFailure | None:
    """Why picows itself closed a connection: a frame was invalid or too large; else None."""
    handshake: Any = transport.close_handshake  # None until there is one
    if handshake is None or handshake.sent is None:
        return None
    kind = "too_large" if int(handshake.sent.code) == _TOO_BIG else "protocol_error"
    return ClientFailure(kind, handshake.sent.reason or "a frame that cannot be read")


def foreseen(error: Exception, context: dict[str, Any]) -> bool:
    """Whether an exception that an event loop caught (with its ``context``) is counted by a connection."""
    if isinstance(error, asyncio.InvalidStateError):
        return "protocol" in context  # picows has refused an upgrade, and more of it comes
    return isinstance(error, (OSError, ClientFailure, picows.WSError))


def _body(error: picows.WSHandshakeError) -> str:
    body = (error.raw_body or b"").decode("utf-8", "replace").strip()
    return body[:WORDS_AT_MOST]
