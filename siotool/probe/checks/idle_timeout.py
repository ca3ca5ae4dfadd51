"""Does something cut connections that are silent for a ping interval? Only --patient waits for it."""

import asyncio
from contextlib import suppress
from time import monotonic

import msgspec

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.talk import SessionEnded, Talk, talking
from siotool.probe.wire import Wire
from siotool.protocol.engine_io import PING, PONG, Revision
from siotool.units import format_duration

#: Beyond a ping interval, for a busy server.
_BEYOND_S = 5.0
_PING, _PONG = bytes((PING,)), bytes((PONG,))


class Idled(msgspec.Struct, frozen=True):
    """After so many seconds of silence came a heartbeat (``alive``), or the end of the connection."""

    seconds: float
    alive: bool
    words: str = ""


async def _look(wire: Wire, known: Known) -> Idled | None:
    """Be silent for a ping interval; None where that is not asked for."""
    if not known.settings.patient or known.opening is None:
        return None
    interval_s = known.opening.handshake.pingInterval / 1000
    limit_s = interval_s + _BEYOND_S
    since = monotonic()
    try:
        async with talking(wire, known, limit_s) as talk, asyncio.timeout(limit_s):
            await _silence(talk, known.revision, interval_s)
            return Idled(monotonic() - since, alive=True)
    except SessionEnded as error:
        return Idled(monotonic() - since, alive=False, words=str(error))
    except TimeoutError:
        return Idled(monotonic() - since, alive=False, words="no heartbeat came")


async def _silence(talk: Talk, revision: Revision, interval_s: float) -> None:
    """Wait for the server's ping; in revision 3 for its answer to ours, an interval later."""
    awaited = _PING if revision == 4 else _PONG
    if revision == 3:
        with suppress(TimeoutError):
            async with asyncio.timeout(interval_s):
                while True:
                    await talk.receive()
        await talk.say(_PING)
    while await talk.receive() != awaited:
        pass


def _judge(known: Known, idled: Idled | None) -> Finding | None:
    if known.opening is None:
        return None
    interval = format_duration(known.opening.handshake.pingInterval / 1000)
    if idled is None:
        return Finding(
            "idle-timeout", "info", "not tried", "", f"give --patient: it stays silent for {interval}"
        )
    after = format_duration(idled.seconds)
    if idled.alive:
        return Finding("idle-timeout", "ok", f"{after} of silence, then a heartbeat")
    return Finding(
        "idle-timeout",
        "error",
        f"{idled.words} after {after} of silence; the ping interval is {interval}",
        "something in between closes connections that are silent for less than a ping interval: idle "
        "clients reconnect again and again",
        "raise its idle timeout above ping interval + timeout (nginx: proxy_read_timeout; HAProxy: timeout "
        "tunnel; AWS: idle_timeout), or lower the server's pingInterval",
    )


CHECKS = [Check("idle-timeout", "a proxy's idle timeout below the ping interval (--patient)", _judge, _look)]
