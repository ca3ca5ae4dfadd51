"""Connects that succeed, are refused or find nothing: what client and server see."""

import asyncio
import socket
from typing import Any

import pytest

from siotool.client.address import Address
from siotool.client.choices import ClientName, TransportName
from tests.integration.differential.peers import Entry, How, Official, OfficialPeer, OurPeer, Peer, settle
from tests.integration.lone_client import LoneClient
from tests.integration.servers.node import Version, node_server
from tests.integration.servers.process import Server
from tests.integration.servers.token import token

pytestmark = [pytest.mark.slow, pytest.mark.node]

TRANSPORTS: list[TransportName] = ["websocket", "polling", "upgrade"]


async def opened(peer: Peer) -> list[Entry]:
    found = await peer.open()
    await peer.close()
    return found


def seen(server: Server, since: int) -> list[Any]:
    """What the server knows of who connected or was refused."""
    settle(server)
    found = []
    for line in server.seen()[since:]:
        if line["kind"] == "connect":
            query = {name: value for name, value in line["query"].items() if name not in ("t", "b64")}
            shown = [line.get(name) for name in ("namespace", "eio", "auth", "user")]
            found.append([*shown, query, line["headers"].get("x-who")])
        elif line["kind"] == "refused":
            found.append([line["namespace"], line["message"], line.get("data")])
    return sorted(found, key=repr)


def ways(version: Version) -> list[How]:
    good, bad = token("anna"), token("anna", secret=b"guess")
    found = [
        How(),
        How(namespaces=("/chat", "/", "/dyn-7", "/dyn-12345")),
        How(query=(("a", "b=c&d é+"), ("empty", "")), headers=(("X-Who", "me, you"),)),
        How(namespaces=("/nowhere",)),
        How(namespaces=("/dyn-x",)),
        How(namespaces=("/auth",)),
        How(namespaces=("/auth",), query=(("token", good),)),
        How(namespaces=("/auth",), query=(("token", bad),)),
    ]
    if version != "2":
        found += [
            How(namespaces=("/größe 🚀",)),  # a server of Socket.IO 2 answers in another namespace
            How(namespaces=("/auth",), auth={"token": good, "é": [1, {"a": None}], "\ud800": ""}),
            How(namespaces=("/auth",), auth={"token": token("anna", exp=1)}),
            How(auth={}),
        ]
    return found


@pytest.mark.parametrize("version", ["4", "3", "2"])
def test_a_connect_ends_alike_for_client_and_server(official: Official, version: Version) -> None:
    clients: list[ClientName] = ["native"] if version == "2" else ["native", "reference"]
    transports = TRANSPORTS if version == "4" else TRANSPORTS[:1]
    with node_server(version) as server:
        for way in ways(version):
            for transport in transports:
                how = How(**{**vars(way), "version": version, "transport": transport})
                since = len(server.seen())
                expected = asyncio.run(opened(OfficialPeer(official, server.url, how)))
                known = seen(server, since)
                for client in clients:
                    since = len(server.seen())
                    found = asyncio.run(opened(OurPeer(client, server.url, how)))
                    assert found == expected, (client, how)
                    ours = seen(server, since)
                    if client == "reference":  # it writes an empty auth payload
                        ours, known_here = without_auth(ours), without_auth(known)
                    else:
                        known_here = known
                    assert ours == known_here, (client, how)


def without_auth(lines: list[Any]) -> list[Any]:
    return [[part for at, part in enumerate(line) if len(line) == 3 or at != 2] for line in lines]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("client", ["native", "reference"])
def test_a_host_of_several_addresses_is_tried_until_one_answers(
    client: ClientName, transport: TransportName
) -> None:
    """As under Node.js a name may stand for ::1 and 127.0.0.1 while only one of them listens."""

    async def connect(*addresses: Address) -> str:
        url = f"http://localhost:{server.port}"
        one = LoneClient(url, client=client, transport=transport, addresses=addresses)
        failure = await one.connect()
        if failure is not None:
            return failure.kind
        assert await one.call("echo", "here") == ["here"]
        await one.leave()
        return "connected"

    with node_server("4") as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        six = Address(int(socket.AF_INET6), "::1", server.port)
        four = Address(int(socket.AF_INET), "127.0.0.1", server.port)
        dead = Address(int(socket.AF_INET), "127.0.0.1", unused.getsockname()[1])
        assert asyncio.run(connect(six, four)) == "connected"
        assert asyncio.run(connect(four, six)) == "connected"
        assert asyncio.run(connect(dead, six, four)) == "connected"
        assert asyncio.run(connect(six, dead)) == "refused"


def test_nothing_there_fails_for_all(official: Official) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for transport in TRANSPORTS:
            how = How(transport=transport)
            assert asyncio.run(opened(OfficialPeer(official, url, how))) == [["failed"]]
            for client in ("native", "reference"):
                assert asyncio.run(opened(OurPeer(client, url, how))) == [["failed"]]
