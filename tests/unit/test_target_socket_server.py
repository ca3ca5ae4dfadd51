"""The embedded target's server, without a network: what the end of a connection leaves behind."""

import asyncio

import pytest

from siotool.target.socket_server import SocketServer


def test_a_client_that_closes_leaves_nothing_behind_whatever_it_had_joined() -> None:
    """Its end was taken for a packet to each namespace: the first one that it had not joined ended it all."""

    async def close() -> SocketServer:
        server = SocketServer(connect_timeout_s=60.0, async_mode="asgi")
        for name in ("/", "/chat"):
            server.on("connect", lambda *_: None, namespace=name)
        heard: list[str] = []
        server.on("disconnect", lambda sid, reason: heard.append(reason))
        server.eio.send = _nothing
        await server._handle_eio_connect("other", {})
        await server._handle_connect("other", "/chat", None)
        await server._handle_eio_connect("one", {})
        await server._handle_connect("one", "/", None)
        await server._handle_eio_disconnect("one", server.reason.CLIENT_DISCONNECT)
        assert heard == [server.reason.CLIENT_DISCONNECT]
        return server

    server = asyncio.run(close())
    assert set(server.environ) == {"other"}


def test_a_packet_that_leaves_a_namespace_which_was_not_joined_is_refused() -> None:
    async def leave() -> None:
        server = SocketServer(connect_timeout_s=60.0, async_mode="asgi")
        await server._handle_eio_connect("one", {})
        await server._handle_disconnect("one", "/chat", server.reason.CLIENT_DISCONNECT)

    with pytest.raises(ValueError, match="not joined"):
        asyncio.run(leave())


async def _nothing(*_: object, **__: object) -> None:
    """Send nothing."""
