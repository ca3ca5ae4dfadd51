"""Which revisions of Engine.IO does the target speak?"""

from types import MappingProxyType
from typing import Any

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.reply import Reply
from siotool.protocol.engine_io import Revision

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


def _judge_4(known: Known, _: Any) -> Finding | None:
    if known.opening is None:
        return None
    if known.polls(4) or known.upgrades(4):
        return Finding("eio4", "ok", _seen(known, 4), f"clients of {_SOCKET_IO[4]} can connect")
    return Finding(
        "eio4",
        "warning",
        _seen(known, 4),
        f"clients of {_SOCKET_IO[4]} cannot connect",
        "use clients of Socket.IO 2 (siotool: --eio 3), or update the server",
    )


def _judge_3(known: Known, _: Any) -> Finding | None:
    if known.opening is None:
        return None
    if known.polls(3) or known.upgrades(3):
        return Finding("eio3", "ok", _seen(known, 3), f"clients of {_SOCKET_IO[3]} can connect")
    return Finding(
        "eio3",
        "info",
        _seen(known, 3),
        f"clients of {_SOCKET_IO[3]} cannot connect",
        "if there are any: allowEIO3: true on a Socket.IO 3 or 4 server",
    )


CHECKS = [
    Check("eio4", "Engine.IO 4, of Socket.IO 3 and 4", _judge_4),
    Check("eio3", "Engine.IO 3, of Socket.IO 1 and 2", _judge_3),
]
