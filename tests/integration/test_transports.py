"""Every transport, revision and parser against the official servers."""

import asyncio
from time import monotonic
from typing import Any

import pytest

from siotool.client.choices import TransportName
from siotool.client.identity import Identity
from siotool.protocol.engine_io import Revision
from siotool.protocol.socket_io import Body
from tests.integration.lone_client import LoneClient
from tests.integration.servers.node import Version, node_server
from tests.integration.servers.process import Server

pytestmark = [pytest.mark.slow, pytest.mark.node]

TRANSPORTS: tuple[TransportName, ...] = ("websocket", "upgrade", "polling", "jsonp")
SAID = [1, "é😀\u2028\n\\n", None, True, {"x": [1, 2.5, {"y": []}]}, ""]
#: What a first connect goes through, by transport.
PHASES = {
    "websocket": ["tcp", "websocket"],
    "upgrade": ["tcp", "first poll", "tcp", "tcp", "websocket", "probe"],
    "polling": ["tcp", "first poll", "tcp"],
    "jsonp": ["tcp", "first poll", "tcp"],
}


def client(server: Server, transport: TransportName, version: Version, parser: str) -> LoneClient:
    revision: Revision = 3 if version == "2" else 4
    identity = Identity(namespaces=("/", "/chat"), query=(("token", "t&=é"),))
    return LoneClient(server.url, transport=transport, revision=revision, parser=parser, identity=identity)


async def conversation(server: Server, client: LoneClient) -> None:
    witness = client.witness
    assert await client.connect() is None
    if client.transport == "upgrade":
        await witness.until("upgraded")
    assert await client.call("echo", *SAID) == SAID
    assert await client.call("echo", "there", namespace="/chat") == ["there"]
    everything = b"\x00\x01\xff" + bytes(range(256))
    assert await client.call("echo", everything, {"deep": [everything]}) == [
        everything,
        {"deep": [everything]},
    ]
    [found] = await client.call("binary", b"abc")
    assert found["args"] == [b"abc"]
    assert found["nested"] == {"list": [b"\x01", b"\x02\x03"]}

    def answer(arguments: list[Any], reply: Any) -> None:
        body: Body = client.parser.encode((*arguments, {"id": 7}, b"xyz"))
        reply(body)

    client.handlers["/", "whoami"] = answer
    assert await client.call("ask me", "who?") == ["who?", {"id": 7}, b"xyz"]
    client.emit("chat message", "to all")
    await witness.until("event", "/", "chat message", ["to all"])
    await client.leave()
    assert len(client.pool.connections) == 0
    assert not [heard for heard in witness.heard if heard[0] == "remark"]


@pytest.mark.parametrize("parser", ["json", "msgpack"])
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_a_conversation_over_every_transport(version: Version, parser: str) -> None:
    with node_server(version, msgpack=parser == "msgpack") as server:
        for transport in TRANSPORTS:
            one = client(server, transport, version, parser)
            asyncio.run(conversation(server, one))
            assert one.witness.phases == PHASES[transport], transport
        connects = server.seen("connect", namespace="/")
        assert {line["query"]["token"] for line in connects} == {"t&=é"}
        first = ["websocket", "polling", "polling", "polling"]
        assert [line["transport"] for line in connects] == first
        server.wait_for("disconnect", namespace="/", nth=len(TRANSPORTS))
        reasons = {line["reason"] for line in server.seen("disconnect", namespace="/")}
        assert reasons == {"client namespace disconnect"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_ends_of_a_connection(transport: TransportName) -> None:
    """Kicked from the namespace, the engine closed, refused."""

    async def ended(how: str) -> list[Any]:
        one = LoneClient(server.url, transport=transport)
        assert await one.connect() is None
        one.emit(how)
        await one.witness.until("ended")
        return one.witness.heard[-1]

    async def refused() -> tuple[str, str]:
        failure = await LoneClient(
            server.url, transport=transport, identity=Identity(namespaces=("/nowhere",))
        ).connect()
        assert failure is not None
        return failure.kind, str(failure)

    with node_server("4") as server:
        assert asyncio.run(ended("kick")) == ["ended", "server_disconnect"]
        assert asyncio.run(ended("kick transport")) == ["ended", "transport_close"]
        assert asyncio.run(refused()) == ("connect_error", "Invalid namespace")


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_heartbeats_keep_it_open(version: Version, transport: TransportName) -> None:
    """The server pings in Engine.IO 4, the client in 3: both give up after two seconds of silence."""

    async def stay() -> list[Any]:
        one = client(server, transport, version, "json")
        assert await one.connect() is None
        beating = asyncio.create_task(beat(one))
        asyncio.get_running_loop().call_later(5, one.emit, "chat message", "still here")
        await one.witness.until("event", "/", "chat message", ["still here"])
        beating.cancel()
        await one.leave()
        return one.witness.heard

    async def beat(one: LoneClient) -> None:
        while True:
            one.pool.beat(monotonic())
            await asyncio.sleep(0.1)

    with node_server(version, pingInterval=1000, pingTimeout=1000) as server:
        assert asyncio.run(stay())[-1] == ["ended", "client"]
        assert {line["reason"] for line in server.seen("disconnect")} <= {"client namespace disconnect"}


def test_a_server_that_only_polls_is_not_asked_to_upgrade() -> None:
    async def talk() -> LoneClient:
        one = LoneClient(server.url, transport="upgrade")
        assert await one.connect() is None
        assert await one.call("echo", 1) == [1]
        await one.leave()
        return one

    with node_server("4", transports="polling") as server:
        one = asyncio.run(talk())
        assert one.witness.phases == PHASES["polling"]
        assert not server.seen("upgrade")


def test_several_packets_share_a_payload_within_what_the_server_takes() -> None:
    async def talk() -> list[Any]:
        one = LoneClient(server.url, transport="polling")
        assert await one.connect() is None
        texts = [f"{number}-{'x' * 300}" for number in range(20)]
        answers = await asyncio.gather(*(one.call("echo", text) for text in texts))
        await one.leave()
        return [answer == [text] for answer, text in zip(answers, texts, strict=True)]

    with node_server("4", maxHttpBufferSize=1000) as server:
        assert all(asyncio.run(talk()))
        posts = [line for line in server.seen("http") if line["method"] == "POST"]
        assert 8 <= len(posts) < 15, "three to a payload of 1,000 bytes, and a few more"


def test_a_payload_larger_than_the_server_takes_is_named_with_the_limit() -> None:
    async def talk() -> list[Any]:
        one = LoneClient(server.url, transport="polling")
        assert await one.connect() is None
        one.emit("echo", "x" * 2000)
        await one.witness.until("ended")
        return one.witness.heard

    with node_server("4", maxHttpBufferSize=1000) as server:
        heard = asyncio.run(talk())
        assert heard[-1] == ["ended", "too_large"]
        assert "maxPayload is 1000 bytes" in heard[-2][2]
