"""Joining namespaces, in JSON and, where that fails, in MessagePack."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, Literal

import msgspec

from siotool.client.choices import ParserName
from siotool.client.identity import asked_for
from siotool.client.parsers import parser_of
from siotool.probe.known import Known
from siotool.probe.talk import SessionEnded, Talk, hear, talking
from siotool.probe.wire import Wire
from siotool.protocol.engine_io import MESSAGE, BinaryMessage, Frame
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.session import MAIN
from siotool.protocol.socket_io import Packet, PacketType, Parser, name_and_arguments, refusal, welcome

Outcome = Literal["joined", "refused", "silent", "ended"]

#: When the server has not answered in JSON by then, MessagePack is tried beside it.
_PATIENCE_S = 0.6
#: Once more without auth: this share of the time of an answer, or so many times what a join took with it.
_AGAIN, _SLOWER = 0.4, 2.0


class Join(msgspec.Struct, frozen=True):
    """What came of asking for one namespace.

    ``words`` are the server's where it refused, or how the session ended. ``events`` are the names
    of events that came with the answer.
    """

    namespace: str
    outcome: Outcome
    words: str = ""
    pid: str = ""
    seconds: float = 0.0
    events: list[str] = []


class Joins(msgspec.Struct, frozen=True):
    """Namespaces in the order they were asked for, and the parser that was understood, or none."""

    parser: ParserName | Literal[""]
    answers: list[Join]
    without_auth: list[Join] = []

    @property
    def refused(self) -> list[Join]:
        """Namespaces that a middleware refused."""
        return [join for join in self.answers if join.outcome == "refused" and not unknown(join)]

    @property
    def turned_away(self) -> bool:
        """Whether namespaces were refused, and none was joined."""
        return bool(self.refused) and not self.joined

    @property
    def joined(self) -> list[Join]:
        """Namespaces that were joined."""
        return [join for join in self.answers if join.outcome == "joined"]


def unknown(join: Join) -> bool:
    """Whether a refusal says that the namespace does not exist."""
    return join.words.lower() in ("invalid namespace", "unable to connect")


async def join_all(wire: Wire, known: Known) -> Joins | None:
    """Join the namespaces that the settings ask for with auth, and once more without it those that it opened.

    One that is silent takes all the time of an answer; the others are not waited for as long again.
    """
    if known.opening is None:
        return None
    identity = known.settings.identity
    namespaces, auth = asked_for(identity, known.revision), identity.auth
    found = await _in_any_parser(wire, known, namespaces, auth)
    if auth is None or not found.parser or not found.joined:
        return found
    joined = [one.namespace for one in found.joined]
    took_s = max(one.seconds for one in found.joined)
    patience_s = max(_AGAIN * known.settings.timeout_s, _SLOWER * took_s)
    without = await join(wire, known, joined, None, found.parser, patience_s=patience_s)
    return msgspec.structs.replace(found, without_auth=without)


async def _in_any_parser(wire: Wire, known: Known, namespaces: Sequence[str], auth: Any) -> Joins:
    """JSON is asked first; MessagePack beside it when JSON is answered late, or by the session's end."""
    in_json = asyncio.create_task(join(wire, known, namespaces, auth, "json"))
    await asyncio.wait([in_json], timeout=_PATIENCE_S)
    if in_json.done() and answered(in_json.result()):
        return Joins("json", in_json.result())
    in_msgpack = asyncio.create_task(join(wire, known, namespaces, auth, "msgpack"))
    waiting = {in_json, in_msgpack}
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if answered(task.result()):
                for other in waiting:
                    other.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
                return Joins("json" if task is in_json else "msgpack", task.result())
    found = in_json.result()
    return Joins("json" if all(one.outcome == "silent" for one in found) else "", found)


def answered(joins: Sequence[Join]) -> bool:
    """Whether the server understood what was asked."""
    return any(one.outcome in ("joined", "refused") for one in joins)


async def join(
    wire: Wire,
    known: Known,
    namespaces: Sequence[str],
    auth: Any,
    encoding: ParserName,
    *,
    patience_s: float = inf,
    linger_s: float = 0.0,
) -> list[Join]:
    """Ask for namespaces over one session, and wait for an answer to each.

    ``patience_s`` waits less than the settings say; ``linger_s`` waits longer, for events that come
    after the answers.
    """
    parser = parser_of(encoding, known.revision)
    found = {namespace: Join(namespace, "silent") for namespace in namespaces}
    start = monotonic()
    limit_s = min(wire.settings.timeout_s, patience_s)
    try:
        async with talking(wire, known, limit_s) as talk, asyncio.timeout(limit_s):
            await ask(talk, known, namespaces, auth, parser)
            await hear_answers(talk, parser, found, start)
            async with asyncio.timeout(linger_s):
                await hear_answers(talk, parser, found, start, beyond=True)
    except TimeoutError:
        pass
    except SessionEnded as error:
        for namespace, one in found.items():
            if one.outcome == "silent":
                found[namespace] = Join(namespace, "ended", str(error), seconds=monotonic() - start)
    return [found[namespace] for namespace in namespaces]


async def ask(talk: Talk, known: Known, namespaces: Sequence[str], auth: Any, parser: Parser) -> None:
    """Ask for namespaces. Raises SessionEnded."""
    for namespace in namespaces:
        if known.revision == 4:
            data = parser.encode(auth).data if auth is not None else b""
            await talk.say(parser.frame(PacketType.CONNECT, namespace, data=data))
        elif namespace != MAIN:  # which the server joins by itself
            await talk.say(parser.frame(PacketType.CONNECT, namespace))


async def hear_answers(
    talk: Talk, parser: Parser, found: dict[str, Join], start: float, *, beyond: bool = False
) -> None:
    """Take packets until each namespace has its answer, or ``beyond``."""
    while beyond or any(one.outcome == "silent" for one in found.values()):
        packet = _packet(await hear(talk), parser)
        own = packet and next((one for one in found if one.partition("?")[0] == packet.namespace), None)
        if packet is None or own is None:
            continue
        seconds = monotonic() - start
        if packet.type == PacketType.CONNECT:
            pid = welcome(packet, parser).pid
            found[own] = Join(own, "joined", "", pid, seconds, found[own].events)
        elif packet.type == PacketType.CONNECT_ERROR:
            found[own] = Join(own, "refused", _words(packet, parser), "", seconds)
        elif packet.type in (PacketType.EVENT, PacketType.BINARY_EVENT):
            name, _ = name_and_arguments(parser.decode(packet.data))
            found[own] = msgspec.structs.replace(found[own], events=[*found[own].events, name])


def _packet(frame: Frame, parser: Parser) -> Packet | None:
    """A Socket.IO packet of this parser; None for anything else. Raises SessionEnded for nonsense."""
    try:
        if isinstance(frame, BinaryMessage):
            return parser.parse(frame.data) if parser.BINARY else None
        return parser.parse(frame[1:]) if frame[:1] == bytes((MESSAGE,)) else None
    except RemoteProtocolError as error:
        raise SessionEnded(str(error)) from error


def _words(packet: Packet, parser: Parser) -> str:
    """Why a namespace refused; what is neither text nor has a message, as JSON."""
    with suppress(RemoteProtocolError):
        data = parser.decode(packet.data) if packet.data else ""
        if isinstance(data, list) or (isinstance(data, dict) and not isinstance(data.get("message"), str)):
            return msgspec.json.encode(data).decode()
    return refusal(packet, parser).message
