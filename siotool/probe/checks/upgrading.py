"""Does a session that began with long polling move to WebSocket, and how long does it take?"""

import asyncio
from time import monotonic

import msgspec

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.opening import by_polling
from siotool.probe.refusal import SESSION, cause
from siotool.probe.reply import Reply
from siotool.probe.survey import leave
from siotool.probe.talk import SessionEnded, WebSocketTalk
from siotool.probe.wire import Wire
from siotool.protocol.engine_io import PROBE, PROBED, UPGRADED
from siotool.units import format_duration


class UpgradeSteps(msgspec.Struct, frozen=True):
    """Seconds of each step; ``failed`` says what stopped it, ``lost`` that the session was unknown."""

    first_s: float = 0.0
    socket_s: float = 0.0
    probe_s: float = 0.0
    failed: str = ""
    lost: bool = False


async def _look(wire: Wire, known: Known) -> UpgradeSteps | None:
    """Upgrade as the official client does; None where there is nothing to upgrade from or to."""
    if known.opening is None or not known.polling or not known.websocket:
        return None
    revision = known.revision
    url = wire.settings.url("http", revision, "polling")
    async with wire.line() as line:
        reply = await line.ask(url)
        opening = by_polling(reply.body)
        if opening is None:
            return UpgradeSteps(failed=f"the first poll got {reply.said}")
        sid, begun = opening.handshake.sid, monotonic()
        socket_url = f"{wire.settings.url('ws', revision, 'websocket')}&sid={sid}"
        socket = await line.upgrade(socket_url, cookies=reply.cookies)
        if isinstance(socket, Reply):
            await leave(line, url, sid, reply, revision)
            return UpgradeSteps(
                reply.seconds, failed=socket.said, lost=socket.fickle or cause(socket) == SESSION
            )
        took = monotonic() - begun
        async with socket:
            talk = WebSocketTalk(socket, revision)
            try:
                async with asyncio.timeout(wire.settings.timeout_s):
                    await talk.say(PROBE)
                    while await talk.receive() != PROBED:
                        pass
                    probed = monotonic() - begun - took
                    await talk.say(UPGRADED)
            except SessionEnded as error:
                return UpgradeSteps(reply.seconds, took, failed=f"the WebSocket ended: {error}", lost=True)
            except TimeoutError:
                return UpgradeSteps(reply.seconds, took, failed="the probe packet got no answer")
            return UpgradeSteps(reply.seconds, took, probed)


def _judge(known: Known, moved: UpgradeSteps | None) -> Finding | None:
    if known.opening is None:
        return None
    if moved is None:
        return Finding("upgrade", "info", "not tried: it needs long polling and WebSocket")
    if moved.failed and moved.lost:
        return Finding(
            "upgrade",
            "info",
            f"the session was lost on the way: {moved.failed}",
            "the WebSocket reached another server than the first poll",
            "see sticky",
        )
    if moved.failed:
        return Finding(
            "upgrade",
            "error",
            f"does not work: {moved.failed}",
            "clients stay on long polling, after a failed try each",
            "look for a proxy that passes WebSocket only without a session, or a server that is stuck",
        )
    steps = (moved.first_s, moved.socket_s, moved.probe_s)
    poll, socket, probe = map(format_duration, steps)
    if "websocket" not in known.opening.handshake.upgrades:
        return Finding(
            "upgrade",
            "info",
            "works, but the open packet does not offer it",
            "clients that begin with long polling stay there",
            "allowUpgrades: true on the server, if it was not meant so",
        )
    return Finding(
        "upgrade",
        "ok",
        f"works in {format_duration(sum(steps))}: first poll {poll}, WebSocket {socket}, probe {probe}",
    )


CHECKS = [Check("upgrade", "from long polling to WebSocket", _judge, _look)]
