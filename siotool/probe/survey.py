"""Gathers what every check may know: reaches the target, follows redirects, opens sessions."""

import asyncio
from time import monotonic
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from siotool.probe.known import Known, Polled, Upgraded
from siotool.probe.opening import by_polling, opened
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.reach import reach, speaks_tls
from siotool.probe.refusal import FORBIDDEN, ORIGIN, cause, of_engine_io
from siotool.probe.reply import Reply
from siotool.probe.talk import SessionEnded, WebSocketTalk
from siotool.probe.wire import Line, Wire, trusting
from siotool.protocol import payload
from siotool.protocol.engine_io import CLOSE, BinaryMessage, Revision
from siotool.workload import Target

REVISIONS: tuple[Revision, ...] = (4, 3)
_HOPS_AT_MOST = 4
#: Characters that may stand in a path (RFC 3986 §3.3), and those that are quoted already.
_OF_A_PATH = "/%!$&'()*+,;=:@-._~"
#: Where else Socket.IO often is; both are asked once, and only when the path asked for has none.
_OTHER_PATHS = ("/socket.io/", "/ws/socket.io/")
_ELSEWHERE_S = 2.0
#: The first answer may take so many times as long as others: HAProxy tries a dead server for 3 s.
_FIRST = 1.5
#: How long after its open packet a Socket.IO 2 server may take to join ``/`` by itself.
_UNASKED_S = 0.25
#: How such a join begins, or its refusal; the last two are of its MessagePack parser.
_UNASKED = (b"40", b"44", b'4{"type":0', b'4{"type":4')
#: How long a WebSocket may take where long polling opened: seconds, or so many times what that took.
_UPGRADE_S, _SLOWER = 2.0, 4.0


async def survey(settings: ProbeSettings) -> tuple[Wire, Known]:
    """Returns the wire that reaches the target, and what is known of it."""
    reached = await reach(settings)
    hops: list[str] = []
    while True:
        distrusted = reached.tls is not None and bool(reached.tls.distrust)
        wire = Wire(settings, trusting(settings, anyone=distrusted) if settings.secure else None)
        known = Known(settings=settings, reached=reached, hops=hops)
        if reached.failure:
            return wire, known
        known = await _ask(wire, known)
        where = known.polled[4].reply.location
        if not where or len(hops) == _HOPS_AT_MOST:
            break
        led = urljoin(settings.url("http", 4, "polling"), where)
        there = _redirected(settings, led)
        if there is None:
            first = {4: known.polled[4]}  # sessions that opened all the same are not judged
            return wire, msgspec.structs.replace(known, elsewhere=_shown(led), polled=first, upgraded={})
        hops.append(_shown(led))
        moved = there.secure != settings.secure or there.address != settings.address
        settings, reached = there, await reach(there) if moved else reached
    return wire, await _understand(wire, known)


async def _ask(wire: Wire, known: Known) -> Known:
    """Ask for a session in every revision by every transport, all at once."""
    start = monotonic()
    upgrading = [asyncio.create_task(upgrade(wire, revision)) for revision in REVISIONS]
    polled = await asyncio.gather(*(poll(wire, revision) for revision in REVISIONS))
    if any(one.opening for one in polled) or (await upgrading[0]).opening:
        # a server that opened one session and not the others by then will not: some leave them open
        await asyncio.wait(upgrading, timeout=max(_UPGRADE_S, _SLOWER * (monotonic() - start)))
        for task in upgrading:
            task.cancel()
    upgraded = await asyncio.gather(*upgrading, return_exceptions=True)
    return msgspec.structs.replace(
        known,
        polled=dict(zip(REVISIONS, polled, strict=True)),
        upgraded={
            revision: found if isinstance(found, Upgraded) else _or_silent(found, start)
            for revision, found in zip(REVISIONS, upgraded, strict=True)
        },
    )


def _or_silent(error: BaseException, start: float) -> Upgraded:
    if not isinstance(error, asyncio.CancelledError):
        raise error
    waited_s = monotonic() - start
    silent = Reply(failure="timeout", detail=f"no answer within {waited_s:.2g} s", seconds=waited_s)
    return Upgraded(reply=silent, seconds=waited_s)


def _shown(url: str) -> str:
    """A redirect's address without the query, which may hold what is secret."""
    return url.partition("?")[0]


def _redirected(settings: ProbeSettings, led: str) -> ProbeSettings | None:
    """The settings that ask where a redirect leads; None for another host, and from TLS to none."""
    parts = urlsplit(led)
    allowed = ("https",) if settings.secure else ("http", "https")
    if parts.scheme not in allowed or parts.hostname != settings.host:
        return None
    target = msgspec.structs.replace(
        settings.target,
        url=f"{parts.scheme}://{parts.netloc}",
        path=quote(parts.path, safe=_OF_A_PATH) or "/",
    )
    slash = target.path.endswith("/")  # some servers redirect to take it away
    return msgspec.structs.replace(settings, target=target, slash=slash)


async def _understand(wire: Wire, known: Known) -> Known:
    """Where no session opened, try what may be the cause."""
    if known.opening is not None:
        return known
    if {cause(reply) for reply in known.refusals} & {FORBIDDEN, ORIGIN}:
        return await _with_origin(wire, known)
    if all(reply.failure == "closed" for reply in known.refusals) and not known.settings.secure:
        known = msgspec.structs.replace(known, wants_tls=await speaks_tls(known.settings))
    if not known.wants_tls and not any(of_engine_io(reply) for reply in known.refusals):
        return msgspec.structs.replace(known, other_path=await _elsewhere(wire, known))
    return known


async def _with_origin(wire: Wire, known: Known) -> Known:
    """Find out whether an Origin, or the lack of one, is what is refused."""
    settings = known.settings
    if any(name.lower() == "origin" for name, _ in settings.identity.headers):
        plain = [(name, value) for name, value in settings.identity.headers if name.lower() != "origin"]
        tries = [("", plain)]
    else:
        origins = dict.fromkeys(filter(None, (settings.origin, settings.own_origin)))
        tries = [(origin, [*settings.identity.headers, ("Origin", origin)]) for origin in origins]
    for origin, headers in tries:
        asked = settings.with_headers(headers)
        wire.settings = asked
        found = await _ask(wire, msgspec.structs.replace(known, settings=asked))
        if found.opening is not None:
            refused = known.refusals[0]
            return msgspec.structs.replace(found, shown_origin=origin or "none", without_origin=refused)
    wire.settings = settings
    return known


async def _elsewhere(wire: Wire, known: Known) -> str:
    """Another path on which Socket.IO answers; empty where it is on neither of the usual ones."""
    own = "/" + known.settings.target.path.strip("/") + "/"
    paths = [path for path in _OTHER_PATHS if path != own]

    async def answers(path: str) -> bool:
        target = Target(url=known.settings.target.url, path=path)
        there = msgspec.structs.replace(known.settings, target=target, slash=True)
        async with wire.line() as line:
            reply = await line.ask(there.url("http", 4, "polling"), timeout_s=_ELSEWHERE_S)
            return by_polling(reply.body) is not None or of_engine_io(reply)

    found = await asyncio.gather(*map(answers, paths))
    return next((path for path, there in zip(paths, found, strict=True) if there), "")


async def poll(wire: Wire, revision: Revision) -> Polled:
    """Open a session by long polling, and close it."""
    async with wire.line() as line:
        url = wire.settings.url("http", revision, "polling")
        reply = await line.ask(url, timeout_s=_FIRST * wire.settings.timeout_s)
        opening = by_polling(reply.body) if reply.status == 200 else None
        if opening is not None:
            await leave(line, url, opening.handshake.sid, reply, opening.revision)
        return Polled(reply, opening)


async def leave(line: Line, url: str, sid: str, reply: Reply, revision: Revision) -> Reply:
    """Close a session that long polling opened."""
    body = payload.encode([bytes((CLOSE,))], revision)
    plain = {"Content-Type": "text/plain;charset=UTF-8"}
    return await line.ask(f"{url}&sid={sid}", method="POST", headers=plain, cookies=reply.cookies, body=body)


async def upgrade(wire: Wire, revision: Revision) -> Upgraded:
    """Open a session by WebSocket, and close it."""
    start = monotonic()
    async with wire.line() as line:
        socket = await line.upgrade(wire.settings.url("ws", revision, "websocket"))
        if isinstance(socket, Reply):
            return Upgraded(reply=socket, seconds=socket.seconds)
        seconds = monotonic() - start
        async with socket:
            talk = WebSocketTalk(socket, revision)
            deflate = bool(socket.compress)
            try:
                async with asyncio.timeout(wire.settings.timeout_s):
                    opening = opened(revision, await talk.receive())
            except SessionEnded as error:
                return Upgraded(reply=Reply(failure="closed", detail=str(error)), seconds=seconds)
            except TimeoutError:
                silent = Reply(failure="timeout", detail="no open packet came over the WebSocket")
                return Upgraded(reply=silent, seconds=seconds)
            if opening is None:
                strange = Reply(failure="not_http", detail="the first packet was no open packet")
                return Upgraded(reply=strange, seconds=seconds)
            unasked = False
            try:
                async with asyncio.timeout(_UNASKED_S):
                    frame = await talk.receive()
                    unasked = isinstance(frame, BinaryMessage) or frame.startswith(_UNASKED)
            except (SessionEnded, TimeoutError):
                pass
            spoken: Revision = 3 if unasked else revision
            return Upgraded(
                msgspec.structs.replace(opening, revision=spoken),
                deflate=deflate,
                seconds=seconds,
            )
