"""Which clients can connect to a target, and with which options."""

import shlex
from typing import NamedTuple

from siotool.probe.joins import Joins
from siotool.probe.known import Known
from siotool.probe.probe_result import ClientRow


class _Kind(NamedTuple):
    """A client: its revisions of Engine.IO, and how its options are written.

    It begins with long polling and upgrades; ``socket`` asks for WebSocket alone; ``msgpack`` is empty
    where there is no such parser; ``older`` makes it speak revision 3, if anything does; ``bare`` leaves out
    the slash at the end of the path: None where it is always asked for, empty where that is not known.
    """

    name: str
    revisions: tuple[int, ...]
    socket: str
    msgpack: str
    auth: str
    older: str = ""
    bare: str | None = ""


_JS_SOCKET = 'transports: ["websocket"]'
_JS_MSGPACK = 'parser: require("socket.io-msgpack-parser")'
_KINDS = (
    _Kind("socket.io-client 4", (4,), _JS_SOCKET, _JS_MSGPACK, "auth: {…}", bare="addTrailingSlash: false"),
    _Kind("socket.io-client 3", (4,), _JS_SOCKET, _JS_MSGPACK, "auth: {…}", bare=None),
    _Kind("socket.io-client 2", (3,), _JS_SOCKET, _JS_MSGPACK, "query: {…}", bare=None),
    _Kind(
        "socket.io-client-java 2",
        (4,),
        'options.transports = new String[] {"websocket"}',
        "options.encoder and options.decoder of a msgpack parser",
        "options.auth = …",
    ),
    _Kind(
        "socket.io-client-swift 16",
        (4,),
        ".forceWebsockets(true)",
        "",
        "connect(withPayload: …)",
        ".version(.two)",
    ),
    _Kind(
        "python-socketio 5",
        (4,),
        'connect(url, transports=["websocket"])',
        'Client(serializer="msgpack")',
        "auth={…}",
        bare=None,
    ),
)


def rows(known: Known, joins: Joins | None, sticky: bool) -> list[ClientRow]:
    """One row for each client; ``sticky`` says whether a session survives other connections."""
    return [*(_row(kind, known, joins, sticky) for kind in _KINDS), _own(known, joins, sticky)]


def _row(kind: _Kind, known: Known, joins: Joins | None, sticky: bool) -> ClientRow:
    revisions = (4, 3) if kind.older else kind.revisions
    spoken = next((one for one in revisions if known.polls(one) or known.upgrades(one)), 0)
    obstacle = _obstacle(kind, known, joins, sticky, spoken)
    if obstacle:
        return ClientRow(kind.name, False, obstacle)
    settings = known.settings
    path = settings.target.path
    options = (
        kind.older if spoken == 3 else "",
        "" if known.polls(spoken) and sticky else kind.socket,
        "" if path.strip("/") == "socket.io" else f"path {path}",
        "" if settings.slash else kind.bare or "",
        kind.msgpack if joins is not None and joins.parser == "msgpack" else "",
        "" if known.shown_origin in ("", "none") else f"a header Origin: {known.shown_origin}",
        kind.auth if settings.identity.auth is not None else "",
    )
    return ClientRow(kind.name, True, ", ".join(filter(None, options)) or "as it is")


def _obstacle(kind: _Kind, known: Known, joins: Joins | None, sticky: bool, spoken: int) -> str:
    """Why a client cannot connect; empty when it can."""
    tls = known.reached.tls
    msgpack = joins is not None and joins.parser == "msgpack"
    obstacles = (
        ("no session opens", known.opening is None),
        (f"it speaks Engine.IO {kind.revisions[0]} only", not spoken),
        (
            "it asks with a slash at the end of the path, which is redirected",
            not known.settings.slash and kind.bare is None,
        ),
        ("it does not trust the certificate", tls is not None and bool(tls.distrust)),
        (
            "sessions do not survive several connections, and WebSocket does not open",
            not (known.polls(spoken) and sticky) and not known.upgrades(spoken),
        ),
        ("it has no parser for MessagePack", msgpack and not kind.msgpack),
        (f"refused; with credentials: {kind.auth}", joins is not None and joins.turned_away),
    )
    return next((words for words, there in obstacles if there), "")


def _own(known: Known, joins: Joins | None, sticky: bool) -> ClientRow:
    """siotool's own load generator: the command line, without what may be secret."""
    if known.opening is None:
        return ClientRow("siotool", False, "no session opens")
    refused = joins is not None and joins.turned_away
    return ClientRow("siotool", not refused, shlex.join(command(known, joins, sticky)))


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
    for namespace in settings.identity.namespaces:
        words += ["--namespace", namespace] if namespace != "/" else []
    if settings.tls.ca_file:
        words += ["--ca-file", settings.tls.ca_file]
    elif known.reached.tls is not None and known.reached.tls.distrust:
        words += ["--insecure"]
    if settings.identity.auth is not None or (joins is not None and joins.refused):
        # clients of Socket.IO 2 have no auth payload
        words += ["--auth", "@auth.json"] if known.revision == 4 else ["--query", "token=…"]
    for name, _ in settings.identity.headers:
        words += ["--header", f"{name}: …" if name.lower() != "origin" else f"{name}: {_}"]
    for name, _ in settings.identity.query:
        words += ["--query", f"{name}=…"]
    return words
