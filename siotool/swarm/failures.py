"""Short, stable classes for everything that can go wrong with a connection.

refused, timeout, dns, reset, unreachable, tls, no_local_port, no_files, http_<status>,
not_websocket, protocol_error, connect_error, internal_error (a bug of ours) while connecting; ping_timeout,
transport_close, server_disconnect, protocol_error while open.
"""

import errno
import re
import socket
import ssl

import picows

from siotool.protocol.errors import ProtocolError

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

#: Simple servers and proxies answer in the old version, which picows does not take for HTTP.
_OLD_HTTP = re.compile(rb"HTTP/1\.0 (\d{3})\b")


class Failure(Exception):
    """A connection attempt that failed; ``kind`` is its class, the text its detail."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(detail or kind)
        self.kind = kind


def classify(error: BaseException) -> Failure:
    """Name an exception of a connection attempt."""
    if isinstance(error, Failure):
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
        case picows.WSHandshakeError():
            kind = "not_websocket"
            if found := _OLD_HTTP.match(error.raw_header or b""):
                kind, detail = f"http_{int(found[1])}", _body(error)
        case ProtocolError() | picows.WSProtocolError():
            kind = "protocol_error"
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            kind = "reset"  # event loops raise these without an errno
        case OSError():
            kind = _BY_ERRNO.get(error.errno or 0, "transport_close")
    return Failure(kind, detail)


def _body(error: picows.WSHandshakeError) -> str:
    body = (error.raw_body or b"").decode("utf-8", "replace").strip()
    return body[:200]
