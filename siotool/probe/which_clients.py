"""Which clients can connect to a target, and with which options."""

import shlex
from typing import NamedTuple

from siotool.probe.joins import Joins
from siotool.probe.known import Known
from siotool.probe.probe_result import ClientRow


class _Kind(NamedTuple):
    """A client: its revisions of Engine.IO, and how its options are written.

    ``plain`` begins with long polling and upgrades; ``socket`` asks for WebSocket alone; ``msgpack``
    is empty where there is no such parser.
    """

    name: str
    revisions: tuple[int, ...]
    plain: str
    socket: str
    msgpack: str
    auth: str


_JS_SOCKET = 'transports: ["websocket"]'
_JS_MSGPACK = 'parser: require("socket.io-msgpack-parser")'
_KINDS = (
    _Kind("socket.io-client 4", (4,), "as it is", _JS_SOCKET, _JS_MSGPACK, "auth: {…}"),
    _Kind("socket.io-client 3", (4,), "as it is", _JS_SOCKET, _JS_MSGPACK, "auth: {…}"),
    _Kind("socket.io-client 2", (3,), "as it is", _JS_SOCKET, _JS_MSGPACK, "query: {…}"),
    _Kind(
        "socket.io-client-java 2",
        (4,),
        "as it is",
        'options.transports = new String[] {"websocket"}',
        "options.encoder and options.decoder of a msgpack parser",
        "options.auth = …",
    ),
    _Kind(
        "socket.io-client-swift 16",
        (4,),
        "as it is",
        ".forceWebsockets(true)",
        "",
        "connect(withPayload: …)",
    ),
    _Kind(
        "python-socketio 5",
        (4,),
        "as it is",
        'connect(url, transports=["websocket"])',
        'Client(serializer="msgpack")',
        "auth={…}",
    ),
)
#: Swift speaks revision 3 too, when told.
_SWIFT_3 = ".version(.two)"


def rows(known: Known, joins: Joins | None, sticky: bool) -> list[ClientRow]:
    """One row for each client; ``sticky`` says whether a session survives other connections."""
    return [*(_row(kind, known, joins, sticky) for kind in _KINDS), _own(known, joins, sticky)]


def _row(kind: _Kind, known: Known, joins: Joins | None, sticky: bool) -> ClientRow:
    swift = kind.socket.startswith(".")
    revisions = (4, 3) if swift else kind.revisions
    spoken = next((one for one in revisions if known.polls(one) or known.upgrades(one)), None)
    if known.opening is None:
        return ClientRow(kind.name, False, "no session opens")
    if spoken is None:
        theirs = " or ".join(f"Engine.IO {one}" for one in revisions)
        return ClientRow(kind.name, False, f"it speaks {theirs} only")
    tls = known.reached.tls
    if tls is not None and tls.distrust:
        return ClientRow(kind.name, False, "it does not trust the certificate")
    options = [_SWIFT_3] if swift and spoken == 3 else []
    if not (known.polls(spoken) and sticky):
        if not known.upgrades(spoken):
            return ClientRow(kind.name, False, "sessions do not survive, and WebSocket is not there")
        options.append(kind.socket)
    if known.settings.target.path.strip("/") != "socket.io":
        options.append(f"path {known.settings.target.path}")
    if joins is not None and joins.parser == "msgpack":
        if not kind.msgpack:
            return ClientRow(kind.name, False, "it has no parser for MessagePack")
        options.append(kind.msgpack)
    if known.origin not in ("", "none"):
        options.append("an Origin header that the server allows")
    if joins is not None and joins.refused and not joins.joined:
        return ClientRow(kind.name, False, f"refused; with credentials: {kind.auth}")
    if known.settings.auth is not None:
        options.append(kind.auth)
    return ClientRow(kind.name, True, ", ".join(options) or kind.plain)


def _own(known: Known, joins: Joins | None, sticky: bool) -> ClientRow:
    """siotool's own load generator: the command line, without what may be secret."""
    if known.opening is None:
        return ClientRow("siotool", False, "no session opens")
    refused = joins is not None and bool(joins.refused) and not joins.joined
    return ClientRow("siotool", not refused, shlex.join(command(known, joins, sticky)).replace("'…'", "…"))


def command(known: Known, joins: Joins | None, sticky: bool) -> list[str]:
    """The words of a load test of this target."""
    settings = known.settings
    words = ["siotool", "loadtest", settings.target.url]
    if settings.target.path.strip("/") != "socket.io":
        words += ["--path", settings.target.path]
    if known.revision == 3:
        words += ["--eio", "3"]
    if not known.websocket:
        words += ["--transport", "polling"]
    elif not known.polling or not sticky:
        words += ["--transport", "websocket"]
    if joins is not None and joins.parser == "msgpack":
        words += ["--parser", "msgpack"]
    for namespace in settings.namespaces:
        words += ["--namespace", namespace] if namespace != "/" else []
    if settings.ca_file:
        words += ["--ca-file", settings.ca_file]
    elif known.reached.tls is not None and known.reached.tls.distrust:
        words += ["--insecure"]
    if settings.auth is not None or (joins is not None and joins.refused):
        words += ["--auth", "@auth.json"]
    for name, _ in settings.headers:
        words += ["--header", f"{name}: …" if name.lower() != "origin" else f"{name}: {_}"]
    for name, _ in settings.query:
        words += ["--query", f"{name}=…"]
    return words
