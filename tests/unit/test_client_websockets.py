"""WebSockets that a server does not open: why, and what was carried until then."""

import asyncio

import pytest

from siotool.client.address import Address
from siotool.client.attempt import Attempt
from siotool.client.choices import TlsOptions
from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.identity import Identity
from siotool.client.observer import ByteCounts
from siotool.client.opener import Opener
from siotool.client.pool import Pool
from siotool.workload import Target

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


class Silent:
    def __getattr__(self, name):
        return lambda *told: None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "http_403", id="refused"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", "http_302", id="sent elsewhere"),
        pytest.param(b"HTTP/1.0 503 Unavailable\r\n\r\n", "http_503", id="an old proxy"),
        pytest.param(UPGRADED + b"Sec-WebSocket-Accept: wrong\r\n\r\n", "not_websocket", id="a wrong key"),
        pytest.param(UPGRADED + b"\r\n", "not_websocket", id="no key"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not_websocket", id="no HTTP"),
        pytest.param(b"HTTP/1.1 101 Swit", "transport_close", id="half an answer"),
        pytest.param(b"", "transport_close", id="no answer"),
    ],
)
def test_an_upgrade_that_fails_has_its_class_and_its_bytes_count(answer, kind):
    unforeseen, requests = [], []

    async def serve(reader, writer):
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    async def connect():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unforeseen.append(context))
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            endpoint = Endpoint(
                Target(url=f"http://{host}:{port}"),
                (Address(server.sockets[0].family, host, port),),
                TlsOptions(),
            )
            pool = Pool(ByteCounts())
            connection = Connection(pool, Silent(), {}, Identity())
            opening = Opener(endpoint, pool.traffic).by("websocket")
            failure = await Attempt().run(connection, opening, 10)
            return failure, pool.traffic

    failure, traffic = asyncio.run(connect())
    assert failure.kind == kind
    assert not unforeseen
    assert (traffic.wire_in, traffic.wire_out) == (len(answer), len(requests[0]))
