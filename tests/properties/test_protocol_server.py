"""Our session and python-socketio's server back to back, through its ASGI door, without a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import socketio
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.protocol.session import (
    Acknowledged,
    Ended,
    Event,
    Joined,
    Opened,
    Ping,
    Received,
    Refused,
    Session,
)
from tests import frames

#: Seconds after which a test gives up waiting for a server that says nothing.
TOO_LONG = 10

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)
# python-socketio passes a call's answer on as one argument, or as many for a tuple
arguments = st.lists(values, min_size=2, max_size=4)


class Client:
    """Our end: a session whose frames go to the server and come from it over two queues."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.to_client: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send(self, frame: bytes) -> None:
        self.to_server.put_nowait({"type": "websocket.receive", "text": frame.decode()})

    async def receive(self) -> Event:
        """The next event; what it asks to be answered is answered."""
        async with asyncio.timeout(TOO_LONG):
            message = await self.to_client.get()
        if message["type"] == "websocket.close":
            return Ended(engine=True)
        text = message["text"]
        if text is None:
            return self.session.receive_binary(message["bytes"])
        event = self.session.receive_text(text.encode())
        if isinstance(event, Ping):
            self.send(event.reply)
        if isinstance(event, Opened):
            for reply in event.replies:
                self.send(frames.text(reply))
        return event

    async def join(self) -> Event:
        """Go through the handshake; the answer to the wish to join."""
        assert isinstance(await self.receive(), Opened)
        return await self.receive()


def server(**options: Any) -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="asgi", monitor_clients=False, **options)


@asynccontextmanager
async def connected(
    server: socketio.AsyncServer, namespace: str = "/", auth: Any = None
) -> AsyncIterator[Client]:
    """A client on an accepted WebSocket that has received nothing yet."""
    client = Client(Session((namespace,), auth))
    scope = {
        "type": "websocket",
        "path": "/socket.io/",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")],
    }
    app = socketio.ASGIApp(server)
    client.to_server.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(app(scope, client.to_server.get, client.to_client.put))
    try:
        assert (await client.to_client.get())["type"] == "websocket.accept"
        yield client
    finally:
        client.to_server.put_nowait({"type": "websocket.disconnect"})
        with suppress(asyncio.CancelledError):
            await serving


def run(conversation: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(conversation())


@settings(max_examples=40)
@given(calls=st.lists(arguments, min_size=1, max_size=3), namespace=st.sampled_from(["/", "/admin", "/é"]))
def test_the_server_echoes_what_we_said(calls: list[list[Any]], namespace: str) -> None:
    async def conversation() -> None:
        sio = server()
        sio.on("echo", lambda sid, *said: said, namespace=namespace)
        async with connected(sio, namespace) as client:
            assert isinstance(await client.join(), Joined)
            for ack_id, said in enumerate(calls):
                client.send(frames.event_frame("echo", tuple(said), namespace, ack_id))
                answer = await client.receive()
                assert isinstance(answer, Acknowledged)
                assert answer.packet.ack_id == ack_id
                assert frames.arguments_of(answer.packet) == said

    run(conversation)


@settings(max_examples=40)
@given(
    auth=st.none() | st.dictionaries(texts, values, min_size=1, max_size=3),
    said=arguments,
    heard=arguments,
    event=texts,
)
def test_the_server_gets_our_auth_and_our_acks_and_we_get_its_events(
    auth: dict[str, Any] | None, said: list[Any], heard: list[Any], event: str
) -> None:
    async def conversation() -> None:
        sio = server()
        auths = []
        sio.on("connect", lambda sid, environ, auth: auths.append(auth), namespace="/admin")
        async with connected(sio, "/admin", auth) as client:
            joined = await client.join()
            assert isinstance(joined, Joined)
            assert auths == [auth]
            asking = asyncio.create_task(
                sio.call(event, tuple(heard), to=joined.sid, namespace="/admin", timeout=TOO_LONG)
            )
            received = await client.receive()
            assert isinstance(received, Received)
            assert frames.event_of(received.packet) == (event, heard)
            assert received.packet.ack_id is not None
            client.send(frames.ack_frame(received.packet.ack_id, tuple(said), "/admin"))
            assert list(await asking) == said

    run(conversation)


def test_joining_with_a_query_string() -> None:
    async def conversation() -> None:
        sio = server(namespaces=["/admin"])
        async with connected(sio, "/admin?uid=1") as client:
            joined = await client.join()
            assert isinstance(joined, Joined)
            await sio.emit("hello", namespace="/admin")
            assert isinstance(await client.receive(), Received)

    run(conversation)


def _refuse(*_: object) -> None:
    raise socketio.exceptions.ConnectionRefusedError("not today")


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        pytest.param("/", "not today", id="by its connect handler, with a reason"),
        pytest.param("/unknown", "Unable to connect", id="for an unknown namespace"),
    ],
)
def test_being_refused(namespace: str, message: str) -> None:
    async def conversation() -> None:
        sio = server()
        sio.on("connect", _refuse)
        async with connected(sio, namespace) as client:
            refused = await client.join()
            assert isinstance(refused, Refused)
            assert refused.message == message
            assert client.session.close() == ()

    run(conversation)


def test_being_refused_after_having_been_let_in() -> None:
    async def conversation() -> None:
        sio = server(always_connect=True)
        sio.on("connect", _refuse)
        async with connected(sio) as client:
            assert isinstance(await client.join(), Joined)
            assert isinstance(await client.receive(), Ended)

    run(conversation)


def test_an_event_from_the_connect_handler_comes_before_the_answer() -> None:
    async def conversation() -> None:
        sio = server()

        async def greet(sid: str, environ: object, auth: object) -> None:
            await sio.emit("hello", "you", to=sid)

        sio.on("connect", greet)
        async with connected(sio) as client:
            received = await client.join()
            assert isinstance(received, Received)
            assert frames.event_of(received.packet) == ("hello", ["you"])
            assert isinstance(await client.receive(), Joined)

    run(conversation)


def test_attachments_come_with_their_event() -> None:
    async def conversation() -> None:
        async with connected(sio := server(namespaces=["/"])) as client:
            assert isinstance(await client.join(), Joined)
            await sio.emit("image", {"a": b"\x00\x01", "b": [b"\xff"]})
            assert await client.receive() is None
            assert await client.receive() is None
            received = await client.receive()
            assert isinstance(received, Received)
            assert received.attachments == (b"\x00\x01", b"\xff")
            image = {"a": b"\x00\x01", "b": [b"\xff"]}
            assert frames.arguments_of(received.packet, received.attachments) == ["image", image]
            await sio.emit("after")
            assert isinstance(await client.receive(), Received)

    run(conversation)


def test_the_server_sees_us_leave() -> None:
    async def conversation() -> None:
        sio = server()
        left: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        sio.on("disconnect", lambda sid, reason: left.set_result(reason))
        async with connected(sio) as client:
            assert isinstance(await client.join(), Joined)
            (farewell,) = client.session.close()
            client.send(frames.text(farewell))
            async with asyncio.timeout(TOO_LONG):
                assert await left == sio.reason.CLIENT_DISCONNECT

    run(conversation)


def test_we_see_the_server_leave() -> None:
    async def conversation() -> None:
        async with connected(sio := server(namespaces=["/"])) as client:
            joined = await client.join()
            assert isinstance(joined, Joined)
            await sio.disconnect(joined.sid)
            assert isinstance(await client.receive(), Ended)

    run(conversation)


def test_heartbeats_keep_the_session_alive() -> None:
    async def conversation() -> None:
        sio = server(namespaces=["/"], ping_interval=0.02, ping_timeout=TOO_LONG)
        async with connected(sio) as client:
            assert isinstance(await client.join(), Joined)
            # python-engineio announces whole seconds of the interval, here none
            assert client.session.patience_s == TOO_LONG
            # the server pings again only after it has had our pong
            for _ in range(3):
                assert isinstance(await client.receive(), Ping)

    run(conversation)
