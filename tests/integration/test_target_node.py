"""The Node.js server's own promises, on which the integration tests rely."""

import asyncio
import itertools
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.integration.servers.token import SECRET, token

pytestmark = [pytest.mark.slow, pytest.mark.node]

PATIENCE_S = 20


class Client:
    """A connected client that keeps every event it gets."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False)
        self.inbox: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.sio.on("*", self._keep)
        self.sio.on("disconnect", self._leave)

    async def _keep(self, *event: Any) -> None:
        self.inbox.put_nowait(event)

    async def _leave(self, *_reason: Any) -> None:
        self.gone.set()

    async def next(self) -> tuple[Any, ...]:
        return await asyncio.wait_for(self.inbox.get(), PATIENCE_S)


@asynccontextmanager
async def connected(url: str, count: int) -> Any:
    async with AsyncExitStack() as stack:
        clients = [Client() for _ in range(count)]
        for client in clients:
            await client.sio.connect(url, transports=["websocket"])
            stack.push_async_callback(client.sio.disconnect)
        yield clients


def test_broadcasts_unchanged_acknowledges_and_counts(
    node_server: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server = node_server()

    async def talk() -> None:
        async with connected(server.url, 3) as clients:
            await clients[0].sio.emit("chat message", ("héllo", {"n": [1, None]}))
            for client in clients:
                assert await client.next() == ("chat message", "héllo", {"n": [1, None]})
            assert await clients[1].sio.call("echo", ("a", 1)) == ("a", 1)
            await clients[1].sio.emit("echo", "without ack")
            await clients[2].sio.emit("join", "kitchen")
            await clients[2].sio.emit("say", ("kitchen", "psst"))
            assert await clients[2].next() == ("say", "psst")
            counters = server.counters()
            assert counters["received"] == {"chat message": 1, "echo": 2, "join": 1, "say": 1}
            assert counters["sent"] == {"chat message": 3, "say": 1}
            assert (counters["connected"], counters["tcp_open"], counters["tcp_closed"]) == (3, 3, 0)

    asyncio.run(talk())
    until(lambda: server.counters()["tcp_closed"] == 3, what="the connections are closed")
    assert server.counters()["connected"] == 0


def test_counts_the_bytes_of_open_and_closed_connections_and_not_its_own(
    node_server: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """Counted by a relay between client and server, byte by byte."""
    server = node_server()
    carried = {"in": 0, "out": 0}
    relays: list[Any] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        while data := await reader.read(65536):
            carried[way] += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.append(asyncio.current_task())
        upstream = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        await asyncio.gather(relay(reader, upstream[1], "out"), relay(upstream[0], writer, "in"))

    async def talk() -> None:
        async with await asyncio.start_server(accept, "127.0.0.1", 0) as between:
            port = between.sockets[0].getsockname()[1]
            async with connected(f"http://127.0.0.1:{port}", 2) as [stays, leaves]:
                await stays.sio.call("echo", "x" * 1000)
                await leaves.sio.call("echo", "x" * 5000)
                await leaves.sio.disconnect()
                while (counters := await asyncio.to_thread(server.counters))["tcp_closed"] < 1:
                    await asyncio.sleep(0.02)
                await stays.sio.call("echo", "last")
                counters = await asyncio.to_thread(server.counters)
                assert (counters["bytes_read"], counters["bytes_written"]) == (carried["out"], carried["in"])
                assert carried["in"] > 6000
        await asyncio.gather(*relays)

    asyncio.run(asyncio.wait_for(talk(), PATIENCE_S))


def test_ticks_are_numbered_and_stamped(node_server: Callable[..., Any]) -> None:
    server = node_server(tick_rate=100)

    async def listen() -> list[Any]:
        async with connected(server.url, 1) as [client]:
            return [await client.next() for _ in range(20)]

    events = asyncio.run(listen())
    assert {name for name, _ in events} == {"tick"}
    first = events[0][1]["seq"]
    assert [tick["seq"] for _, tick in events] == list(range(first, first + 20))
    sent = [tick["sent_at"] for _, tick in events]
    assert sent == sorted(sent)
    assert 0 <= time.time() - sent[-1] < 60, "epoch seconds, by a clock that is not ahead of ours"


def test_omits_and_duplicates_as_told(node_server: Callable[..., Any]) -> None:
    server = node_server(omit_every=3, duplicate_every=4)

    async def talk() -> list[Any]:
        async with connected(server.url, 1) as [client]:
            for number in range(1, 9):
                await client.sio.emit("chat message", number)
            return [(await client.next())[1] for _ in range(8)]

    assert asyncio.run(talk()) == [1, 2, 4, 4, 5, 7, 8, 8]
    counters = server.counters()
    assert (counters["published"], counters["omitted"], counters["duplicated"]) == (8, 2, 2)


def test_the_private_namespace_wants_the_token(node_server: Callable[..., Any]) -> None:
    server = node_server()

    refusals: list[Any] = []

    async def connect(auth: dict[str, str]) -> Any:
        client = socketio.AsyncClient(reconnection=False)
        client.on("connect_error", refusals.append, namespace="/private")
        try:
            await client.connect(server.url, namespaces=["/private"], auth=auth, transports=["websocket"])
            return await client.call("echo", "in", namespace="/private")
        finally:
            await client.disconnect()

    assert asyncio.run(connect({"token": "sesame"})) == "in"
    with pytest.raises(socketio.exceptions.ConnectionError):
        asyncio.run(connect({"token": "guess"}))
    assert refusals == [{"message": "not allowed"}]


def test_logins_name_users_who_have_rooms_and_direct_messages(node_server: Callable[..., Any]) -> None:
    """``/auth`` always asks for a JSON Web Token, and ``/`` with ``login``."""
    server = node_server(login=1)

    async def talk() -> None:
        async with AsyncExitStack() as stack:
            anna, ben = Client(), Client()
            for name, client in (("anna", anna), ("ben", ben)):
                client.sio.on("*", client._keep, namespace="/auth")
                await client.sio.connect(server.url, namespaces=["/auth"], auth={"token": token(name)})
                stack.push_async_callback(client.sio.disconnect)
            assert await anna.sio.call("join", "kitchen", namespace="/auth") is None
            await ben.sio.emit("say", ("kitchen", "psst"), namespace="/auth")
            assert await anna.next() == ("say", "psst")
            await anna.sio.emit("direct", ("ben", "only you"), namespace="/auth")
            assert await ben.next() == ("direct", "only you")
            await ben.sio.emit("direct", (anna.sio.get_sid("/auth"), "and you"), namespace="/auth")
            assert await anna.next() == ("direct", "and you")
            for secret in (b"guess", SECRET):
                with pytest.raises(socketio.exceptions.ConnectionError):
                    await Client().sio.connect(server.url, auth={"token": token("eve", secret=secret, exp=1)})

    asyncio.run(talk())
    counters = server.counters()
    assert counters["users"] == {"anna": 1, "ben": 1}
    assert counters["refused"] == {"the token's signature is wrong": 1, "the token has expired": 1}
    assert counters["sent"] == {"say": 1, "direct": 2}


def test_a_stall_delays_what_arrives_meanwhile(node_server: Callable[..., Any]) -> None:
    """The order of events shows it, no clock is asked: ticks pause while the server is blocked."""
    server = node_server(tick_rate=50)

    async def listen() -> list[float]:
        async with connected(server.url, 1) as [client]:
            stamps = [(await client.next())[1]["sent_at"]]
            stall = threading.Thread(target=server.stall, args=(500,))
            stall.start()
            while stall.is_alive() or len(stamps) < 20:
                stamps.append((await client.next())[1]["sent_at"])
            return stamps

    stamps = asyncio.run(listen())
    assert max(later - earlier for earlier, later in itertools.pairwise(stamps)) >= 0.5


@pytest.mark.parametrize("close", [True, False])
def test_kick_disconnects_everybody(node_server: Callable[..., Any], close: bool) -> None:
    server = node_server()

    async def talk() -> None:
        async with connected(server.url, 2) as clients:
            assert await asyncio.to_thread(server.kick, close=close) == 2
            for client in clients:
                await asyncio.wait_for(client.gone.wait(), PATIENCE_S)
            assert (await asyncio.to_thread(server.counters))["connected"] == 0

    asyncio.run(talk())


def test_ends_when_its_stdin_closes_or_it_is_killed(node_server: Callable[..., Any]) -> None:
    server = node_server()
    server.process.stdin.close()
    assert server.process.wait(10) == 0
    server = node_server()
    server.kill(signal.SIGKILL)
    assert server.process.returncode == -signal.SIGKILL


def test_speaks_with_the_javascript_client(node_server: Callable[..., Any]) -> None:
    server = node_server()
    code = """
import { io } from "socket.io-client";
const socket = io(process.argv[1], { reconnection: false });
socket.on("chat message", async (...args) => {
  const ack = await socket.emitWithAck("echo", ...args);
  console.log(JSON.stringify([args, ack]));
  socket.disconnect();
});
socket.on("connect", () => socket.emit("chat message", { text: "hi" }));
"""
    folder = Path(__file__).parents[1] / "targets/node"
    command = ["node", "--input-type=module", "-e", code, server.url]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == [[{"text": "hi"}], {"text": "hi"}]
