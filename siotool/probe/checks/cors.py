"""May a page of an origin use the target?"""

import asyncio

import msgspec

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.opening import by_polling
from siotool.probe.refusal import of_engine_io
from siotool.probe.reply import Reply
from siotool.probe.survey import leave
from siotool.probe.wire import Wire


class OfOrigin(msgspec.Struct, frozen=True):
    """What a request, its preflight and a WebSocket of a page got; None where it was not asked."""

    polled: Reply
    opened: bool
    preflight: Reply
    websocket: Reply | None


async def _look(wire: Wire, known: Known) -> OfOrigin | None:
    """Ask as a browser does on a page of the origin."""
    origin = known.settings.origin
    if not origin or known.opening is None:
        return None
    revision = known.revision
    shown = {"Origin": origin}
    url = wire.settings.url("http", revision, "polling")

    async def poll() -> tuple[Reply, bool]:
        async with wire.line() as line:
            reply = await line.ask(url, headers=shown)
            opening = by_polling(reply.body)
            if opening is not None:
                await leave(line, url, opening.handshake.sid, reply, opening.revision)
            return reply, opening is not None

    async def preflight() -> Reply:
        asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        async with wire.line() as line:
            return await line.ask(url, method="OPTIONS", headers={**shown, **asking})

    async def upgrade() -> Reply | None:
        async with wire.line() as line:
            socket = await line.upgrade(wire.settings.url("ws", revision, "websocket"), headers=shown)
            if isinstance(socket, Reply):
                return socket
            await socket.close()
            return None

    (polled, opened), options, refused = await asyncio.gather(
        poll(), preflight(), upgrade() if known.websocket else asyncio.sleep(0, None)
    )
    return OfOrigin(polled, opened, options, refused)


def _judge(known: Known, seen: OfOrigin | None) -> Finding | None:
    settings = known.settings
    if known.origin:
        assert known.without_origin is not None
        refused = known.without_origin.said
        if known.origin == "none":
            return _refused("the Origin of --header", refused)
        return Finding(
            "cors",
            "error" if not settings.origin else "warning",
            f"a request without Origin got {refused}; with Origin {one_line(known.origin)} a session opens",
            "the server wants an Origin that it allows: clients outside of browsers send none",
            f"--header 'Origin: {one_line(known.origin)}'",
        )
    if known.opening is None:
        named = [reply for reply in known.refusals if "origin" in reply.words.lower() and of_engine_io(reply)]
        return _refused("the Origin of the request", named[0].said) if named else None
    if seen is None:
        return Finding(
            "cors", "info", "not asked", "", "--origin https://app.example.org asks as its pages do"
        )
    origin = one_line(settings.origin)
    if known.polling and not seen.opened:
        return _refused(f"Origin {origin}", seen.polled.said)
    if seen.websocket is not None:
        return _refused(f"Origin {origin} on WebSocket", seen.websocket.said)
    if not known.polling:
        return Finding("cors", "ok", f"a WebSocket opens for {origin}", "browsers ask nothing more for it")
    return _allowed(known, seen, origin)


def _refused(who: str, said: str) -> Finding:
    return Finding(
        "cors",
        "error",
        f"{who} is refused with {said}",
        "the server has a list of origins, and this one is not on it: neither the path nor credentials "
        "are the cause",
        "add the origin to cors: {origin: […]}, cors_allowed_origins or allowRequest; or give one that is "
        "on it with --origin or --header 'Origin: …'",
    )


def _allowed(known: Known, seen: OfOrigin, origin: str) -> Finding:
    """A session opened; whether a browser hands the answer to the page."""
    allowed = seen.polled.header("Access-Control-Allow-Origin")
    credentials = seen.polled.header("Access-Control-Allow-Credentials").lower() == "true"
    said = f"Access-Control-Allow-Origin {one_line(allowed) or 'missing'}"
    said += f", Allow-Credentials {'true' if credentials else 'missing'}"
    if known.settings.origin == known.settings.own_origin:
        return Finding("cors", "ok", f"{origin} is the target's own origin; {said}")
    if allowed not in ("*", known.settings.origin):
        return Finding(
            "cors",
            "error",
            said,
            f"browsers hide the answers of long polling from pages of {origin}: “xhr poll error”",
            "cors: {origin: “" + origin + "”} on the server; only WebSocket works without it",
        )
    if seen.preflight.status >= 400 or not seen.preflight.header("Access-Control-Allow-Origin"):
        return Finding(
            "cors",
            "warning",
            f"{said}; the preflight got {seen.preflight.said if seen.preflight.status >= 400 else 'no CORS headers'}",
            "requests with headers of their own (extraHeaders) are not sent by browsers",
            "let OPTIONS through the proxy, and answer it with the same CORS headers",
        )
    cookies = next((polled.reply.cookies for polled in known.polled.values() if polled.opening), {})
    if cookies and (allowed == "*" or not credentials):
        return Finding(
            "cors",
            "warning",
            f"{said}; cookies: {one_line(', '.join(cookies), 100)}",
            "browsers send the cookies only with an exact origin and Allow-Credentials: true",
            "cors: {origin: “"
            + origin
            + "”, credentials: true} on the server, if the cookies matter (sticky)",
        )
    return Finding("cors", "ok", f"{origin}: {said}")


CHECKS = [Check("cors", "whether pages of --origin may use it", _judge, _look)]
