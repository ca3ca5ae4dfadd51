"""The channel between a run and its workers: who may take a name over, and over which address it goes."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import locust.runners
import pytest
import zmq
from locust.rpc.protocol import Message

from siotool.swarm import run_address
from siotool.swarm.join_token import call_with, keys_of, make_token
from siotool.swarm.machines import parent_link
from siotool.swarm.machines.machine_session import is_gone
from siotool.swarm.machines.parent_link import ParentLink
from siotool.swarm.run_address import endpoint, wants_ipv6
from siotool.swarm.secret_channel import Calling, Listening, use_token

TOKEN = make_token()
NAME = "worker_1"


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The run's end on a free port; whatever waits for it for longer than a test may, ends."""
    monkeypatch.setattr(locust.runners, "rpc", locust.runners.rpc)  # given back
    use_token(TOKEN)
    one = Listening("127.0.0.1", 0)
    with gevent.Timeout(20):
        yield one
    one.close(linger=0)


@pytest.fixture
def calling(listening: Any) -> Iterator[Callable[[], Any]]:
    """Makes another end of the channel, each by the same name."""
    made: list[Any] = []

    def make() -> Any:
        made.append(Calling("127.0.0.1", listening.port, NAME))
        return made[-1]

    yield make
    for one in made:
        one.close(linger=0)


def test_a_worker_that_connects_again_is_heard_though_its_old_connection_seems_to_be_there(
    listening: Any, calling: Any
) -> None:
    """A connection that a firewall dropped is noticed late: until then its worker was not heard again."""
    calling().send(Message("first", None, NAME))
    assert listening.recv_from_client()[1].type == "first"
    again = calling()
    again.send(Message("again", None, NAME))
    sender, message = listening.recv_from_client()
    assert (sender, message.type) == (NAME, "again")
    listening.send_to_client(Message("answer", None, NAME))
    assert again.recv().type == "answer"


def test_nobody_without_the_token_takes_over_a_workers_name(listening: Any, calling: Any) -> None:
    worker = calling()
    worker.send(Message("first", None, NAME))
    assert listening.recv_from_client()[1].type == "first"
    with zmq.Context() as context, context.socket(zmq.DEALER) as rogue:
        rogue.setsockopt(zmq.IDENTITY, NAME.encode())
        rogue.setsockopt(zmq.LINGER, 0)
        call_with(keys_of(make_token()), rogue)
        events = rogue.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        rogue.connect(endpoint("127.0.0.1", listening.port))
        rogue.send(Message("forged", None, NAME).serialize())
        assert events.poll(10_000), "it was turned away"
        event = int.from_bytes(events.recv_multipart()[0][:2], "little")
        rogue.disable_monitor()
        events.close(linger=0)
        assert event == zmq.EVENT_DISCONNECTED
        listening.send_to_client(Message("answer", None, NAME))
        assert worker.recv().type == "answer"
        worker.send(Message("second", None, NAME))
        assert listening.recv_from_client()[1].type == "second"


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
    assert [endpoint(host, 5557) for host in ("run", "::1")] == ["tcp://run:5557", "tcp://[::1]:5557"]


def connected(link: ParentLink) -> bool:
    for _ in range(100):
        link.receive(0.1)
        if link.connected:
            return True
    return False


def test_a_machine_joins_at_a_name_that_has_an_ipv6_address_too(listening: Any) -> None:
    """ZeroMQ takes the first address of a name, and tries no other: it never joined."""
    families = {family for family, *_ in socket.getaddrinfo("localhost", None)}
    if socket.AF_INET6 not in families:
        pytest.skip("localhost has no IPv6 address here")
    link = ParentLink("localhost", listening.port, TOKEN, "box")
    assert connected(link)
    link.close()


def test_a_machine_waits_for_a_name_that_has_no_address_yet(
    listening: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster knows the name of a run once its container is there, which may start after the workers'."""
    answers = iter([None, None, False])
    monkeypatch.setattr(parent_link, "wants_ipv6", lambda host: next(answers))
    monkeypatch.setattr(parent_link, "_LOOK_UP_S", 0.0)
    link = ParentLink("127.0.0.1", listening.port, TOKEN, "box")
    link.send("siotool_leaving")  # to nobody, and no error
    assert connected(link)
    link.close()


def test_a_link_knows_when_its_connection_broke(listening: Any) -> None:
    link = ParentLink("127.0.0.1", listening.port, TOKEN, "box")
    assert connected(link)
    before = link.broken_at
    listening.close(linger=0)
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
