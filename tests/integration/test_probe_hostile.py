"""Servers that misbehave: the probe ends by itself, says something, and shows nothing raw."""

import base64
import hashlib
import socket
import time
from collections.abc import Callable

import pytest

from siotool.probe.catalogue import CHECKS
from tests.integration.probing import named, probe, raw

pytestmark = pytest.mark.slow


GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Misbehave = Callable[[socket.socket, bytes], None]

OPEN = b'0{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1e6}'


def frame(payload: bytes, first: int = 0x81, *, mask: bool = False) -> bytes:
    """A short frame as a server sends it, unless it is to be wrong."""
    return bytes((first, len(payload) | (0x80 if mask else 0))) + (b"\0" * 4 if mask else b"") + payload


def slow_headers(connection: socket.socket, _: bytes) -> None:
    """A byte of a header, again and again."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def slow_body(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def endless_body(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


def garbage(connection: socket.socket, _: bytes) -> None:
    connection.sendall(bytes(range(256)) * 4)


def other_protocol(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")


def redirects_to_itself(connection: socket.socket, _: bytes) -> None:
    port = connection.getsockname()[1]
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\x1b[31m/\r\nContent-Length: 0\r\n\r\n" % port
    )


def many_headers(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad\r\n" + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\n")


def hung_up(connection: socket.socket, _: bytes) -> None:
    """Closed without a word."""


SERVERS = [
    slow_headers,
    slow_body,
    endless_body,
    garbage,
    other_protocol,
    redirects_to_itself,
    many_headers,
    hung_up,
]


@pytest.mark.parametrize("answer", SERVERS, ids=lambda answer: answer.__name__)
def test_what_is_no_socket_io_is_an_error_of_the_target_or_its_path(answer: Misbehave) -> None:
    with raw(answer) as url:
        result = probe(url, timeout_s=0.5)
    assert named(result) in ({"path": "error"}, {"reachable": "error"}), result.checks
    assert "\x1b" not in str(result)


def upgraded(connection: socket.socket, request: bytes) -> bool:
    """Accept a WebSocket where one is asked for; else answer a poll that opens a session."""
    lines = [line.partition(b":") for line in request.split(b"\r\n")]
    key = next((value.strip() for name, _, value in lines if name.lower() == b"sec-websocket-key"), b"")
    if not key:
        body = b"ok" if request.startswith(b"POST") else OPEN
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        connection.sendall(head + body)
        return False
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return True


#: Where no namespace answers, nothing is known of these.
SILENT = {"auth", "recovery", "namespace"}

FRAMES = {
    "floods of events": lambda: frame(b'42["news","x"]') * 200,
    "pings without end": lambda: frame(b"2") * 200,
    "packets that are none": lambda: frame(b"9nonsense"),
    "an open packet again": lambda: frame(OPEN),
    "refusals of other namespaces": lambda: frame(b'44/other,{"message":"\x1b[31mno"}'),
    "a refusal that is no JSON": lambda: frame(b"44{\x1b[31m"),
    "bytes": lambda: frame(b"\x83\xff\x00", 0x82),
    "frames of a reserved kind": lambda: frame(b"x", 0x83),
    "a masked frame": lambda: frame(b"40", mask=True),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_session_of_nonsense_ends_and_shows_nothing_raw(kind: str) -> None:
    """A session opens, and then comes what no server should send, for as long as the probe listens."""

    def answer(connection: socket.socket, request: bytes) -> None:
        if upgraded(connection, request):
            connection.sendall(frame(OPEN))
            while nonsense := FRAMES[kind]():
                connection.sendall(nonsense)
                time.sleep(0.02)
            while connection.recv(65_536):
                """Silence, until the probe has had enough."""

    with raw(answer) as url:
        result = probe(url, timeout_s=1.0)
    assert {finding.id for finding in result.checks} | SILENT == {check.id for check in CHECKS}
    assert "error" in named(result).values(), result.checks
    assert "\x1b" not in str(result)
