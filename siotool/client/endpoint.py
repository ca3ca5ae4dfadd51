"""A target as its connections see it: addresses, TLS, the heads of requests."""

import socket
from collections.abc import Sequence

from siotool.client.address import Address, host_header, hostname, secure, websocket_url
from siotool.client.choices import TlsOptions
from siotool.client.dialer import MakeSocket
from siotool.client.identity import Identity, Pairs, query_string
from siotool.client.tls import context
from siotool.protocol.engine_io import Revision
from siotool.workload import Target

#: What browsers offer; a server compresses large answers then.
_ENCODINGS = "gzip, deflate"


class Endpoint:
    """Where the connections of a run go; ``make_socket`` is ``socket.socket``, unless that is patched.

    ``slash`` ends the path of requests, as clients have it.
    """

    def __init__(
        self,
        target: Target,
        addresses: Sequence[Address],
        tls: TlsOptions,
        revision: Revision = 4,
        make_socket: MakeSocket = socket.socket,
        *,
        slash: bool = True,
    ) -> None:
        """Raises InputError for a file that is no certificate or key."""
        self.addresses = addresses
        self.revision = revision
        self.make_socket = make_socket
        self.tls = context(tls) if secure(target) else None
        self.server_name = tls.server_name or hostname(target)
        self._target = target
        self._slash = slash
        self._host = host_header(target)

    def path(self, transport: str, identity: Identity, *more: tuple[str, str]) -> str:
        """Path and query of a request, with the parameters in the order of the official client."""
        path = self.bare_path
        path = f"/{path}/" if path and self._slash else f"/{path}"
        pairs: Pairs = (*identity.query, ("EIO", str(self.revision)), ("transport", transport), *more)
        return f"{path}?{query_string(pairs)}"

    def url(self, identity: Identity) -> str:
        """The URL that another client is given, with the query of its requests."""
        return f"{self._target.url}?{query_string(identity.query)}" if identity.query else self._target.url

    @property
    def bare_path(self) -> str:
        """The path of Socket.IO, without slashes around it."""
        return self._target.path.strip("/")

    def websocket_url(self, path: str) -> str:
        """The URL of a WebSocket; ``path`` with its query."""
        return websocket_url(self._target, path)

    def request(self, path: str, headers: Pairs, body: bytes | None = None, content: str = "") -> bytes:
        """A GET, or a POST of ``body`` with its ``content`` type; given headers replace our own."""
        given = {name.lower() for name, _ in headers}
        own = [("Host", self._host), ("Accept", "*/*"), ("Accept-Encoding", _ENCODINGS)]
        if body is not None:
            own.append(("Content-Type", content))
        lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in own if name.lower() not in given]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


def with_cookies(headers: Pairs, cookies: str) -> Pairs:
    """The headers with the cookies that the server set, after those that the user gives."""
    if not cookies:
        return headers
    given = [value for name, value in headers if name.lower() == "cookie"]
    others = tuple((name, value) for name, value in headers if name.lower() != "cookie")
    return (*others, ("Cookie", "; ".join((*given, cookies))))
