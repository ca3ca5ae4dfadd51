"""A user of ``siotool.client`` alone, under plain asyncio: connects to the URL it is given, calls, leaves.

Prints what came of it as JSON, and which of gevent and Locust were loaded.
"""

import asyncio
import json
import sys
from time import monotonic
from typing import Any

from siotool.client.address import resolve
from siotool.client.attempt import Attempt
from siotool.client.connection import Connection
from siotool.client.observer import ByteCounts
from siotool.client.pool import Pool
from siotool.client.websocket import WebSockets
from siotool.protocol import json_parser, socket_io
from siotool.workload import Target

PATIENCE_S = 10.0


class Witness:
    """Hears of one connection."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.gone = asyncio.Event()

    def joined(self, now: float, took: float) -> None:
        assert 0 <= took <= now
        self.heard.append("joined")

    def event(
        self, name: str, arguments: list[Any], packet: socket_io.Packet, payload: bytes, now: float
    ) -> None:
        self.heard.append(["event", name, arguments])

    def ended(self, reason: str) -> None:
        self.heard.append(["ended", reason])
        self.gone.set()

    def remark(self, kind: str, text: str) -> None:
        self.heard.append(["remark", kind, text])

    def bug(self, error: Exception) -> None:
        raise error


class Answer:
    """Waits for an acknowledgement."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, arguments: list[Any], now: float) -> None:
        self.future.set_result(arguments)

    def failed(self, kind: str) -> None:
        self.future.set_result(kind)


async def talk(url: str, namespace: str) -> dict[str, Any]:
    target = Target(url, namespace=namespace)
    pool = Pool(namespace, None, ByteCounts())
    sockets = WebSockets(target, resolve(target), [], pool.traffic)
    witness = Witness()
    said = asyncio.Event()
    connection = Connection(pool, witness, {"chat message": lambda _arguments: said.set()})
    failure = await Attempt().run(connection, sockets.open, PATIENCE_S)
    if failure is not None:
        return {"failure": failure.kind, "heard": witness.heard, "open": len(pool.connections)}
    answers = []
    for number in range(3):
        answer = Answer()
        body = json_parser.encode(("echo", number, "é"))
        connection.call(body, PATIENCE_S, monotonic(), answer)
        answers.append(await asyncio.wait_for(answer.future, PATIENCE_S))
    connection.emit(json_parser.encode(("chat message", "hello")))
    await asyncio.wait_for(said.wait(), PATIENCE_S)
    unanswered = Answer()
    connection.call(json_parser.encode(("echo", "too late")), PATIENCE_S, monotonic(), unanswered)
    connection.end("client")
    await asyncio.wait_for(witness.gone.wait(), PATIENCE_S)
    pool.read_wire()
    traffic = pool.traffic
    return {
        "answers": answers,
        "unanswered": await unanswered.future,
        "heard": witness.heard,
        "open": len(pool.connections),
        "more_on_the_wire": [traffic.wire_in > traffic.payload_in, traffic.wire_out > traffic.payload_out],
    }


if __name__ == "__main__":
    found = asyncio.run(talk(*sys.argv[1:]))
    found["loaded"] = sorted({"gevent", "locust", "uvloop"} & set(sys.modules))
    print(json.dumps(found))
