"""The settings of an engine."""

import msgspec

from siotool.client.address import Address
from siotool.client.choices import ClientName, ParserName, TlsOptions, TransportShares
from siotool.client.identity import Identity
from siotool.protocol.engine_io import Revision
from siotool.workload import Target


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
    client: ClientName = "native"
    tls: TlsOptions = TlsOptions()
    connect_timeout_s: float = 10.0
    ack_timeout_s: float = 10.0
    drain_timeout_s: float = 5.0
