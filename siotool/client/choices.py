"""What may be chosen of a client: its transport, its parser, its TLS. Nothing here opens ssl."""

from collections.abc import Mapping
from typing import Literal

import msgspec

#: ``upgrade`` begins with long polling and moves to WebSocket, as the official client does by itself.
TransportName = Literal["upgrade", "websocket", "polling", "jsonp"]
#: Transports and their shares of the users, in any unit.
TransportShares = tuple[tuple[TransportName, float], ...]
ParserName = Literal["json", "msgpack"]
#: Ours, or python-socketio's.
ClientName = Literal["native", "reference"]

#: Sockets that a connection keeps (``polling`` has two lanes), and those that it takes to open one.
_KEPT: Mapping[TransportName, int] = {"upgrade": 1, "websocket": 1, "polling": 2, "jsonp": 2}
_OPENED: Mapping[TransportName, int] = {"upgrade": 3, "websocket": 1, "polling": 2, "jsonp": 2}

_GOLDEN = 0.6180339887498949


class TlsOptions(msgspec.Struct, frozen=True):
    """Files in PEM form.

    ``ca_file``: the authorities to trust instead of the system's. ``insecure``: trust anybody.
    ``cert_file`` and ``key_file``: the client's own certificate (the key may stand in the
    certificate's file). ``server_name`` is asked for and checked instead of the URL's host.
    """

    ca_file: str = ""
    insecure: bool = False
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""


def transport_of(shares: TransportShares, number: int) -> TransportName:
    """The transport of a numbered user: any run of consecutive numbers has the shares evenly.

    Multiples of the golden ratio, modulo one (Weyl's sequence).
    """
    whole = sum(share for _, share in shares)
    at = number * _GOLDEN % 1.0 * whole
    for name, share in shares:
        if at < share:
            return name
        at -= share
    return shares[-1][0]


def sockets_kept(shares: TransportShares) -> float:
    """Sockets of a user's connection, on average: one that polls has one to wait and one to send."""
    return _mean(shares, _KEPT)


def sockets_opened(shares: TransportShares) -> float:
    """Sockets that one connect takes, on average, of which not all stay."""
    return _mean(shares, _OPENED)


def _mean(shares: TransportShares, sockets: Mapping[TransportName, int]) -> float:
    whole = sum(share for _, share in shares)
    return sum(share * sockets[name] for name, share in shares) / whole
