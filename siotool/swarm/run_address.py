"""How the address of a run is reached over ZeroMQ, which takes one address of a name and never another."""

import socket


def wants_ipv6(host: str) -> bool | None:
    """Whether a host is to be reached over IPv6: it is written so, or has no address of IPv4.

    None where nothing is known of it, or not yet.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return all(family != socket.AF_INET for family, *_ in found)


def place(host: str, port: int | str) -> str:
    """Host and port as people write them, an IPv6 address in brackets."""
    return f"{f'[{host}]' if ':' in host else host}:{port}"


def endpoint(host: str, port: int | str) -> str:
    """Host and port as ZeroMQ has them."""
    return f"tcp://{place(host, port)}"
