"""Gets a page of metrics by HTTP, within a time and a size, without blocking other greenlets."""

import base64
import http.client
import zlib
from contextlib import suppress
from ssl import SSLContext
from urllib.parse import urlsplit

import gevent

from siotool.printable import one_line
from siotool.swarm.servers.secret_url import credentials, shown
from siotool.swarm.servers.source import SourceGone

#: No server has so many metrics of its own.
MOST_BYTES = 8 << 20
_OK = 200
_CHUNK = 1 << 16


class MetricsFetch:
    """One URL, over one connection that is kept."""

    def __init__(self, url: str, context: SSLContext | None) -> None:
        """``context`` is for https URLs."""
        parts = urlsplit(url)
        self.shown = shown(url)
        self._context = context if parts.scheme == "https" else None
        self._secure = parts.scheme == "https"
        # without a port http.client takes the end of an IPv6 address for one
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._secure else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Accept": "text/plain;version=0.0.4;q=1, */*;q=0.1", "Accept-Encoding": "gzip"}
        if (user := credentials(url)) is not None:
            token = base64.b64encode(":".join(user).encode()).decode("ascii")
            self._headers["Authorization"] = f"Basic {token}"
        self._connection: http.client.HTTPConnection | None = None

    def get(self, timeout_s: float) -> str:
        """Return the page. Raises SourceGone when it is not there within a time, or is none."""
        used_before = self._connection is not None
        try:
            with gevent.Timeout(timeout_s):
                try:
                    return self._ask(timeout_s)
                except (http.client.RemoteDisconnected, ConnectionError):
                    if not used_before:
                        raise
                    self.close()  # the server had closed it meanwhile
                    return self._ask(timeout_s)
        except gevent.Timeout:
            self.close()
            raise SourceGone(f"no answer within {timeout_s:g} s") from None
        except SourceGone:
            self.close()
            raise
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            self.close()
            raise SourceGone(_why(error)) from error

    def close(self) -> None:
        """Close the connection; the next page opens one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _ask(self, timeout_s: float) -> str:
        if self._connection is None:
            if self._secure:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=timeout_s, context=self._context
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        self._connection.request("GET", self._path, headers=self._headers)
        with self._connection.getresponse() as answer:
            if answer.status != _OK:
                raise SourceGone(_said(answer))
            return _body(answer)


def _body(answer: http.client.HTTPResponse) -> str:
    packed = answer.getheader("Content-Encoding", "identity").strip().lower()
    if packed not in ("identity", "gzip", ""):
        raise SourceGone(f"an answer in the encoding {packed[:40]!r}")
    unpack = zlib.decompressobj(wbits=31) if packed == "gzip" else None
    parts, size = [], 0
    while data := answer.read1(_CHUNK):
        if unpack is not None:
            data = unpack.decompress(data, MOST_BYTES + 1 - size)
        parts.append(data)
        size += len(data)
        if size > MOST_BYTES:
            raise SourceGone(f"a page of more than {MOST_BYTES >> 20} MiB")
    if unpack is not None and not unpack.eof:
        raise SourceGone("a packed page that is cut")
    return b"".join(parts).decode("utf-8", errors="replace")


def _said(answer: http.client.HTTPResponse) -> str:
    if 300 <= answer.status < 400:
        to = answer.getheader("Location", "")
        where = shown(to) if "://" in to else to.partition("?")[0]
        return f"HTTP {answer.status}, to {one_line(where, 200)}: give that URL"
    return f"HTTP {answer.status}"


def _why(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return f"no HTTP answer ({type(error).__name__})"
    return getattr(error, "strerror", None) or type(error).__name__
