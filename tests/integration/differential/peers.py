"""Three clients with one interface: ours, python-socketio's as siotool uses it, and the official one.

What a client saw is told in the same words by each; ``settled`` makes values comparable.
"""

import asyncio
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Protocol

from siotool.client.choices import ClientName, TransportName
from siotool.client.connection import Reply
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.protocol.engine_io import Revision
from tests.integration.lone_client import PATIENCE_S, Answer, LoneClient
from tests.integration.servers.node import Version, node
from tests.integration.servers.process import PROGRAMS, Server

#: Namespace, event, arguments, whether to be acknowledged.
Sent = tuple[str, str, Sequence[Any], bool]
#: ["event", namespace, name, arguments], ["disconnect", namespace], …
Entry = list[Any]


@dataclass(frozen=True)
class How:
    """How a client connects; ``answers``: by event, what answers a server that asks."""

    namespaces: tuple[str, ...] = ("/",)
    transport: TransportName = "websocket"
    version: Version = "4"
    auth: Any = None
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    msgpack: bool = False
    answers: dict[str, list[Any]] = field(default_factory=dict)


class Peer(Protocol):
    """One connection of a client."""

    async def open(self) -> list[Entry]:
        """Connect; what came of it: ["connect", NAMESPACE] of each, ["refused", …] or ["failed"]."""

    async def burst(self, sent: Sequence[Sent]) -> list[Any]:
        """Send all in one tick; returns the answers of what was to be acknowledged."""

    async def until(self, *entry: Any) -> Entry:
        """Wait for what is told with these first words; returns it whole."""

    async def until_one_of(self, *entries: tuple[Any, ...]) -> None:
        """Wait until something is told with one of these beginnings."""

    def events(self) -> list[Entry]:
        """The events that came so far."""

    async def close(self) -> None:
        """Leave."""


class OurPeer:
    """The native or the reference client."""

    def __init__(self, client: ClientName, url: str, how: How) -> None:
        revision: Revision = 3 if how.version == "2" else 4
        self.one = LoneClient(
            url,
            client=client,
            transport=how.transport,
            revision=revision,
            parser="msgpack" if how.msgpack else "json",
            identity=Identity(auth=how.auth, headers=how.headers, query=how.query, namespaces=how.namespaces),
        )
        for (event, answer), namespace in itertools.product(how.answers.items(), how.namespaces):
            self.one.handlers[namespace, event] = self._answer(answer)

    def _answer(self, answer: list[Any]) -> Any:
        def heard(_arguments: list[Any], reply: Reply | None) -> None:
            if reply is not None:
                reply(self.one.parser.encode(answer))

        return heard

    async def open(self) -> list[Entry]:
        failure = await self.one.connect()
        self._transport = self.one.connection.transport
        self._beating = asyncio.get_running_loop().create_task(self._beat())
        if failure is None:
            return sorted(
                ["connect", found[1]] for found in self.one.witness.heard if found[0] == "namespace"
            )
        return [_refusal(failure)]

    async def _beat(self) -> None:
        while True:
            self.one.pool.beat(monotonic())
            await asyncio.sleep(0.1)

    async def burst(self, sent: Sequence[Sent]) -> list[Any]:
        answers = []
        for namespace, event, arguments, acknowledged in sent:
            if not acknowledged:
                self.one.emit(event, *arguments, namespace=namespace)
                continue
            answer = Answer()
            body = self.one.parser.encode((event, *arguments))
            self.one.connection.call(body, namespace, PATIENCE_S, monotonic(), answer)
            answers.append(answer.future)
        async with asyncio.timeout(PATIENCE_S):
            return [await answer for answer in answers]

    async def until(self, *entry: Any) -> Entry:
        await self.until_nth(1, *entry)
        found: Entry = next(heard for heard in self.one.witness.heard if _begins(heard, entry))
        return found

    async def until_one_of(self, *entries: tuple[Any, ...]) -> None:
        await self._until(1, entries)

    async def until_nth(self, nth: int, *entry: Any) -> None:
        """Wait until so many were told with these first words."""
        await self._until(nth, (entry,))

    async def _until(self, nth: int, entries: Sequence[tuple[Any, ...]]) -> None:
        witness = self.one.witness
        async with asyncio.timeout(PATIENCE_S):
            while sum(any(map(partial(_begins, heard), entries)) for heard in witness.heard) < nth:
                witness.news.clear()
                await witness.news.wait()

    def events(self) -> list[Entry]:
        return [heard for heard in self.one.witness.heard if heard[0] == "event"]

    async def close(self) -> None:
        self._beating.cancel()
        if self.one.connection.open:
            await self.one.leave()
        # aiohttp closes its sockets after a connection has ended
        if others := getattr(self._transport, "_tasks", None):
            await asyncio.wait(others, timeout=PATIENCE_S)


def _begins(told: Entry, entry: tuple[Any, ...]) -> bool:
    return tuple(told[: len(entry)]) == entry


def _refusal(failure: ClientFailure) -> Entry:
    if failure.kind == "connect_error":
        return ["refused", str(failure).removeprefix("connect_error"), failure.data]
    return ["failed"]


class Official:
    """One process of Node.js in which the official clients are driven."""

    def __init__(self) -> None:
        self.driver = Server([node(), PROGRAMS / "drive.mjs"])
        self.numbers = itertools.count()

    async def tell(self, command: str, **fields: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self.driver.tell, command, **fields)

    def stop(self) -> None:
        self.driver.stop()


class OfficialPeer:
    """The official client of a version."""

    def __init__(self, official: Official, url: str, how: How, **options: Any) -> None:
        self._official = official
        self._id = str(next(official.numbers))
        transports = {"upgrade": ["polling", "websocket"]}.get(how.transport, [how.transport])
        self._how = {
            "version": how.version,
            "url": url,
            "namespaces": how.namespaces,
            "auth": how.auth,
            "msgpack": how.msgpack,
            "answers": how.answers,
            "options": {
                "transports": transports,
                "query": dict(how.query),
                "extraHeaders": dict(how.headers),
                "perMessageDeflate": True,
                **options,
            },
        }
        self.log: list[Entry] = []

    async def _tell(self, command: str, **fields: Any) -> dict[str, Any]:
        done = await self._official.tell(command, id=self._id, **fields)
        self.log += done["log"]
        return done

    async def open(self) -> list[Entry]:
        await self._tell("open", **self._how)
        refused = [["refused", *entry[2:]] for entry in self.log if entry[0] == "refused"]
        failed = [["failed"] for entry in self.log if entry[0] == "failed"]
        return refused or failed or sorted(entry for entry in self.log if entry[0] == "connect")

    async def burst(self, sent: Sequence[Sent]) -> list[Any]:
        written = [[namespace, event, spelled(list(args)), ack] for namespace, event, args, ack in sent]
        answers: list[Any] = (await self._tell("burst", sent=written))["answers"]
        return answers

    async def until(self, *entry: Any) -> Entry:
        await self.until_nth(1, *entry)
        found: Entry = next(told for told in self.log if _begins(told, entry))
        return found

    async def until_nth(self, nth: int, *entry: Any) -> None:
        """Wait until so many were told with these first words."""
        await self._tell("until", entries=[spelled(list(entry))], nth=nth)

    async def until_one_of(self, *entries: tuple[Any, ...]) -> None:
        await self._tell("until", entries=spelled(list(entries)))

    def events(self) -> list[Entry]:
        return [entry for entry in self.log if entry[0] == "event"]

    async def received(self) -> int:
        """Bytes that came over the WebSocket's TCP connection; closes it."""
        found = int((await self._tell("close"))["received"])
        return found

    async def close(self) -> None:
        await self._tell("close")


def spelled(value: Any) -> Any:
    """A value for the driver: what JSON has no word for is spelled."""
    if isinstance(value, list | tuple):
        return [spelled(inner) for inner in value]
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items()}
    if isinstance(value, float) and (math.isinf(value) or (value == 0 and math.copysign(1, value) < 0)):
        return {"js": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "-0")}
    return value


def settled(value: Any) -> Any:
    """A value as JavaScript knows it: one kind of number, one zero, undefined as null."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return ("number", float(value) + 0.0)
    if isinstance(value, bytes):
        return ("bytes", value)
    if isinstance(value, dict):
        if value.keys() == {"js"}:
            return None if value["js"] == "undefined" else ("number", float(value["js"]) + 0.0)
        return {key: settled(inner) for key, inner in value.items()}
    return [settled(inner) for inner in value]


def settle(server: Server) -> None:
    """Wait until all that clients did is printed: it comes before the answer to a command."""
    server.tell("emit", event="none", room="nowhere")
