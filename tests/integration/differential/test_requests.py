"""The HTTP requests that a server sees of our client are those of the official one."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from siotool.client.choices import TransportName
from tests.integration.differential.peers import How, Official, OfficialPeer, OurPeer, Peer
from tests.integration.servers.node import Version, node_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: What differs on purpose (docs/differences.md): ours are a browser's, not Node.js'.
OF_NODE = {"user-agent", "connection", "accept-encoding", "cookie"}
#: New in each request.
DRAWN = {"t", "sid"}
#: Lengths of a POST that closes a session.
LAST = {"2": "3", "3": "1", "4": "1"}


def shown(line: dict[str, Any]) -> tuple[Any, ...]:
    """A request without what is drawn, and without what differs on purpose."""
    headers = {name: value for name, value in line["headers"].items() if name not in OF_NODE}
    for drawn in ("sec-websocket-key", "host"):
        headers.pop(drawn, None)
    if line["upgrade"]:
        headers["connection"] = line["headers"]["connection"]
    query = [(name, "…" if name in DRAWN else value) for name, value in line["query"].items()]
    if line["query"]["EIO"] == "4":
        query = [one for one in query if one[0] != "b64"]  # Node.js at version 3 reads no bytes
    return line["method"], line["upgrade"], line["path"], tuple(query), tuple(sorted(headers.items()))


async def talk(peer: Peer) -> None:
    """One call, then three in one tick, then the end."""
    await peer.open()
    await peer.burst([("/", "echo", ["first"], True)])
    await peer.burst([("/", "echo", [number], True) for number in range(3)])
    await peer.burst([("/chat", "echo", [b"bytes", "é"], True)])
    await peer.close()


def requests(version: Version, make: Callable[[str], Peer], how: How) -> list[tuple[Any, ...]]:
    """What a server that serves one client sees."""
    with node_server(version) as server:
        asyncio.run(talk(make(server.url)))
        server.wait_for("disconnect", nth=2)
        lines = server.seen("http")
        while how.transport == "polling" and lines[-1]["headers"].get("content-length") != LAST[version]:
            server.wait_for("http", nth=len(lines) + 1)
            lines = server.seen("http")
        return list(map(shown, lines))


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
def test_the_requests_are_the_official_clients(
    official: Official, version: Version, transport: TransportName
) -> None:
    how = How(
        namespaces=("/", "/chat"),
        version=version,
        transport=transport,
        query=(("token", "t&=é +"), ("a", "")),
        headers=(("X-Who", "me"),),
    )
    expected = requests(version, lambda url: OfficialPeer(official, url, how), how)
    found = requests(version, lambda url: OurPeer("native", url, how), how)
    if transport == "upgrade":
        # how many go by polling depends on how fast the WebSocket is
        assert set(found) <= {*expected, *(request for request in found if request[0] == "POST")}
        assert [one for one in found if one[1]] == [one for one in expected if one[1]]
        assert found[:2] == expected[:2]
    elif transport == "polling":
        for method in ("POST", "GET"):  # whether a poll or a POST comes first depends on two sockets
            ours = [one for one in found if one[0] == method]
            theirs = [one for one in expected if one[0] == method]
            if method == "POST":
                assert ours == theirs
            else:
                assert set(ours) == set(theirs)
                assert abs(len(ours) - len(theirs)) <= 2
        assert found[:2] == expected[:2]
    else:
        assert found == expected
