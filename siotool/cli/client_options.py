"""Reads the options that say how clients connect; InputError says what is wrong with one."""

from pathlib import Path
from typing import get_args

import msgspec

from siotool.cli.client_words import Encoding, EngineIo
from siotool.client.choices import ParserName, TlsOptions, TransportName, TransportShares
from siotool.client.identity import Identity
from siotool.errors import InputError
from siotool.protocol.engine_io import Revision

TRANSPORTS: tuple[TransportName, ...] = get_args(TransportName)


class ClientOptions(msgspec.Struct, frozen=True):
    """How clients connect; ``revision`` None asks the target."""

    identity: Identity
    transports: TransportShares
    revision: Revision | None
    parser: ParserName
    tls: TlsOptions

    @property
    def transport(self) -> str:
        """The transport's name, or the mix as ``upgrade=80,websocket=20``."""
        if len(self.transports) == 1:
            return self.transports[0][0]
        return ",".join(f"{name}={share:g}" for name, share in self.transports)


def read(
    identity: Identity, transports: TransportShares, eio: EngineIo, parser: Encoding, tls: TlsOptions
) -> ClientOptions:
    """All of it; --eio and --parser are read here."""
    return ClientOptions(
        identity=identity,
        transports=transports,
        revision=_revision(eio, identity, transports),
        parser="msgpack" if parser is Encoding.MSGPACK else "json",
        tls=tls,
    )


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
