"""From which addresses connections come: what is read, what is refused, and what a server sees."""

import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from siotool.cli import source_options
from siotool.client.address import Address
from siotool.client.source_addresses import SourceSockets, reaching, reaching_each
from siotool.errors import InputError


@pytest.mark.parametrize(
    ("texts", "addresses"),
    [
        pytest.param([], (), id="none"),
        pytest.param(["127.0.0.1"], ("127.0.0.1",), id="one"),
        pytest.param(["127.0.0.9-127.0.0.11"], ("127.0.0.9", "127.0.0.10", "127.0.0.11"), id="a range"),
        pytest.param(
            ["127.0.3.255-127.0.4.1"], ("127.0.3.255", "127.0.4.0", "127.0.4.1"), id="over a border"
        ),
        pytest.param(["127.1.0.0/30"], ("127.1.0.1", "127.1.0.2"), id="the hosts of a network"),
        pytest.param(["127.1.0.5/30"], ("127.1.0.5", "127.1.0.6"), id="of the network of an address"),
        pytest.param(["127.0.0.1", "127.0.0.1-127.0.0.2"], ("127.0.0.1", "127.0.0.2"), id="each once"),
    ],
)
def test_addresses_ranges_and_networks_are_read(texts, addresses) -> None:
    assert source_options.read(texts) == addresses


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("localhost", "does not appear to be", id="a name"),
        pytest.param("127.0.0.300", "does not appear to be", id="no address"),
        pytest.param("127.0.0.5-127.0.0.1", "a range that ends before it begins", id="backwards"),
        pytest.param("127.0.0.5-::1", "a range that ends before it begins", id="of two kinds"),
        pytest.param("127.0.0.0/33", "does not appear to be", id="no network"),
        pytest.param("127.0.0.0/8", "more than 65,536 addresses", id="more than is of use"),
        pytest.param("192.0.2.7", "192.0.2.7 is no address of this machine", id="somebody else's"),
    ],
)
def test_what_is_no_address_of_this_machine_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        source_options.read([text])


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connected(make: SourceSockets, server: socket.socket, count: int) -> Counter[str]:
    """How many of some connections came from which address."""
    seen: Counter[str] = Counter()
    for _ in range(count):
        with make(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.connect(server.getsockname())
            peer, address = server.accept()
            peer.close()
            seen[address[0]] += 1
    return seen


def test_connections_come_from_all_addresses_in_turn(server: socket.socket) -> None:
    make = SourceSockets(socket.socket, ["127.0.0.5", "127.0.0.6", "127.0.0.7"])
    assert connected(make, server, 6) == {"127.0.0.5": 2, "127.0.0.6": 2, "127.0.0.7": 2}


def test_processes_begin_with_different_ones(server: socket.socket) -> None:
    sources = ["127.0.0.5", "127.0.0.6"]
    assert connected(SourceSockets(socket.socket, sources, first=3), server, 1) == {"127.0.0.6": 1}


def test_a_target_of_another_family_is_reached_from_anywhere(server: socket.socket) -> None:
    assert connected(SourceSockets(socket.socket, ["::1"]), server, 1) == {"127.0.0.1": 1}


def test_a_port_is_chosen_for_where_it_leads(server: socket.socket) -> None:
    """Trap: bind() takes a port of all that an address has, also where it is used to another target."""
    make = SourceSockets(socket.socket, ["127.0.0.5"])
    sock = make(socket.AF_INET, socket.SOCK_STREAM)
    assert sock.getsockname() == ("127.0.0.5", 0), "no port before it is known where to"
    sock.close()


def test_an_address_that_is_gone_leaves_no_open_socket() -> None:
    make = SourceSockets(socket.socket, ["192.0.2.7"])
    with pytest.raises(OSError, match="assign"):
        make(socket.AF_INET, socket.SOCK_STREAM)


def test_sources_of_another_kind_than_the_targets_addresses_are_none() -> None:
    """They were counted as room for connections, and no connection came from them."""
    four, six = Address(socket.AF_INET, "127.0.0.1", 80), Address(socket.AF_INET6, "::1", 80)
    assert reaching((), [four]) == ()
    assert reaching(("::1", "127.0.0.2"), [four]) == ("127.0.0.2",)
    assert reaching(("::1", "127.0.0.2"), [four, six]) == ("::1", "127.0.0.2")
    with pytest.raises(InputError, match=r"no connection from ::1 reaches 127\.0\.0\.1"):
        reaching(("::1",), [four])


def test_each_of_several_targets_is_to_be_reached() -> None:
    """Trap: one of IPv4 was enough for all, and connections to another of IPv6 came from any address."""
    four, six = [Address(socket.AF_INET, "127.0.0.1", 80)], [Address(socket.AF_INET6, "::1", 80)]
    three = ("::1", "127.0.0.2", "127.0.0.3")
    assert [reaching_each(three, targets) for targets in ([four], [six], [four, six], [])] == [2, 1, 1, 3]
    assert reaching_each((), [four, six]) == 0
    with pytest.raises(InputError, match=r"no connection from 127\.0\.0\.2 reaches ::1"):
        reaching_each(three[1:], [four, six])
