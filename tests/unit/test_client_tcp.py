import socket
import struct
import sys
from contextlib import suppress

import pytest

from siotool.client import tcp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts bytes in TCP_INFO")


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            yield client, server


def pump(sender, receiver, size):
    """Send so many bytes and read them all; both sides small enough not to block."""
    received = 0
    while size > received:
        sender.sendall(b"x" * min(size - received, 16_384))
        received += len(receiver.recv(16_384, socket.MSG_WAITALL if size - received >= 16_384 else 0))


def test_a_new_connection_has_carried_nothing(pair):
    client, server = pair
    assert tcp.transferred(client) == tcp.transferred(server) == (0, 0, 0)


@pytest.mark.parametrize(("out", "back"), [(1, 1), (1000, 77), (1_000_003, 500_000)])
def test_bytes_are_those_of_the_payload_in_both_directions(pair, out, back):
    client, server = pair
    pump(client, server, out)
    pump(server, client, back)
    assert tcp.transferred(client) == (back, out, 0)
    assert tcp.transferred(server) == (out, back, 0)


def test_what_the_other_side_does_not_take_waits(pair):
    client, _ = pair
    client.setblocking(False)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += client.send(b"x" * 65_536)
    counts = tcp.transferred(client)
    assert counts.waiting > 0
    assert counts.sent + counts.waiting == sent


def test_the_end_of_the_other_side_is_no_byte(pair):
    client, server = pair
    pump(server, client, 10)
    server.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    assert tcp.transferred(client) == (10, 0, 0)


def test_a_reset_loses_no_count(pair):
    client, server = pair
    pump(client, server, 5)
    pump(server, client, 3)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert tcp.transferred(client) == (3, 5, 0)


def test_a_closed_socket_counts_no_more(pair):
    client, _ = pair
    client.close()
    assert tcp.transferred(client) is None


def test_where_the_kernel_does_not_count_there_is_nothing_to_ask(pair, monkeypatch):
    monkeypatch.setattr(tcp, "KERNEL_COUNTS", False)
    assert tcp.transferred(pair[0]) is None


@pytest.mark.parametrize(
    ("payload", "masked", "size"),
    [
        pytest.param(0, False, 2, id="an empty frame is its header"),
        pytest.param(125, False, 127, id="the longest with a short length"),
        pytest.param(126, False, 130, id="the shortest with two more bytes of it"),
        pytest.param(65_535, False, 65_539, id="the longest with two"),
        pytest.param(65_536, False, 65_546, id="the shortest with eight"),
        pytest.param(64, True, 70, id="a client's frame has a mask"),
    ],
)
def test_frame_sizes_follow_the_rfc(payload, masked, size):
    assert tcp.frame_size(payload, masked) == size
