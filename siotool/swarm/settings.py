"""The settings of an engine."""

import msgspec

from siotool.client.address import Address
from siotool.client.identity import Identity
from siotool.client.opener import TransportName
from siotool.client.parsers import ParserName
from siotool.client.tls import TlsOptions
from siotool.protocol.engine_io import Revision
from siotool.workload import Target

#: Transports and their shares of the users, in any unit.
TransportShares = tuple[tuple[TransportName, float], ...]

_GOLDEN = 0.6180339887498949


class EngineSettings(msgspec.Struct, frozen=True):
    """How an engine connects.

    ``run`` is the secret that marks this run's messages, 64 random bits; ``worker`` is the
    process's number; durations in seconds. ``drain_timeout_s`` bounds the wait for what is
    still under way when a user leaves: calls, deliveries, and its connect.
    """

    target: Target
    addresses: tuple[Address, ...]
    run: int
    worker: int = 0
    identity: Identity = Identity()
    transports: TransportShares = (("upgrade", 1.0),)
    revision: Revision = 4
    parser: ParserName = "json"
    tls: TlsOptions = TlsOptions()
    connect_timeout_s: float = 10.0
    ack_timeout_s: float = 10.0
    drain_timeout_s: float = 5.0


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
