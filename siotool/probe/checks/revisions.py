"""Which revisions of Engine.IO does the target speak?"""

from types import MappingProxyType
from typing import Any

from siotool.probe.finding import Check, Finding, Severity
from siotool.probe.known import Known
from siotool.probe.refusal import NOT_OF_SOCKET_IO, cause, of_engine_io
from siotool.probe.reply import Reply
from siotool.protocol.engine_io import Revision, parse_handshake
from siotool.protocol.faults import RemoteProtocolError

_SOCKET_IO = MappingProxyType({3: "Socket.IO 1 and 2", 4: "Socket.IO 3 and 4"})


def _seen(known: Known, revision: Revision) -> str:
    """How a revision was offered, or the words that refuse it."""
    by = ["long polling"] if known.polls(revision) else []
    by += ["WebSocket"] if known.upgrades(revision) else []
    if by:
        return f"a session opens by {' and by '.join(by)}"
    return f"not offered: {_refusal(known, revision)}"


def _refusal(known: Known, revision: Revision) -> str:
    polled, upgraded = known.polled[revision], known.upgraded[revision]
    if polled.opening is not None or upgraded.opening is not None:
        return "the server answers in another revision"
    replies: list[Reply] = [reply for reply in (polled.reply, upgraded.reply) if reply is not None]
    return next((reply.said for reply in replies if not reply.failure), replies[0].said)


def _judge(revision: Revision, level: Severity, remedy: str, known: Known) -> Finding | None:
    if known.opening is None:
        return None
    name, seen, clients = f"eio{revision}", _seen(known, revision), f"clients of {_SOCKET_IO[revision]}"
    if known.polls(revision) or known.upgrades(revision):
        return Finding(name, "ok", seen, f"{clients} can connect")
    return Finding(name, level, seen, f"{clients} cannot connect", remedy)


def _refused(known: Known) -> Finding | None:
    """Engine.IO answers, and opens no session for a reason that no other check names."""
    replies = known.refusals
    if known.reached.failure or known.elsewhere or known.wants_tls or not any(map(of_engine_io, replies)):
        return None
    if any(cause(reply) in NOT_OF_SOCKET_IO for reply in replies):
        return None
    unread = dict.fromkeys(filter(None, map(_unreadable, replies)))
    said = ", ".join(unread or dict.fromkeys(reply.said for reply in replies if of_engine_io(reply)))
    return Finding(
        "eio4",
        "error",
        f"Engine.IO answers, and opens no session by any transport: {said}",
        "no client of Socket.IO 1 to 4 can connect",
        "look at the server's transports and allowEIO3, and at what a proxy leaves of the query",
    )


def _unreadable(reply: Reply) -> str:
    """What is wrong with an open packet that came; empty without one, and where nothing is."""
    if reply.status == 200 and reply.body.startswith(b"0"):
        try:
            parse_handshake(reply.body[1:])
        except RemoteProtocolError as error:
            return str(error)
    return ""


def _judge_4(known: Known, _: Any) -> Finding | None:
    if known.opening is None:
        return _refused(known)
    return _judge(4, "warning", "use clients of Socket.IO 2 (siotool: --eio 3), or update the server", known)


def _judge_3(known: Known, _: Any) -> Finding | None:
    return _judge(3, "info", "if there are any: allowEIO3: true on a Socket.IO 3 or 4 server", known)


CHECKS = [
    Check("eio4", "Engine.IO 4, of Socket.IO 3 and 4", _judge_4),
    Check("eio3", "Engine.IO 3, of Socket.IO 1 and 2", _judge_3),
]
