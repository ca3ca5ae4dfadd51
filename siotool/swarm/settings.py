"""The settings of an engine."""

from collections.abc import Sequence

import msgspec

from siotool.client.address import Address, resolve
from siotool.client.choices import ClientName, ParserName, TlsOptions, TransportShares
from siotool.client.identity import Identity
from siotool.protocol.engine_io import Revision
from siotool.protocol.reconnection import Reconnection
from siotool.workload import Target


class ResolvedTarget(msgspec.Struct, frozen=True):
    """A target and its addresses, in the order to try them.

    ``slash`` ends the path of requests, as clients have it; a redirect may take it away.
    """

    target: Target
    addresses: tuple[Address, ...]
    slash: bool = True


def look_up(urls: Sequence[str], alike: Target) -> list[ResolvedTarget]:
    """Find the addresses of targets that are ``alike`` but for their URLs. Raises TargetError."""
    targets = [msgspec.structs.replace(alike, url=url) for url in urls]
    return [ResolvedTarget(target, resolve(target)) for target in targets]


class EngineSettings(msgspec.Struct, frozen=True):
    """How an engine connects.

    ``run`` is the secret that marks this run's messages, 64 random bits; ``worker`` is the
    process's number; durations in seconds. ``drain_timeout_s`` bounds the wait for what is
    still under way when a user leaves: calls, deliveries, and its connect. ``others`` are further
    targets of the same service; ``turns`` is the order in which users take targets, by number.
    ``sources`` are this machine's addresses to connect from, in turn; none: as the system chooses.
    ``server_header`` is the response header in which a server says its name; empty: none does.
    ``slash`` is that of a ``ResolvedTarget``.
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
    reconnection: Reconnection = Reconnection()
    others: tuple[ResolvedTarget, ...] = ()
    turns: tuple[int, ...] = (0,)
    sources: tuple[str, ...] = ()
    server_header: str = ""
    slash: bool = True

    @property
    def targets(self) -> tuple[ResolvedTarget, ...]:
        """All targets."""
        return (ResolvedTarget(self.target, self.addresses, self.slash), *self.others)

    @property
    def by_node(self) -> bool:
        """Whether it can be known which server a connection is on (``nodes``)."""
        return bool(self.server_header or self.others)

    def target_of(self, number: int) -> int:
        """The number of the target of the user with a number, which count from 1 on over the run."""
        return self.turns[(number - 1) % len(self.turns)]
