"""Checks before a run: open files for all users, and a first connection to the target."""

import http.client
import math
import resource
from time import monotonic
from urllib.parse import urlsplit

import msgspec

from siotool.client.failures import ClientFailure
from siotool.errors import InputError, TargetError
from siotool.swarm.engine import Engine
from siotool.swarm.health import FILES_RESERVED
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user_counts import UserCounts
from siotool.workload import Target

#: Long enough for a slow handshake, short enough to notice a dead port at once.
PATIENCE_S = 5.0

_ADVICE = {
    "refused": "is the server running, and on this port?",
    "timeout": "is it reachable from here?",
    "dns": "check the host's name",
    "unreachable": "check the network",
    "tls": "check the certificate, or use http://",
    "no_local_port": "this machine has no local port left",
}


def check_files(users: int, processes: int) -> None:
    """Raises InputError when ``users`` over so many worker processes cannot all have a connection.

    Workers raise their own limit as far as the hard one allows.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    each = math.ceil(users / processes)
    if limit == resource.RLIM_INFINITY or each + FILES_RESERVED <= limit:
        return
    remedy = f"raise the limit first (ulimit -n {each + FILES_RESERVED})"
    if limit > FILES_RESERVED:
        remedy += f", or use --processes {math.ceil(users / (limit - FILES_RESERVED))}"
    raise InputError(
        f"{each:,} users in one generator process need {each + FILES_RESERVED:,} open files, "
        f"and a process may have {limit:,} here",
        remedy,
    )


def check(settings: EngineSettings) -> None:
    """Connect once, join the namespace, leave. Raises TargetError, which says what was found instead."""
    patient = msgspec.structs.replace(settings, connect_timeout_s=min(PATIENCE_S, settings.connect_timeout_s))
    engine = Engine(patient)
    try:
        engine.connect(engine.new_user(UserCounts("preflight")), monotonic(), again=False, handlers={})
        engine.drain()
    except ClientFailure as failure:
        raise _explain(settings.target, failure) from failure
    finally:
        engine.stop()


def _explain(target: Target, failure: ClientFailure) -> TargetError:
    where = f"{target.url} (path {target.path})"
    kind, detail = failure.kind, str(failure)
    if kind == "connect_error":
        return TargetError(
            f"{target.url} refused namespace {target.namespace}: {detail}",
            "check --namespace and --auth",
        )
    if kind.startswith("http_"):
        return TargetError(
            f"{where} answers HTTP {kind[5:]} to a WebSocket upgrade{_quoted(detail)}",
            _http_advice(target, kind),
        )
    if kind in ("not_websocket", "protocol_error"):
        return TargetError(
            f"{where} does not speak Socket.IO: {detail}",
            "check the URL; a Socket.IO server on another path needs --path",
        )
    if kind in ("transport_close", "reset", "server_disconnect"):
        return TargetError(
            f"{where} closed the connection before the namespace was joined",
            "is it a Socket.IO 3 or 4 server? one on another path needs --path",
        )
    return TargetError(f"cannot reach {target.url}: {kind} ({detail})", _ADVICE.get(kind, ""))


def _quoted(detail: str) -> str:
    line = detail.splitlines()[0] if detail else ""
    return f": {line[:120]}" if line and not line.startswith("<") else ""


def _http_advice(target: Target, kind: str) -> str:
    if kind in ("http_401", "http_403"):
        return "it requires credentials: give them with --header or --auth"
    if kind.startswith("http_3"):
        return "it redirects: give the URL it redirects to, perhaps with https://"
    if _answers_polling(target):
        return "its long polling works but its WebSocket does not: is a proxy in between?"
    return (
        "an HTTP server is there, but no Socket.IO server on this path; check the URL, "
        "or give the path with --path"
    )


def _answers_polling(target: Target) -> bool:
    parts = urlsplit(target.url)
    secure = parts.scheme in ("https", "wss")
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", f"/{target.path.strip('/')}/?EIO=4&transport=polling")
        return connection.getresponse().read(4).startswith(b'0{"')
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
