"""Which transports does the target offer?"""

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.opening import by_script
from siotool.probe.refusal import REDIRECT, TRANSPORT, UPGRADE_LOST, cause
from siotool.probe.reply import Reply
from siotool.probe.survey import leave
from siotool.probe.wire import Wire
from siotool.units import format_duration


async def _look_polling(wire: Wire, known: Known) -> bool | None:
    """Whether JSONP polling opens a session; None where it was not asked."""
    if known.polls(3) is None:
        return None
    async with wire.line() as line:
        url = wire.settings.url("http", 3, "polling")
        reply = await line.ask(f"{url}&j=0")
        opening = by_script(reply.body)
        if opening is not None:
            await leave(line, url, opening.handshake.sid, reply, 3)
        return opening is not None


def _judge_polling(known: Known, jsonp: bool | None) -> Finding | None:
    if known.opening is None:
        return None
    if known.polling:
        first = next(polled for polled in known.polled.values() if polled.opening)
        also = "; JSONP too, for old browsers" if jsonp else ""
        return Finding("polling", "ok", f"a session opens in {format_duration(first.reply.seconds)}{also}")
    polled = known.polled[known.revision]
    if polled.opening is not None:
        return Finding(
            "polling",
            "error",
            f"answered in Engine.IO {polled.opening.revision}, as WebSocket is in Engine.IO {known.revision}",
            "servers of different major versions answer for one address",
            "roll all servers to one version",
        )
    return Finding(
        "polling",
        "warning",
        f"not offered: {polled.reply.said}",
        "official clients begin with long polling unless told otherwise: they cannot connect",
        'give clients transports: ["websocket"] (siotool: --transport websocket), or offer polling',
    )


async def _look_websocket(wire: Wire, known: Known) -> Reply | None:
    """What the server says to the transport without an upgrade; None where a WebSocket opens."""
    if known.opening is None or known.websocket:
        return None
    async with wire.line() as line:
        return await line.ask(wire.settings.url("http", known.revision, "websocket"))


def _judge_websocket(known: Known, plain: Reply | None) -> Finding | None:
    if known.opening is None:
        return None
    upgraded = known.upgraded[known.revision]
    if known.websocket:
        port = "on the port that long polling has" if known.polling else f"on port {known.settings.port}"
        return Finding("websocket", "ok", f"opens in {format_duration(upgraded.seconds)}, {port}")
    replies = [reply for reply in (upgraded.reply, plain) if reply is not None]
    unknown = [reply.said for reply in replies if cause(reply) == TRANSPORT]
    offered = "websocket" in known.opening.handshake.upgrades
    said = replies[0].said if replies else "no session opens"
    if not offered or unknown:
        return Finding(
            "websocket",
            "warning",
            f"not offered: {unknown[0] if unknown else said}",
            "the server only does long polling: each message costs a request",
            "enable it in the server's `transports`, or use --transport polling",
        )
    if upgraded.reply is not None and cause(upgraded.reply) == REDIRECT:
        return Finding(
            "websocket",
            "error",
            f"the server offers it, and it does not open: {said}",
            "browsers follow a redirect for long polling and never for WebSocket",
            "give clients the address it leads to; until then they stay on long polling (siotool: "
            "--transport polling)",
        )
    lost = upgraded.reply is not None and cause(upgraded.reply) == UPGRADE_LOST
    return Finding(
        "websocket",
        "error",
        f"the server offers it, and it does not open: {said}",
        "a proxy in between drops the Upgrade header"
        if lost
        else "something between here and the server, a proxy or a firewall, does not pass WebSocket on",
        "nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and Connection upgrade; "
        "until then clients stay on long polling (siotool: --transport polling)",
    )


CHECKS = [
    Check("polling", "long polling, and JSONP where Engine.IO 3 is spoken", _judge_polling, _look_polling),
    Check("websocket", "WebSocket, on the same port", _judge_websocket, _look_websocket),
]
