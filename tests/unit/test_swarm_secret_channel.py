"""Who may take a worker's name over. In a process of its own, for Locust patches."""

import json
import subprocess
import sys
from typing import Any

import pytest

CODE = """
import json

import gevent
import zmq
from locust.rpc.protocol import Message

from siotool.swarm.join_token import call_with, keys_of, make_token
from siotool.swarm.run_address import endpoint
from siotool.swarm.secret_channel import Calling, Listening, use_token

NAME = "worker_1"
use_token(make_token())


def say(one, kind):
    one.send(Message(kind, None, NAME))


def hear(listening):
    "Whom the run hears within some seconds, and what; None: nobody."
    with gevent.Timeout(5, False):
        sender, message = listening.recv_from_client()
        return [sender, message.type]


def answer(listening, one):
    "Whether an answer of the run reaches one end."
    listening.send_to_client(Message("answer", None, NAME))
    with gevent.Timeout(5, False):
        return one.recv().type == "answer"


def connected_again():
    listening = Listening("127.0.0.1", 0)
    first = Calling("127.0.0.1", listening.port, NAME)
    say(first, "first")
    found = [hear(listening)]
    again = Calling("127.0.0.1", listening.port, NAME)
    say(again, "again")
    return [*found, hear(listening), answer(listening, again)]


def rogue():
    listening = Listening("127.0.0.1", 0)
    worker = Calling("127.0.0.1", listening.port, NAME)
    say(worker, "first")
    found = [hear(listening)]
    dealer = zmq.Context.instance().socket(zmq.DEALER)
    dealer.setsockopt(zmq.IDENTITY, NAME.encode())
    call_with(keys_of(make_token()), dealer)
    events = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    dealer.connect(endpoint("127.0.0.1", listening.port))
    dealer.send(Message("forged", None, NAME).serialize())
    turned_away = events.poll(10_000) and int.from_bytes(events.recv_multipart()[0][:2], "little")
    found += [turned_away == zmq.EVENT_DISCONNECTED, answer(listening, worker)]
    say(worker, "second")
    return [*found, hear(listening)]


print(json.dumps({"again": connected_again(), "rogue": rogue()}), flush=True)
__import__("os")._exit(0)  # whatever still waits to be sent
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_worker_that_connects_again_is_heard_though_its_old_connection_seems_to_be_there(
    told: dict[str, Any],
) -> None:
    """A connection that a firewall dropped is noticed late: until then its worker was not heard again."""
    assert told["again"] == [["worker_1", "first"], ["worker_1", "again"], True]


def test_nobody_without_the_token_takes_over_a_workers_name(told: dict[str, Any]) -> None:
    assert told["rogue"] == [["worker_1", "first"], True, True, ["worker_1", "second"]]
