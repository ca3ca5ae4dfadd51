"""A user of ``siotool.client`` alone, under plain asyncio: connects to the URL it is given, calls, leaves.

Run as a program it prints what came of it as JSON, and which of gevent and Locust were loaded.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from siotool.client.address import Address, resolve
from siotool.client.attempt import Attempt
from siotool.client.choices import ClientName, TlsOptions, TransportName
from siotool.client.connection import Connection, Handlers
from siotool.client.endpoint import Endpoint
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.client.observer import ByteCounts
from siotool.client.opener import opener_of
from siotool.client.parsers import parser_of
from siotool.client.pool import Pool
from siotool.protocol import json_parser, socket_io
from siotool.protocol.engine_io import Revision
from siotool.workload import Target

PATIENCE_S = 10.0


@dataclass
class Witness:
    """Hears of one connection."""

    heard: list[Any] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    served_by: list[list[str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def _hear(self, *what: Any) -> None:
        self.heard.append(list(what))
        self.news.set()

    def phase(self, name: str, took: float) -> None:
        assert took >= 0
        self.phases.append(name)

    def opening_answer(self, header: Callable[[str], list[str]]) -> None:
        self.served_by.append(header("x-served-by"))

    def upgraded(self, took: float) -> None:
        self._hear("upgraded")

    def upgrade_failed(self, kind: str, detail: str) -> None:
        self._hear("upgrade failed", kind, detail)

    def namespace(self, name: str, took: float) -> None:
        self._hear("namespace", name)

    def cookies(self, values: list[str]) -> None:
        self._hear("cookies", *values)

    def joined(self, now: float, recovered: bool) -> None:
        self._hear("joined", recovered)

    def left(self, namespace: str) -> None:
        self._hear("left", namespace)

    def event(
        self, name: str, arguments: list[Any], packet: socket_io.Packet, payload: bytes, now: float
    ) -> None:
        self._hear("event", packet.namespace, name, arguments)

    def ended(self, reason: str) -> None:
        self._hear("ended", reason)

    def remark(self, kind: str, text: str) -> None:
        self._hear("remark", kind, text)

    def bug(self, error: Exception) -> None:
        raise error

    async def until(self, *what: Any) -> None:
        """Wait until something was heard that begins so."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(tuple(heard[: len(what)]) == what for heard in self.heard):
                self.news.clear()
                await self.news.wait()

    async def until_any(self, *kinds: str) -> None:
        """Wait until one of these was heard."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(heard[0] in kinds for heard in self.heard):
                self.news.clear()
                await self.news.wait()


class Answer:
    """Waits for an acknowledgement."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, arguments: list[Any], now: float) -> None:
        self.future.set_result(arguments)

    def failed(self, kind: str) -> None:
        self.future.set_result(kind)


class LoneClient:
    """One connection of ``siotool.client`` and what it heard."""

    def __init__(
        self,
        url: str,
        *,
        transport: TransportName = "websocket",
        revision: Revision = 4,
        parser: str = "json",
        identity: Identity | None = None,
        path: str = "/socket.io/",
        tls: TlsOptions | None = None,
        handlers: Handlers | None = None,
        client: ClientName = "native",
        addresses: tuple[Address, ...] = (),
    ) -> None:
        """``addresses`` are the host's, instead of those that are looked up."""
        identity = identity or Identity()
        self.transport = transport
        self.parser: socket_io.Parser = parser_of("msgpack" if parser == "msgpack" else "json", revision)
        target = Target(url, path=path)
        self.pool = Pool(ByteCounts(), self.parser, revision, identity.namespaces[0])
        endpoint = Endpoint(target, addresses or resolve(target), tls or TlsOptions(), revision)
        self.opener = opener_of(client, endpoint, self.pool.traffic, self.parser)
        self.witness = Witness()
        self.handlers: Handlers = handlers if handlers is not None else {}
        self.identity = identity
        self.connection = Connection(self.pool, self.witness, self.handlers, identity)

    async def connect(self) -> ClientFailure | None:
        """Connect and join; what failed has closed its sockets when this returns."""
        failure = await Attempt().run(self.connection, self.opener.by(self.transport), PATIENCE_S)
        if failure is not None:
            await self.closed()
        return failure

    async def closed(self) -> None:
        """Wait for what still runs: a farewell, a probe that was given up."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=PATIENCE_S)
        await _let_go()

    async def connect_again(self) -> ClientFailure | None:
        """Connect anew, with what is known of the session that was lost."""
        recoverable = self.connection.recoverable
        self.connection = Connection(self.pool, self.witness, self.handlers, self.identity, recoverable)
        return await self.connect()

    async def call(self, event: str, *arguments: Any, namespace: str | None = None) -> Any:
        """Call an event; the answer's arguments, or the kind of the failure."""
        answer = Answer()
        body = self.parser.encode((event, *arguments))
        to = namespace or self.identity.namespaces[0]
        self.connection.call(body, to, PATIENCE_S, monotonic(), answer)
        async with asyncio.timeout(PATIENCE_S):
            while not answer.future.done():
                self.pool.beat(monotonic())
                await asyncio.wait((answer.future,), timeout=0.2)
        return answer.future.result()

    def emit(self, event: str, *arguments: Any, namespace: str | None = None) -> None:
        """Emit an event."""
        to = namespace or self.identity.namespaces[0]
        self.connection.emit(self.parser.encode((event, *arguments)), to)

    async def leave(self) -> None:
        """Close, and wait until that is done."""
        transport = self.connection.transport
        self.connection.end("client")
        await self.witness.until("ended")
        # aiohttp closes its sockets after a connection has ended
        if others := getattr(transport, "_tasks", None):
            await asyncio.wait(set(others), timeout=PATIENCE_S)
        await _let_go()


async def _let_go() -> None:
    """Let the loop lose the transports that were closed: its end would leave their sockets open."""
    for _ in range(5):
        await asyncio.sleep(0)


async def talk(url: str, namespace: str) -> dict[str, Any]:
    client = LoneClient(url, identity=Identity(namespaces=(namespace,)))
    witness = client.witness
    client.handlers[namespace, "chat message"] = lambda _arguments, _reply: None
    failure = await client.connect()
    if failure is not None:
        return {"failure": failure.kind, "heard": witness.heard, "open": len(client.pool.connections)}
    answers = [await client.call("echo", number, "é") for number in range(3)]
    client.emit("chat message", "hello")
    await witness.until("event")
    unanswered = Answer()
    body = json_parser.encode(("echo", "too late"))
    client.connection.call(body, namespace, PATIENCE_S, monotonic(), unanswered)
    await client.leave()
    client.pool.read_wire()
    traffic = client.pool.traffic
    return {
        "answers": answers,
        "unanswered": await unanswered.future,
        "heard": witness.heard,
        "open": len(client.pool.connections),
        "more_on_the_wire": [traffic.wire_in > traffic.payload_in, traffic.wire_out > traffic.payload_out],
    }


if __name__ == "__main__":
    found = asyncio.run(talk(*sys.argv[1:]))
    found["loaded"] = sorted({"gevent", "locust", "uvloop"} & set(sys.modules))
    print(json.dumps(found))
