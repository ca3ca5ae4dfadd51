"""Whatever is sent arrives as it does from the official client, and what comes back is the same."""

import asyncio
from random import Random
from typing import Any

import pytest

from siotool.client.choices import TransportName
from siotool.protocol.socket_io import RESERVED
from tests.integration.differential.generated import NAMES, RESERVED_NAMES, SIZES, shapes
from tests.integration.differential.peers import (
    How,
    Official,
    OfficialPeer,
    OurPeer,
    Peer,
    Sent,
    settle,
    settled,
)
from tests.integration.servers.node import Version, node_server
from tests.integration.servers.process import Server
from tests.integration.servers.python import python_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

SEED = 20_261_126


#: Emitted to the client itself by that of Socket.IO 2; "error" ends a server of Socket.IO 3.
KEPT = {"4": (), "3": ("error",), "2": ("error", "ping")}


def everything(seed: int, version: Version = "4") -> list[Sent]:
    """Every shape to be echoed, every name, every size; acknowledged or not, in an order of its own."""
    random = Random(seed)
    names = [name for name in NAMES if name not in KEPT[version]]
    sent: list[Sent] = [("/", "echo", arguments, True) for arguments in shapes(seed, 60)]
    sent += [("/chat", "chat message", arguments, False) for arguments in shapes(seed + 1, 10)]
    sent += [("/", name, [number, name], False) for number, name in enumerate(names)]
    for size in SIZES:
        sent += [("/chat", "echo", ["x" * size], True), ("/", "echo", [random.randbytes(size), size], True)]
    random.shuffle(sent)
    # the last shows that all before it came
    return [*sent, ("/", "echo", ["the end"], True), ("/chat", "echo", ["the end"], True)]


async def converse(peer: Peer, sent: list[Sent]) -> dict[str, Any]:
    """Send it in bursts of random lengths; what the client saw."""
    opened = await peer.open()
    random, answers, at = Random(SEED), [], 0
    while at < len(sent):
        some = random.choice((1, 3, 40))
        answers += await peer.burst(sent[at : at + some])
        at += some
    await peer.close()
    return {"opened": opened, "answers": settled(answers), "events": settled(peer.events())}


def served(server: Server, since: int) -> list[Any]:
    """What the server saw since then, of each namespace in its order."""
    settle(server)
    lines = server.seen("event")[since:]
    saw = [(line["namespace"], line["event"], line.get("ack"), settled(line["args"])) for line in lines]
    return sorted(saw, key=lambda line: line[0])


def compare(server: Server, official: Official, how: How, sent: list[Sent], clients: list[str]) -> None:
    expected: dict[str, Any] | None = None
    saw: list[Any] = []
    for client in ["official", *clients]:
        since = len(server.seen("event"))
        peer: Peer
        if client == "official":
            peer = OfficialPeer(official, server.url, how)
        else:
            peer = OurPeer("native" if client == "native" else "reference", server.url, how)
        found = asyncio.run(converse(peer, sent))
        if expected is None:
            expected, saw = found, served(server, since)
            assert len(saw) == len(sent)
            continue
        for one, other in zip(served(server, since), saw, strict=True):
            assert one == other, f"the server saw another thing of {client}"
        for key, value in found.items():
            for one, other in zip(value, expected[key], strict=True):
                assert one == other, f"{client} was told another thing: {key}"


BOTH = How(namespaces=("/", "/chat"))


@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
def test_every_shape_name_and_size_travels_alike(official: Official, transport: TransportName) -> None:
    how = How(namespaces=("/", "/chat"), transport=transport)
    with node_server("4") as server:
        compare(server, official, how, everything(SEED), ["native", "reference"])


@pytest.mark.parametrize(("version", "transport"), [("3", "upgrade"), ("2", "websocket"), ("2", "polling")])
def test_older_servers_see_the_same(official: Official, version: Version, transport: TransportName) -> None:
    how = How(namespaces=("/", "/chat"), transport=transport, version=version)
    with node_server(version) as server:
        compare(
            server,
            official,
            how,
            everything(SEED + 2, version),
            ["native"] if version == "2" else ["native", "reference"],
        )


def test_msgpack_travels_alike(official: Official) -> None:
    how = How(namespaces=("/", "/chat"), msgpack=True)
    sent = [one for one in everything(SEED + 3) if msgpack_has(one[1]) and msgpack_has(one[2])]
    with node_server("4", msgpack=True) as server:
        compare(server, official, how, sent, ["native", "reference"])


def msgpack_has(value: Any) -> bool:
    """Whether the official parser writes it right: not half surrogate pairs, nor integers past 64 bits."""
    if isinstance(value, dict):
        return all(msgpack_has(key) and msgpack_has(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(msgpack_has, value))
    if isinstance(value, float):
        return not (value.is_integer() and abs(value) >= 2**63)
    return not isinstance(value, str) or value.isascii() or "\\ud" not in ascii(value)


def test_python_servers_see_the_same(official: Official) -> None:
    with python_server("aiohttp") as server:
        compare(server, official, BOTH, everything(SEED + 4), ["native", "reference"])


def test_reserved_names_are_the_official_clients() -> None:
    assert frozenset(RESERVED_NAMES) == RESERVED


def test_a_server_that_compresses_sends_as_few_bytes_as_to_the_official_client(official: Official) -> None:
    """Trap: without the offer of permessage-deflate it sent 5 to 60 times more."""
    rows = [{"id": number, "state": "online", "name": f"user {number}"} for number in range(100)]
    messages = 20

    async def received(peer: Peer) -> int:
        await peer.open()
        for number in range(messages):
            await asyncio.to_thread(server.tell, "emit", event="state", args=[number, rows])
        if isinstance(peer, OfficialPeer):
            await peer.until_nth(messages, "event", "/", "state")
            return await peer.received()
        assert isinstance(peer, OurPeer)
        await peer.until_nth(messages, "event", "/", "state")
        peer.one.pool.read_wire()
        found = peer.one.pool.traffic.wire_in
        await peer.close()
        return found

    with node_server("4", perMessageDeflate={"threshold": 1024}) as server:
        theirs = asyncio.run(received(OfficialPeer(official, server.url, How())))
        ours = asyncio.run(received(OurPeer("native", server.url, How())))
        whole = asyncio.run(received(OurPeer("reference", server.url, How())))
    assert ours == pytest.approx(theirs, rel=0.05)
    assert whole > 10 * ours, "python-socketio does not offer it"
