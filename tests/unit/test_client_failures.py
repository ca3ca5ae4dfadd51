import asyncio
import errno
import socket
import ssl

import picows
import pytest

from siotool.client.failures import WORDS_AT_MOST, ClientFailure, classify
from siotool.protocol.faults import LocalProtocolError, RemoteProtocolError


def os_error(number):
    return OSError(number, "as the system says it")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(os_error(errno.ECONNREFUSED), "refused", id="nobody listens"),
        pytest.param(os_error(errno.ECONNRESET), "reset", id="cut by the peer"),
        pytest.param(os_error(errno.EPIPE), "reset", id="written after it was cut"),
        pytest.param(ConnectionResetError("Connection lost"), "reset", id="cut, as asyncio says it"),
        pytest.param(BrokenPipeError(), "reset", id="a pipe without an errno"),
        pytest.param(os_error(errno.ETIMEDOUT), "timeout", id="the kernel gave up"),
        pytest.param(TimeoutError(), "timeout", id="we gave up"),
        pytest.param(os_error(errno.EHOSTUNREACH), "unreachable", id="no such host on the network"),
        pytest.param(os_error(errno.ENETUNREACH), "unreachable", id="no such network"),
        pytest.param(os_error(errno.EADDRNOTAVAIL), "no_local_port", id="no port left"),
        pytest.param(os_error(errno.EMFILE), "no_files", id="no file left for the process"),
        pytest.param(os_error(errno.ENFILE), "no_files", id="no file left for the machine"),
        pytest.param(socket.gaierror(socket.EAI_NONAME, "unknown"), "dns", id="no such name"),
        pytest.param(ssl.SSLCertVerificationError("self-signed"), "tls", id="a certificate nobody trusts"),
        pytest.param(ssl.SSLEOFError("EOF"), "tls", id="a handshake that was cut"),
        pytest.param(
            picows.WSHandshakeError("bad Upgrade header", b"", None), "not_websocket", id="no upgrade"
        ),
        pytest.param(
            picows.WSProtocolError(picows.WSCloseCode.PROTOCOL_ERROR, "bad opcode"),
            "protocol_error",
            id="a frame that is none",
        ),
        pytest.param(RemoteProtocolError("open twice"), "protocol_error", id="a packet out of turn"),
        pytest.param(LocalProtocolError("not open"), "protocol_error", id="ours out of turn"),
        pytest.param(os_error(errno.EIO), "transport_close", id="anything else that broke"),
    ],
)
def test_every_failure_has_a_short_class(error, kind):
    failure = classify(error)
    assert failure.kind == kind
    assert str(failure)


def test_a_failure_stays_what_it_is():
    failure = ClientFailure("connect_error", "no room")
    assert classify(failure) is failure
    assert str(ClientFailure("refused")) == "refused"


@pytest.mark.parametrize("status", [400, 403, 502])
def test_an_http_answer_is_named_by_its_status_and_shows_its_body(status):
    async def handshake():
        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            body = b" no way in " + b"x" * 5000
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await picows.ws_connect(picows.WSListener, f"ws://127.0.0.1:{port}/")

    with pytest.raises(picows.WSHandshakeError) as caught:
        asyncio.run(handshake())
    failure = classify(caught.value)
    assert failure.kind == f"http_{status}"
    assert str(failure).startswith("no way in x")
    assert len(str(failure)) == WORDS_AT_MOST


def test_what_a_server_says_besides_is_quoted_whatever_it_is():
    assert ClientFailure("connect_error", "no", {"é": ["\ud800", b"x", None]}).quoted == (
        """no {"é":["\ud800","b'x'",null]}"""
    )
