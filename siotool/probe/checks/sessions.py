"""Does a session survive several TCP connections, by which cookie, and how many servers show?"""

import asyncio
from collections import Counter

import msgspec

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.opening import by_polling
from siotool.probe.refusal import DOWN, FAILING, SESSION, SILENT, THROTTLED, cause
from siotool.probe.reply import Reply
from siotool.probe.wire import Wire
from siotool.protocol import payload
from siotool.protocol.engine_io import CLOSE, PING, PONG

#: Two servers in turn, or at random, show with 999 in 1,000 by these requests.
_SESSIONS = 5
#: Requests of a session without its cookies: each of them may meet the session's server by chance.
_BARE = 3
#: What proxies and servers say about themselves.
_SIGNATURES = ("Server", "Via", "X-Served-By", "X-Backend", "X-Upstream", "X-Backend-Server", "X-Server")
#: Causes of a refusal that may be of this moment, or of one server of several.
_PASSING = (THROTTLED, DOWN, FAILING, SILENT)


class SessionSeen(msgspec.Struct, frozen=True):
    """One session: what its first answer showed, and the answers on other connections.

    ``with_cookies`` sent what the server had set; ``without`` is empty where it had set none.
    """

    settings: tuple[float, float, float]
    revision: int
    cookies: dict[str, str]
    signature: str
    with_cookies: list[Reply]
    without: list[Reply]


async def look(wire: Wire, known: Known) -> list[SessionSeen]:
    """Open sessions by long polling, and use each over other connections; none where none opens."""
    if not any(polled.opening for polled in known.polled.values()):
        return []
    seen = await asyncio.gather(*(_use(wire, known) for _ in range(_SESSIONS)))
    return [session for session in seen if session is not None]


async def _use(wire: Wire, known: Known) -> SessionSeen | None:
    url = wire.settings.url("http", known.revision, "polling")
    async with wire.line() as line:
        first = await line.ask(url)
    opening = by_polling(first.body)
    if opening is None:
        return None
    handshake, cookies = opening.handshake, first.cookies
    # a heartbeat, which the application does not see
    heartbeat = payload.encode([bytes((PONG if opening.revision == 4 else PING,))], opening.revision)
    leaving = payload.encode([bytes((CLOSE,))], opening.revision)
    session = f"{url}&sid={handshake.sid}"
    kept = [await _post(wire, session, heartbeat, cookies)]
    bare = [await _post(wire, session, heartbeat, {}) for _ in range(_BARE if cookies else 0)]
    kept.append(await _post(wire, session, leaving, cookies))
    return SessionSeen(
        (handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload or 0),
        opening.revision,
        {name: value for name, value in cookies.items() if value != handshake.sid},
        " · ".join(f"{name}: {first.header(name)}" for name in _SIGNATURES if first.header(name)),
        kept,
        bare,
    )


async def _post(wire: Wire, url: str, body: bytes, cookies: dict[str, str]) -> Reply:
    plain = {"Content-Type": "text/plain;charset=UTF-8"}
    async with wire.line() as line:
        return await line.ask(url, method="POST", headers=plain, cookies=cookies, body=body)


def _lost(replies: list[Reply]) -> list[Reply]:
    return [reply for reply in replies if cause(reply) == SESSION]


def _judge_sticky(known: Known, sessions: list[SessionSeen]) -> Finding | None:
    if known.opening is None:
        return None
    if not sessions:
        return _not_tried(known)
    kept = [reply for session in sessions for reply in session.with_cookies]
    bare = [reply for session in sessions for reply in session.without]
    names = sorted({name for session in sessions for name in session.cookies})
    lost = _lost(kept)
    if lost:
        return Finding(
            "sticky",
            "error",
            f"{len(lost)} of {len(kept)} requests ({len(lost) / len(kept):.0%}) on other connections of a "
            f"session got {lost[0].said}" + (f", with the cookies {_named(names)}" if names else ""),
            "requests of one session reach servers that do not know it: clients that begin with long "
            "polling fail or reconnect without end",
            "keep a session on one server. nginx: ip_hash or hash $remote_addr; HAProxy: cookie … insert; "
            'Kubernetes ingress: affinity cookie; or give clients transports: ["websocket"]',
        )
    if refused := [reply for reply in kept if reply.failure or reply.status != 200]:
        passing = len(refused) < len(kept) and all(cause(reply) in _PASSING for reply in refused)
        return (_limited if passing else _refused)(refused, len(kept))
    if _lost(bare):
        return Finding(
            "sticky",
            "info",
            f"kept by the cookie {_named(names)}: without it {len(_lost(bare))} of {len(bare)} requests got "
            f"{_lost(bare)[0].said}",
            "clients must send the cookie back: browsers on other origins need withCredentials, and "
            "clients outside of browsers a cookie jar",
            "withCredentials: true in clients",
        )
    seen = f"{len(sessions)} sessions answered {len(kept)} requests on other connections"
    return Finding("sticky", "ok", seen + (f"; cookies: {_named(names)}" if names else ""))


def _not_tried(known: Known) -> Finding:
    """None of the sessions that were asked for opened."""
    if not any(polled.opening for polled in known.polled.values()):
        return Finding("sticky", "info", "not tried: long polling is not offered")
    return Finding(
        "sticky",
        "warning",
        f"no session opened this time: {_SESSIONS} were asked for at once by long polling",
        "one had opened before: a limit of requests or connections, or servers that are not all alike",
        "raise the limit for this address, or look at the servers behind it one by one",
    )


def _limited(refused: list[Reply], asked: int) -> Finding:
    """Some requests of sessions got no 200 for a reason that passes, or is of one server of several."""
    return Finding(
        "sticky",
        "warning",
        f"{len(refused)} of {asked} requests on other connections got {refused[0].said}, and the others not",
        "a limit of requests or connections, or a server that is down",
        "raise the limit for this address, or look at the servers behind it one by one",
    )


def _refused(refused: list[Reply], asked: int) -> Finding:
    """Requests of sessions that their servers may know: they got no 200 for another reason."""
    return Finding(
        "sticky",
        "error",
        f"POSTs of long polling get {refused[0].said}: {len(refused)} of {asked} on other connections",
        "clients that begin with long polling open a session, and cannot send in it: they fail before they "
        "move to WebSocket",
        'let POST on this path through the proxy and its filter; or give clients transports: ["websocket"]',
    )


def _named(names: list[str]) -> str:
    return one_line(", ".join(names), 100)


def _judge_backends(known: Known, sessions: list[SessionSeen]) -> Finding | None:
    if known.opening is None:
        return None
    evidence = _evidence(known, sessions)
    revisions = Counter(session.revision for session in sessions)
    if len(revisions) > 1:
        ways = ", ".join(f"{count} with Engine.IO {revision}" for revision, count in revisions.most_common())
        return Finding(
            "backends",
            "error",
            f"of {len(sessions)} sessions that asked for the same, {ways} opened",
            "servers of different major versions of Socket.IO answer for one address: each client fails at "
            "some of them",
            "roll all servers to one version; Engine.IO 3 is Socket.IO 2, or 3 and later with allowEIO3",
        )
    settings = Counter(session.settings for session in sessions)
    if len(settings) > 1:
        ways = ", ".join(
            f"{interval:g}/{timeout:g} ms, {size:,.0f} bytes" for interval, timeout, size in settings
        )
        return Finding(
            "backends",
            "warning",
            f"sessions open with {len(settings)} different settings: {ways}",
            "servers of different configuration or version answer for one address",
            "roll all servers to the same version and settings",
        )
    if evidence:
        return Finding("backends", "info", "; ".join(evidence), "several servers answer for this address")
    return Finding("backends", "ok", "no sign of more than one server")


def _evidence(known: Known, sessions: list[SessionSeen]) -> list[str]:
    """Why there must be several servers."""
    found = []
    if any(_lost([*session.with_cookies, *session.without]) for session in sessions):
        found.append("at least 2 servers: each does not know the sessions of the other")
    for name in sorted({name for session in sessions for name in session.cookies}):
        values = Counter(session.cookies.get(name, "") for session in sessions)
        # a value that two sessions share names a server; one that none share may name the session
        if 1 < len(values) < len(sessions):
            found.append(f"the cookie {one_line(name, 40)} has {len(values)} values")
    signatures = {session.signature for session in sessions}
    if 1 < len(signatures) < len(sessions):
        found.append(f"{len(signatures)} different headers: {one_line(' | '.join(sorted(signatures)), 160)}")
    if len(known.reached.addresses) > 1 and known.settings.host != "localhost":
        found.append(f"the name has {len(known.reached.addresses)} addresses")
    return found


CHECKS = [
    Check("sticky", "whether a session survives other connections, and by which cookie", _judge_sticky, look),
    Check("backends", "signs of several servers behind the address", _judge_backends, look),
]
