"""Reads the options that say how clients connect; InputError says what is wrong with one."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec

from siotool.cli import load_options
from siotool.cli.client_words import Client, Encoding, EngineIo
from siotool.client.choices import ClientName, ParserName, TlsOptions, TransportName, TransportShares
from siotool.client.identity import Identity, with_queries
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
    client: ClientName

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
    client: Client,
) -> ClientOptions:
    """All of it; --eio, --parser and --client are read here."""
    if client is Client.REFERENCE:
        _check_reference(transports, eio, tls)
        eio = EngineIo.FOUR
    return ClientOptions(
        identity=identity,
        transports=transports,
        revision=_revision(eio, identity, transports),
        parser="msgpack" if parser is Encoding.MSGPACK else "json",
        tls=tls,
        client="reference" if client is Client.REFERENCE else "native",
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


def identity(
    auth: str | None, headers: Sequence[str], queries: Sequence[str], namespaces: Sequence[str]
) -> Identity:
    """What --auth, --header, --query and --namespace say."""
    for namespace in namespaces:
        load_options.check_namespace(namespace)
    found = with_queries(
        Identity(
            auth=load_options.auth(auth),
            headers=tuple(load_options.header(text) for text in headers),
            query=tuple(map(query, queries)),
            namespaces=tuple(dict.fromkeys(namespaces)) or ("/",),
        )
    )
    if len(set(found.namespaces)) < len(found.namespaces):
        raise InputError("--namespace names one namespace twice", "a client joins each of them once")
    return found


def query(text: str) -> tuple[str, str]:
    """Name and value of a query parameter."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--query {text!r} has no value", "write it --query KEY=VALUE")
    if name in ("EIO", "transport", "sid"):
        raise InputError(f"--query {name}: Engine.IO itself uses it", "use --eio and --transport")
    return name, value


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
