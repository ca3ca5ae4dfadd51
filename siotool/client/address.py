"""Where a target is: its socket's address, looked up once, and the URLs of its transports."""

import socket
from urllib.parse import urlsplit

import msgspec

from siotool.errors import TargetError
from siotool.workload import Target


class Address(msgspec.Struct, frozen=True):
    """A resolved target: ``family`` and numeric ``host`` of the socket to open."""

    family: int
    host: str
    port: int


def resolve(target: Target) -> Address:
    """Look the target's host up, once for all connections. Raises TargetError."""
    parts = urlsplit(target.url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetError(f"cannot find {host}: {error.strerror}", "check the host's name") from error
    family, _, _, _, address = found[0]
    return Address(family=int(family), host=str(address[0]), port=port)


def websocket_url(target: Target) -> str:
    """The URL of a target's WebSocket transport."""
    scheme, _, rest = target.url.partition("://")
    base = rest.split("?")[0].rstrip("/")
    path = "/" + target.path.strip("/") + "/"
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{base}{path}?EIO=4&transport=websocket"
