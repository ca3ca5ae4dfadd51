"""Does the target compress WebSocket messages, and HTTP answers of more than a kilobyte?"""

import msgspec

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.opening import by_polling
from siotool.probe.survey import leave
from siotool.probe.wire import Wire
from siotool.protocol import json_parser, payload
from siotool.protocol.socket_io import PacketType
from siotool.units import format_size

#: A namespace that no server has. Servers repeat its name when they refuse it: their answer is longer
#: than the 1,024 bytes from which on Engine.IO compresses.
_LONG_NAME = "/siotool-probe-" + "x" * 1500


class LongAnswer(msgspec.Struct, frozen=True):
    """A long HTTP answer, after decompression: its bytes, and the encoding it came in, if any."""

    size: int
    encoding: str


async def _look(wire: Wire, known: Known) -> LongAnswer | None:
    """Have a namespace refused by long polling; None where nothing long comes back."""
    if known.revision != 4 or not known.polling:
        return None
    url = wire.settings.url("http", 4, "polling")
    async with wire.line() as line:
        first = await line.ask(url)
        opening = by_polling(first.body)
        if opening is None:
            return None
        session = f"{url}&sid={opening.handshake.sid}"
        packet = json_parser.frame(PacketType.CONNECT, _LONG_NAME)
        plain = {"Content-Type": "text/plain;charset=UTF-8"}
        body = payload.encode([packet], 4)
        asked = await line.ask(session, method="POST", headers=plain, cookies=first.cookies, body=body)
        if asked.status != 200:
            return None
        answer = await line.ask(session, cookies=first.cookies)
        await leave(line, url, opening.handshake.sid, first, 4)
    long = answer.status == 200 and len(answer.body) > len(_LONG_NAME)
    return LongAnswer(len(answer.body), answer.header("Content-Encoding")) if long else None


def _judge(known: Known, answer: LongAnswer | None) -> Finding | None:
    if known.opening is None:
        return None
    accepted = any(upgraded.deflate for upgraded in known.upgraded.values())
    seen = f"permessage-deflate {'accepted' if accepted else 'not accepted'}"
    if not known.websocket:
        seen = "no WebSocket to ask"
    if answer is not None:
        how = f"compressed ({answer.encoding})" if answer.encoding else "not compressed"
        seen += f"; an HTTP answer of {format_size(answer.size)} is {how}"
    if accepted:
        means = "large messages take fewer bytes and more CPU on the server"
        return Finding("compression", "info", seen, means)
    return Finding("compression", "ok", seen, "messages over WebSocket travel as they are")


CHECKS = [Check("compression", "compression of WebSocket messages and of HTTP answers", _judge, _look)]
