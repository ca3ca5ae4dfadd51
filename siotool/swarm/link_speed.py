"""How fast the network link is that leads from this machine to a target."""

import ipaddress
import socket
from urllib.parse import urlsplit

import psutil

#: What drivers say that do not know it, in Mbit/s: 0, or -1 in 16 bits.
_UNKNOWN = (0, 65535)


def link_speed(url: str) -> float | None:
    """Bytes per second, one way, of the interface by which ``url`` is reached, as its driver says.

    None on loopback, and where nothing is known: many virtual machines do not say it.
    """
    parts = urlsplit(url)
    local = _local_address(parts.hostname or "", parts.port or 80)
    if local is None or ipaddress.ip_address(local).is_loopback:
        return None
    for name, addresses in psutil.net_if_addrs().items():
        if any(one.address.partition("%")[0] == local for one in addresses):
            stats = psutil.net_if_stats().get(name)
            return stats.speed * 1e6 / 8 if stats is not None and stats.speed not in _UNKNOWN else None
    return None


def _local_address(host: str, port: int) -> str | None:
    """The address of ours from which packets to a host go; no packet is sent."""
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as probe:
                probe.connect(address)
                return str(probe.getsockname()[0]).partition("%")[0]
    except OSError:
        pass
    return None
