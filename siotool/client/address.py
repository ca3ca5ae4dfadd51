"""Where a target is: its sockets' addresses, looked up once, and the URLs of its transports."""

import ipaddress
import socket
from urllib.parse import urlsplit

import msgspec

from siotool.errors import TargetError
from siotool.workload import Target


class Address(msgspec.Struct, frozen=True):
    """One address of a target: ``family`` and numeric ``host`` of the socket to open."""

    family: int
    host: str
    port: int


def resolve(target: Target) -> tuple[Address, ...]:
    """Look the target's host up, once for all connections; its addresses in the order to try them.

    Raises TargetError.
    """
    parts = urlsplit(target.url)
    port = parts.port or (443 if secure(target) else 80)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetError(f"cannot find {host}: {error.strerror}", "check the host's name") from error
    return tuple(
        dict.fromkeys(
            Address(family=int(family), host=str(address[0]), port=port) for family, _, _, _, address in found
        )
    )


def secure(target: Target) -> bool:
    """Whether the target speaks TLS."""
    return urlsplit(target.url).scheme in ("https", "wss")


def hostname(target: Target) -> str:
    """The host's name or numeric address, without a port."""
    return urlsplit(target.url).hostname or ""


def host_header(target: Target) -> str:
    """The target's authority, as requests name it."""
    return urlsplit(target.url).netloc


def websocket_url(target: Target, path: str) -> str:
    """The URL of a WebSocket; ``path`` with its query."""
    return f"{'wss' if secure(target) else 'ws'}://{host_header(target)}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host is written as an address of loopback; a name is none."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
