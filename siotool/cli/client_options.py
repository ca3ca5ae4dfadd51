"""Reads the options that say how clients connect; InputError says what is wrong with one."""

from pathlib import Path
from typing import get_args

import msgspec

from siotool.cli.client_words import Encoding, EngineIo, WireClient
from siotool.client.choices import ClientName, ParserName, TlsOptions, TransportName, TransportShares
from siotool.client.identity import Identity
from siotool.errors import InputError
from siotool.protocol.backoff import Backoff
from siotool.protocol.engine_io import Revision
from siotool.protocol.reconnection import Reconnection
from siotool.units import parse_duration, parse_share

TRANSPORTS: tuple[TransportName, ...] = get_args(TransportName)


class ClientOptions(msgspec.Struct, frozen=True):
    """How clients connect; ``revision`` None asks the target."""

    identity: Identity
    transports: TransportShares
    revision: Revision | None
    parser: ParserName
    tls: TlsOptions
    client: ClientName
    reconnection: Reconnection

    @property
    def transport(self) -> str:
        """The transport's name, or the mix as ``upgrade=80,websocket=20``; and the client, if not ours."""
        shares = ",".join(f"{name}={share:g}" for name, share in self.transports)
        found = self.transports[0][0] if len(self.transports) == 1 else shares
        return found if self.client == "native" else f"{found} ({self.client} client)"


def read(
    identity: Identity,
    transports: TransportShares,
    eio: EngineIo,
    parser: Encoding,
    tls: TlsOptions,
    client: WireClient,
    reconnection: Reconnection,
) -> ClientOptions:
    """All of it; --eio, --parser and --client are read here."""
    if client is WireClient.REFERENCE:
        _check_reference(transports, eio, tls)
        eio = EngineIo.FOUR
    return ClientOptions(
        identity=identity,
        transports=transports,
        revision=_revision(eio, identity, transports),
        parser="msgpack" if parser is Encoding.MSGPACK else "json",
        tls=tls,
        client="reference" if client is WireClient.REFERENCE else "native",
        reconnection=reconnection,
    )


def _check_reference(transports: TransportShares, eio: EngineIo, tls: TlsOptions) -> None:
    """Raise InputError for what python-socketio's client cannot do."""
    hint = "leave it out, or use --client native"
    if eio is EngineIo.THREE:
        raise InputError("--client reference does not speak Engine.IO 3, as --eio asks", hint)
    if any(name == "jsonp" for name, _ in transports):
        raise InputError("--client reference has no transport jsonp", hint)
    if tls.server_name:
        raise InputError("--client reference cannot ask for another --server-name than the URL's host", hint)


def transports(name: str | None, mix: str | None) -> TransportShares:
    """What --transport or --transport-mix says."""
    if name is not None and mix is not None:
        raise InputError("--transport and --transport-mix contradict each other", "give one of them")
    if mix is None:
        return ((_transport(name or "upgrade", "--transport"), 1.0),)
    shares: dict[TransportName, float] = {}
    for part in mix.split(","):
        word, _, share = part.strip().partition("=")
        transport = _transport(word, "--transport-mix")
        if transport in shares:
            raise InputError(
                f"--transport-mix names {transport} twice", "each transport has one share of the users"
            )
        try:
            shares[transport] = float(share.removesuffix("%"))
        except ValueError:
            raise InputError(
                f"--transport-mix {part.strip()!r} has no share", "write it upgrade=80,websocket=15,polling=5"
            ) from None
        if not 0 < shares[transport] < float("inf"):
            raise InputError(f"--transport-mix {part.strip()!r}: expected a share of more than 0")
    return tuple(shares.items())


def _transport(word: str, option: str) -> TransportName:
    for known in TRANSPORTS:
        if word == known:
            return known
    raise InputError(f"{option} {word!r} is no transport", f"one of {', '.join(TRANSPORTS)}")


def reconnection(
    enabled: bool, attempts: int | None, delay: str, delay_max: str, randomization_factor: str
) -> Reconnection:
    """What --reconnection and the options that begin so say, and --randomization-factor."""
    backoff = Backoff(
        delay_s=parse_duration(delay, "--reconnection-delay"),
        delay_max_s=parse_duration(delay_max, "--reconnection-delay-max"),
        jitter=parse_share(randomization_factor, "--randomization-factor"),
    )
    found = Reconnection(enabled=enabled, attempts=attempts, backoff=backoff)
    if found.problem:
        raise InputError(found.problem, "the official client's are 1s, at most 5s, with a factor of 0.5")
    if not enabled and attempts is not None:
        raise InputError(
            "--no-reconnection and --reconnection-attempts contradict each other", "give one of them"
        )
    return found


def tls(
    ca_file: Path | None, insecure: bool, cert: Path | None, key: Path | None, server_name: str | None
) -> TlsOptions:
    """What --ca-file, --insecure, --client-cert, --client-key and --server-name say."""
    if insecure and ca_file is not None:
        raise InputError("--insecure and --ca-file contradict each other", "give one of them")
    if key is not None and cert is None:
        raise InputError("--client-key has no certificate", "give it with --client-cert")
    return TlsOptions(
        ca_file=str(ca_file or ""),
        insecure=insecure,
        cert_file=str(cert or ""),
        key_file=str(key or ""),
        server_name=server_name or "",
    )


def _revision(word: EngineIo, found: Identity, transports: TransportShares) -> Revision | None:
    """What --eio says; None to ask the target."""
    if any(name == "jsonp" for name, _ in transports) and word is EngineIo.FOUR:
        raise InputError("--transport jsonp is of Engine.IO 3", "use --eio 3, or another transport")
    if word is EngineIo.THREE and found.auth is not None:
        raise InputError(
            "--auth is not of Engine.IO 3: clients of Socket.IO 2 have no auth payload", "use --query"
        )
    revisions: dict[EngineIo, Revision] = {EngineIo.THREE: 3, EngineIo.FOUR: 4}
    return revisions.get(word)
