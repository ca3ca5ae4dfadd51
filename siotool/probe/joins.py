"""Joining namespaces, in JSON and, where that fails, in MessagePack."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any, Literal

import msgspec

from siotool.probe.known import Known
from siotool.probe.talk import SessionEnded, Talk, hear, talking
from siotool.probe.wire import Wire
from siotool.protocol import json_parser, msgpack_parser
from siotool.protocol.engine_io import MESSAGE, BinaryMessage, Frame
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import Packet, PacketType, Parser, name_and_arguments, refusal, welcome

Outcome = Literal["joined", "refused", "silent", "ended"]

#: When the server has not answered in JSON by then, MessagePack is tried beside it.
_PATIENCE_S = 0.6
_PARSERS: tuple[tuple[str, Parser], ...] = (("JSON", json_parser), ("msgpack", msgpack_parser))


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

    parser: Literal["JSON", "msgpack", ""]
    answers: list[Join]
    without_auth: list[Join] = []

    @property
    def refused(self) -> list[Join]:
        """Namespaces that a middleware refused."""
        return [join for join in self.answers if join.outcome == "refused" and not unknown(join)]

    @property
    def joined(self) -> list[Join]:
        """Namespaces that were joined."""
        return [join for join in self.answers if join.outcome == "joined"]


def unknown(join: Join) -> bool:
    """Whether a refusal says that the namespace does not exist."""
    return join.words.lower() in ("invalid namespace", "unable to connect")


async def join_all(wire: Wire, known: Known) -> Joins | None:
    """Join the namespaces that the settings ask for; with auth, and once more without it."""
    if known.opening is None:
        return None
    settings = known.settings
    found = await _in_any_parser(wire, known, settings.namespaces, settings.auth)
    if settings.auth is None or not found.parser:
        return found
    parser = dict(_PARSERS)[found.parser]
    without = await join(wire, known, settings.namespaces, None, parser)
    return msgspec.structs.replace(found, without_auth=without)


async def _in_any_parser(wire: Wire, known: Known, namespaces: Sequence[str], auth: Any) -> Joins:
    """JSON is asked first; MessagePack when JSON is answered by nothing, or by the end of the session."""
    in_json = asyncio.create_task(join(wire, known, namespaces, auth, json_parser))
    done, _ = await asyncio.wait([in_json], timeout=_PATIENCE_S)
    if done and answered(in_json.result()):
        return Joins("JSON", in_json.result())
    in_msgpack = await join(wire, known, namespaces, auth, msgpack_parser)
    if answered(in_msgpack) and not answered(await in_json):
        return Joins("msgpack", in_msgpack)
    found = await in_json
    silent = all(one.outcome == "silent" for one in found)
    return Joins("JSON" if answered(found) or silent else "", found)


def answered(joins: Sequence[Join]) -> bool:
    """Whether the server understood what was asked."""
    return any(one.outcome in ("joined", "refused") for one in joins)


async def join(
    wire: Wire,
    known: Known,
    namespaces: Sequence[str],
    auth: Any,
    parser: Parser,
    linger_s: float = 0.0,
) -> list[Join]:
    """Ask for namespaces over one session, and wait for an answer to each.

    ``linger_s`` waits longer for events that come after the answers.
    """
    found = {namespace: Join(namespace, "silent") for namespace in namespaces}
    start = monotonic()
    try:
        async with (
            talking(wire, known, wire.settings.timeout_s) as talk,
            asyncio.timeout(wire.settings.timeout_s),
        ):
            for namespace in namespaces:
                if known.revision == 4 or namespace != "/":
                    await talk.say(_request(namespace, auth if known.revision == 4 else None, parser))
            await _hear(talk, parser, found, start)
            async with asyncio.timeout(linger_s):
                await _hear(talk, parser, found, start, beyond=True)
    except TimeoutError:
        pass
    except SessionEnded as error:
        for namespace, one in found.items():
            if one.outcome == "silent":
                found[namespace] = Join(namespace, "ended", str(error), seconds=monotonic() - start)
    return [found[namespace] for namespace in namespaces]


def _request(namespace: str, auth: Any, parser: Parser) -> Frame:
    data = parser.encode(auth).data if auth is not None else b""
    packet = parser.frame(PacketType.CONNECT, namespace, data=data)
    return BinaryMessage(packet) if parser.BINARY else packet


async def _hear(
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
            found[own] = Join(own, "refused", refusal(packet, parser).message, "", seconds)
        elif packet.type in (PacketType.EVENT, PacketType.BINARY_EVENT):
            name, _ = name_and_arguments(parser.decode(packet.data))
            found[own] = msgspec.structs.replace(found[own], events=[*found[own].events, name])


def _packet(frame: Frame, parser: Parser) -> Packet | None:
    """A Socket.IO packet of this parser; None for anything else. Raises SessionEnded for nonsense."""
    try:
        if isinstance(frame, BinaryMessage):
            return parser.parse(frame.data) if parser.BINARY else None
        if parser.BINARY or frame[:1] != bytes((MESSAGE,)):
            return None
        return parser.parse(frame[1:])
    except RemoteProtocolError as error:
        raise SessionEnded(str(error)) from error
