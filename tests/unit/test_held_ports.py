"""A port that a test holds for a service: nobody else is given it, and the service may have it."""

import errno
import socket

import pytest

from tests.held_ports import held_port


def test_a_held_port_is_its_services_alone() -> None:
    """Trap: one that was let go was taken by another test before the service had started."""
    with held_port() as port:
        address = ("127.0.0.1", port)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        for _ in range(2):  # a service may be started again
            with socket.socket() as early:
                assert early.connect_ex(address) == errno.ECONNREFUSED
            with socket.create_server(address), socket.socket() as client:
                assert client.connect_ex(address) == 0
                with pytest.raises(OSError, match="in use"):
                    socket.create_server(address)


def test_a_held_port_is_not_found_by_those_who_look_for_a_free_one() -> None:
    with held_port() as port:
        found = set()
        for number in range(2000):
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, number % 2)
                one.bind(("127.0.0.1", 0))
                found.add(one.getsockname()[1])
        assert port not in found
