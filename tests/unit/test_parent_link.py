"""A machine's connection to a run: over which address it goes, and when it is given up."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from siotool.swarm import run_address
from siotool.swarm.join_token import keys_of, listen_with, make_token
from siotool.swarm.machines import parent_link
from siotool.swarm.machines.machine_session import is_gone
from siotool.swarm.machines.parent_link import ParentLink
from siotool.swarm.run_address import endpoint, place, wants_ipv6

TOKEN = make_token()


class Run:
    """Where a run listens, over IPv4."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        listen_with(keys_of(TOKEN), self.socket)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")

    def close(self) -> None:
        self.context.destroy(linger=0)


@pytest.fixture
def run() -> Iterator[Run]:
    one = Run()
    yield one
    one.close()


def connected(link: ParentLink) -> bool:
    for _ in range(100):
        link.receive(0.1)
        if link.connected:
            return True
    return False


V4, V6 = (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)), (socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0))


@pytest.mark.parametrize(
    ("found", "over_ipv6"),
    [
        pytest.param([V4], False, id="IPv4 alone"),
        pytest.param([V6], True, id="IPv6 alone, or written so"),
        pytest.param([V6, V4], False, id="both: a run listens on IPv4, unless it is told otherwise"),
    ],
)
def test_a_name_is_called_over_ipv6_only_where_it_has_no_other_address(
    monkeypatch: pytest.MonkeyPatch, found: list[Any], over_ipv6: bool
) -> None:
    monkeypatch.setattr(run_address.socket, "getaddrinfo", lambda *_, **__: found)
    assert wants_ipv6("run") is over_ipv6


def test_addresses_are_what_they_are_written_as() -> None:
    assert [wants_ipv6(host) for host in ("127.0.0.1", "::1", "no..name")] == [False, True, None]
    assert [place(host, 5557) for host in ("run", "::1")] == ["run:5557", "[::1]:5557"]
    assert [endpoint(host, 5557) for host in ("run", "::1")] == ["tcp://run:5557", "tcp://[::1]:5557"]


def test_a_machine_joins_at_a_name_that_has_an_ipv6_address_too(run: Run) -> None:
    """ZeroMQ takes the first address of a name, and tries no other: it never joined."""
    families = {family for family, *_ in socket.getaddrinfo("localhost", None)}
    if socket.AF_INET6 not in families:
        pytest.xfail("localhost has no IPv6 address here")
    link = ParentLink("localhost", run.port, TOKEN, "box")
    assert connected(link)
    link.close()


def test_a_machine_waits_for_a_name_that_has_no_address_yet(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster knows the name of a run once its container is there, which may start after the workers'."""
    answers = iter([None, None, False])
    monkeypatch.setattr(parent_link, "wants_ipv6", lambda host: next(answers))
    monkeypatch.setattr(parent_link, "_LOOK_UP_S", 0.0)
    link = ParentLink("127.0.0.1", run.port, TOKEN, "box")
    link.send("siotool_leaving")  # to nobody, and no error
    assert connected(link)
    link.close()


def test_a_link_knows_when_its_connection_broke(run: Run) -> None:
    link = ParentLink("127.0.0.1", run.port, TOKEN, "box")
    assert connected(link)
    before = link.broken_at
    run.close()
    while link.connected:
        link.receive(0.1)
    assert link.broken_at > before
    link.close()


@pytest.mark.parametrize(
    ("silent_s", "broken_s", "gone"),
    [
        pytest.param(39.0, None, False, id="a network that is cut off breaks no connection"),
        pytest.param(41.0, None, True, id="for so long"),
        pytest.param(39.0, 9.0, False, id="a connection that broke is missed from then on"),
        pytest.param(11.0, 10.5, True, id="and no longer than 10 s"),
    ],
)
def test_a_parent_is_gone_after_a_long_silence_or_some_seconds_without_a_connection(
    silent_s: float, broken_s: float | None, gone: bool
) -> None:
    """The seconds without a connection were counted from when something was heard last."""
    assert is_gone(silent_s, broken_s) is gone


def test_an_address_of_ipv6_is_told_from_its_port() -> None:
    """It was told as ::1:20179:5557."""
    link = ParentLink("::1", 5557, TOKEN, "box")
    assert link.where == "[::1]:5557"
    link.close()
