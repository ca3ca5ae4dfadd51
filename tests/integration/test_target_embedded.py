"""The embedded server, driven by python-socketio's own client."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio

from siotool.target.process import TargetProcess
from tests.integration.servers.official import WELL, official

pytestmark = pytest.mark.slow

PATIENCE_S = 20


class Client:
    """A connected client that keeps every event it gets."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession()
        self.sio = socketio.AsyncClient(reconnection=False, http_session=self._session)
        self.inbox: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.sio.on("*", self._keep)

    async def _keep(self, *event: Any) -> None:
        self.inbox.put_nowait(event)

    async def next(self) -> tuple[Any, ...]:
        return await asyncio.wait_for(self.inbox.get(), PATIENCE_S)

    async def aclose(self) -> None:
        if self.sio.transport() == "websocket":
            await self.sio.disconnect()
        # over polling a disconnect would wait up to 30 s for the last poll's answer
        await self._session.close()
        await self.sio.eio.wait()


@asynccontextmanager
async def connected(url: str, count: int, transports: str = "websocket") -> Any:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(aclosing(Client())) for _ in range(count)]
        for client in clients:
            await client.sio.connect(url, transports=[transports])
        yield clients


@pytest.fixture(scope="module")
def server() -> Iterator[TargetProcess]:
    with TargetProcess() as process:
        yield process


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(("hello",), id="a text"),
        pytest.param(('Grüße, 世界 🎉 \u2028 "quoted"\\',), id="a text beyond ASCII"),
        pytest.param(({"text": "hi", "n": [1, 2.5, None, True, {}]},), id="a nested object"),
        pytest.param(([1, 2],), id="an array stays one argument"),
        pytest.param((None,), id="null stays an argument"),
        pytest.param((), id="no argument at all"),
        pytest.param(("a", 2, ["c"]), id="several arguments"),
        pytest.param((b"\x00\xff", {"blob": b"\x01"}), id="binary attachments"),
    ],
)
def test_chat_message_reaches_everybody_unchanged(server: TargetProcess, args: tuple[Any, ...]) -> None:
    async def talk() -> None:
        async with connected(server.url, 3) as clients:
            await clients[0].sio.emit("chat message", args)
            for client in clients:
                assert await client.next() == ("chat message", *args)

    asyncio.run(talk())


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_echo_acknowledges_with_its_arguments(server: TargetProcess, transport: str) -> None:
    async def talk() -> None:
        async with connected(server.url, 1, transport) as [client]:
            assert await client.sio.call("echo", "one") == "one"
            assert await client.sio.call("echo", ("one", {"two": 2})) == ("one", {"two": 2})
            assert await client.sio.call("echo", ([1, 2],)) == [1, 2]
            assert await client.sio.call("echo", ()) is None

    asyncio.run(talk())


def test_say_reaches_the_members_of_the_room_only(server: TargetProcess) -> None:
    async def talk() -> None:
        async with connected(server.url, 3) as [anna, ben, carl]:
            for member in (anna, ben):
                await member.sio.call("join", "kitchen")
            await carl.sio.call("say", ("kitchen", "first"))
            await ben.sio.call("leave", "kitchen")
            await carl.sio.call("say", ("kitchen", "second"))
            await carl.sio.call("chat message", "end")
            assert [await anna.next() for _ in range(3)] == [
                ("say", "first"),
                ("say", "second"),
                ("chat message", "end"),
            ]
            assert [await ben.next() for _ in range(2)] == [("say", "first"), ("chat message", "end")]
            assert await carl.next() == ("chat message", "end")

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("event", "args"),
    [
        pytest.param("join", (), id="join nothing"),
        pytest.param("join", ([1],), id="join an array"),
        pytest.param("leave", ({},), id="leave an object"),
        pytest.param("say", (), id="say nothing nowhere"),
        pytest.param("say", ("nobody is here", "x"), id="say to an empty room"),
        pytest.param("leave", ("never joined",), id="leave a room one is not in"),
    ],
)
def test_an_event_out_of_form_changes_nothing(
    server: TargetProcess, event: str, args: tuple[Any, ...]
) -> None:
    async def talk() -> None:
        async with connected(server.url, 1) as [client]:
            await client.sio.call(event, args)
            assert await client.sio.call("echo", "still here") == "still here"

    asyncio.run(talk())


def test_a_client_cannot_leave_the_room_that_is_itself(server: TargetProcess) -> None:
    async def talk() -> None:
        async with connected(server.url, 1) as [client]:
            await client.sio.call("leave", client.sio.get_sid())
            await client.sio.call("say", (client.sio.get_sid(), "note to self"))
            assert await client.next() == ("say", "note to self")

    asyncio.run(talk())


def test_ticks_are_numbered_without_gaps_and_stamped_below_a_millisecond() -> None:
    async def listen(url: str) -> list[dict[str, Any]]:
        async with connected(url, 1) as [client]:
            events = []
            for _ in range(20):
                name, payload = await client.next()
                assert name == "tick"
                assert payload["sent_at"] <= time.time()
                events.append(payload)
            return events

    with TargetProcess(tick_rate=100) as process:
        ticks = asyncio.run(listen(process.url))
    first = ticks[0]["seq"]
    assert [tick["seq"] for tick in ticks] == list(range(first, first + 20))
    stamps = [tick["sent_at"] for tick in ticks]
    assert stamps == sorted(stamps)
    assert any(round(stamp, 3) != stamp for stamp in stamps)


def test_any_origin_may_connect(server: TargetProcess) -> None:
    async def visit() -> None:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(server.url, headers={"Origin": "https://example.org"}, transports=["websocket"])
        assert await client.call("echo", "hi") == "hi"
        await client.disconnect()

    asyncio.run(visit())


@pytest.mark.node
@pytest.mark.parametrize("transports", [["polling", "websocket"], ["websocket"], ["polling"]])
@pytest.mark.parametrize("namespace", ["/", "/chat"])
def test_the_official_client_is_served_over_every_transport(
    server: TargetProcess, namespace: str, transports: list[str]
) -> None:
    said = official("4", server.url + namespace, transports=transports)
    assert said == {**WELL, "transport": transports[-1]}
