"""Does something cut connections that are silent for a ping interval? Only --patient waits for it."""

import asyncio
from time import monotonic

import msgspec

from siotool.client.choices import ParserName
from siotool.client.identity import asked_for
from siotool.client.parsers import parser_of
from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.joins import Join, ask, hear_answers
from siotool.probe.known import Known
from siotool.probe.talk import SessionEnded, Talk, talking
from siotool.probe.wire import Wire
from siotool.protocol.engine_io import CLOSE, PING, PONG, Frame, Revision
from siotool.units import format_duration

#: Beyond a ping interval, for a busy server.
_BEYOND_S = 5.0
#: Less silence than this share of a ping interval, because the server sends so often, proves nothing.
_SILENT = 0.5
_PARSERS: tuple[ParserName, ...] = ("json", "msgpack")
_PING, _PONG, _CLOSE = bytes((PING,)), bytes((PONG,)), bytes((CLOSE,))
#: A message of Socket.IO: this namespace is left.
_DISCONNECT = b"41"
_DISMISSED = "the application ended the connection by itself"


class Idled(msgspec.Struct, frozen=True):
    """After so many seconds of silence came a heartbeat (``alive``), or the end of the connection.

    Where it lived, they are those of the longest silence before. ``joined``: a namespace was, and it was
    waited for; else ``words`` say why not.
    """

    seconds: float
    alive: bool
    words: str = ""
    joined: bool = True


class _DismissedError(Exception):
    """The application itself has ended the connection."""


class _Ear:
    """Listens to a session without a pause: a long poll that is given up would end it."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._coming: asyncio.Task[Frame] | None = None
        self._last = monotonic()
        #: Seconds of the longest silence.
        self.longest_s = 0.0

    @property
    def silent_s(self) -> float:
        """Seconds since the last packet."""
        return monotonic() - self._last

    async def heard(self, awaited: bytes | None, limit_s: float) -> bool:
        """Whether a packet came within a time; None waits for none.

        Raises SessionEnded, and _DismissedError where the application ended it.
        """
        ends = monotonic() + limit_s
        while (left_s := ends - monotonic()) > 0:
            self._coming = self._coming or asyncio.create_task(self._talk.receive())
            done, _ = await asyncio.wait((self._coming,), timeout=left_s)
            if not done:
                break
            coming, self._coming = self._coming, None
            frame = coming.result()
            self.longest_s = max(self.longest_s, self.silent_s)
            self._last = monotonic()
            if frame == awaited:
                return True
            if frame == _CLOSE or (isinstance(frame, bytes) and frame.startswith(_DISCONNECT)):
                raise _DismissedError
        return False

    async def close(self) -> None:
        """Listen no more."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)


async def _look(wire: Wire, known: Known) -> Idled | None:
    """Join a namespace, and be silent for a ping interval; None where that is not asked for."""
    if not known.settings.patient or known.opening is None:
        return None
    interval_s = known.opening.handshake.pingInterval / 1000
    tried = [await _idle(wire, known, _PARSERS[0], interval_s)]
    if not tried[0].joined:
        tried.append(await _idle(wire, known, _PARSERS[1], interval_s))
    return next((idled for idled in tried if idled.joined), tried[0])


async def _idle(wire: Wire, known: Known, encoding: ParserName, interval_s: float) -> Idled:
    ear: _Ear | None = None
    try:
        async with talking(wire, known, interval_s + 2 * _BEYOND_S) as talk:
            if not await _enter(talk, known, encoding):
                return Idled(0.0, alive=False, words="no namespace was joined", joined=False)
            ear = _Ear(talk)
            try:
                alive = await _heartbeat(talk, ear, known.revision, interval_s)
            finally:
                await ear.close()
            if alive:
                return Idled(ear.longest_s, alive=True)
            return Idled(ear.silent_s, alive=False, words="no heartbeat came")
    except _DismissedError:
        return Idled(0.0, alive=False, words=_DISMISSED, joined=False)
    except SessionEnded as error:
        if ear is None:
            return Idled(0.0, alive=False, words=str(error), joined=False)
        return Idled(ear.silent_s, alive=False, words=str(error))


async def _enter(talk: Talk, known: Known, encoding: ParserName) -> bool:
    """Join the first namespace: Socket.IO itself ends a connection that joins none (``connectTimeout``).

    In revision 3 the server joins each connection by itself. Raises SessionEnded.
    """
    if known.revision == 3:
        return True
    identity = known.settings.identity
    namespace = asked_for(identity, known.revision)[0]
    parser, found = parser_of(encoding, known.revision), {namespace: Join(namespace, "silent")}
    try:
        async with asyncio.timeout(known.settings.timeout_s):
            await ask(talk, known, [namespace], identity.auth, parser)
            await hear_answers(talk, parser, found, monotonic())
    except TimeoutError:
        return False
    return found[namespace].outcome == "joined"


async def _heartbeat(talk: Talk, ear: _Ear, revision: Revision, interval_s: float) -> bool:
    """Wait for the server's ping; in revision 3 for its answer to ours, an interval later."""
    if revision == 4:
        return await ear.heard(_PING, interval_s + _BEYOND_S)
    await ear.heard(None, interval_s)
    await talk.say(_PING)
    return await ear.heard(_PONG, _BEYOND_S)


def _judge(known: Known, idled: Idled | None) -> Finding | None:
    if known.opening is None:
        return None
    interval_s = known.opening.handshake.pingInterval / 1000
    interval = format_duration(interval_s)
    if idled is None:
        return Finding(
            "idle-timeout", "info", "not tried", "", f"give --patient: it stays silent for {interval}"
        )
    if not idled.joined:
        return Finding(
            "idle-timeout",
            "info",
            f"not tried: {one_line(idled.words)}",
            "it ends clients that do not log in, say, or say nothing: nothing in between needs to be at fault"
            if idled.words == _DISMISSED
            else "Socket.IO itself ends a connection that has joined no namespace (connectTimeout, 45 s)",
            "see namespace and auth",
        )
    after = format_duration(idled.seconds)
    if idled.alive and idled.seconds < _SILENT * interval_s:
        return Finding(
            "idle-timeout",
            "info",
            f"not judged: the server sends so often that it was silent for {after} at the longest",
            do="give a --namespace in which nothing comes by itself",
        )
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
