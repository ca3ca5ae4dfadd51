"""May a page of an origin use the target?"""

import asyncio

import msgspec

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.opening import by_polling
from siotool.probe.refusal import FORBIDDEN, ORIGIN, OTHER, cause
from siotool.probe.reply import Reply
from siotool.probe.survey import leave
from siotool.probe.wire import Wire

_ALLOWED = "Access-Control-Allow-Origin"


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
    if known.without_origin is not None:
        return _needed(known, known.without_origin)
    if known.opening is None:
        named = [reply for reply in known.refusals if cause(reply) == ORIGIN]
        return _refused("a request with this Origin, or without one,", named[0].said) if named else None
    if seen is None:
        return Finding(
            "cors", "info", "not asked", do="give --origin https://app.example.org to ask as its pages do"
        )
    origin = one_line(known.settings.origin)
    failed = [(f"Origin {origin}", seen.polled)] if known.polling and not seen.opened else []
    failed += [(f"Origin {origin} on WebSocket", seen.websocket)] if seen.websocket is not None else []
    refused = next(((who, reply) for who, reply in failed if _of_the_origin(reply)), None)
    if refused is not None:
        return _refused(refused[0], refused[1].said)
    return _unjudged(*failed[0]) if failed else _allowed(known, seen, origin)


def _of_the_origin(reply: Reply) -> bool:
    """Whether an Origin may be why. Node.js refuses an upgrade with 400 and other words, whatever is why."""
    return cause(reply) in (ORIGIN, FORBIDDEN) or (reply.status == 400 and cause(reply) == OTHER)


def _unjudged(who: str, reply: Reply) -> Finding:
    """A request failed for a reason that is no origin."""
    return Finding(
        "cors",
        "warning",
        f"could not be judged: {who} got {reply.said}",
        "the request failed for another reason than its Origin: one like it had opened a session before",
        "probe again; where it fails each time, look for a limit of requests, or for a server that is down",
    )


def _needed(known: Known, refused: Reply) -> Finding:
    """An Origin, or having none, decided whether a session opened."""
    if known.shown_origin == "none":
        return _refused("the Origin of --header", refused.said)
    origin = one_line(known.shown_origin)
    return Finding(
        "cors",
        "warning" if known.settings.origin else "error",
        f"a request without Origin got {refused.said}; with Origin {origin} a session opens",
        "the server wants an Origin that it allows: clients outside of browsers send none",
        f"give --header 'Origin: {origin}'",
    )


def _refused(who: str, said: str) -> Finding:
    return Finding(
        "cors",
        "error",
        f"{who} is refused with {said}",
        "the server has a list of origins, and this one is not on it: neither the path nor credentials "
        "are the cause",
        "add it to cors: {origin: […]}, cors_allowed_origins or allowRequest; or give one that is "
        "on it with --origin or --header 'Origin: …'",
    )


def _allowed(known: Known, seen: OfOrigin, origin: str) -> Finding:
    """A session opened; whether a browser hands the answers to the page."""
    if not known.polling:
        return Finding("cors", "ok", f"a WebSocket opens for {origin}", "browsers ask nothing more for it")
    allowed = seen.polled.whole(_ALLOWED)
    credentials = seen.polled.whole("Access-Control-Allow-Credentials").lower() == "true"
    said = f"{_ALLOWED} {one_line(allowed) or 'missing'}"
    said += f", Allow-Credentials {'true' if credentials else 'missing'}"
    if known.settings.origin == known.settings.own_origin:
        return Finding("cors", "ok", f"{origin} is the target's own origin; {said}")
    if allowed not in ("*", known.settings.origin):
        return Finding(
            "cors",
            "error",
            said,
            f"browsers hide the answers of long polling from pages of {origin}: “xhr poll error”",
            "let either the server or the proxy set the header, not both; only WebSocket works without it"
            if ", " in allowed
            else f"set cors: {{origin: “{origin}”}} on the server; only WebSocket works without it",
        )
    return _in_full(known, seen, said, exact=allowed != "*" and credentials)


def _in_full(known: Known, seen: OfOrigin, said: str, *, exact: bool) -> Finding:
    """Plain requests are allowed; whether those with headers and cookies are."""
    refused = seen.preflight.failure or seen.preflight.status >= 400
    allowed = seen.preflight.whole(_ALLOWED)
    if refused or allowed not in ("*", known.settings.origin):
        got = f"{_ALLOWED} {one_line(allowed)}" if allowed else "no CORS headers"
        got = seen.preflight.said if refused else got
        return Finding(
            "cors",
            "warning",
            f"{said}; the preflight (OPTIONS) got {got}",
            "browsers do not send requests with headers of their own (extraHeaders)",
            "let OPTIONS through the proxy, and answer it with the same CORS headers",
        )
    cookies = next((polled.reply.cookies for polled in known.polled.values() if polled.opening), {})
    if cookies and not exact:
        return Finding(
            "cors",
            "warning",
            f"{said}; cookies: {one_line(', '.join(cookies), 100)}",
            "browsers send the cookies only with an exact origin and Allow-Credentials: true",
            "set cors: {origin: “…”, credentials: true} on the server, if the cookies matter (see sticky)",
        )
    return Finding("cors", "ok", said)


CHECKS = [Check("cors", "whether pages of --origin may use it", _judge, _look)]
