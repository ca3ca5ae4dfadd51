"""Is Socket.IO on this path?"""

from typing import Any

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.refusal import NOT_OF_SOCKET_IO, cause, of_engine_io
from siotool.probe.reply import Reply


def _judge(known: Known, _: Any) -> Finding | None:
    if known.reached.failure or known.elsewhere or known.wants_tls:
        return None
    path = known.settings.target.path
    if known.opening is not None:
        return Finding("path", "ok", f"Socket.IO answers on {path}")
    if any(of_engine_io(reply) for reply in known.refusals):
        return Finding("path", "ok", f"Engine.IO answers on {path}, and refuses")
    polled = known.refusals[0]
    return None if cause(polled) in NOT_OF_SOCKET_IO else _wrong(known, path, polled)


def _wrong(known: Known, path: str, polled: Reply) -> Finding:
    if known.other_path:
        seen = f"{path}: {polled.said}; Socket.IO answers on {known.other_path}"
        means = "Socket.IO is on another path of this server"
        return Finding("path", "error", seen, means, f"give --path {known.other_path}")
    if polled.failure:
        return Finding(
            "path",
            "error",
            f"{path}: {polled.said}",
            "the server takes connections, and answers nothing on this path; Node.js servers do so on "
            "paths they do not know",
            "check the path (--path), and whether the server is stuck",
        )
    return Finding(
        "path",
        "error",
        f"{path}: {polled.said}",
        "an HTTP server is there, but no Socket.IO server on this path",
        "check the URL, or give the path with --path, as the server's `path` option has it",
    )


CHECKS = [Check("path", "whether Socket.IO answers on the path", _judge)]
