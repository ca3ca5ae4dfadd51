"""Locust's master of a run: whom it numbers as a worker. In a process of its own, for Locust patches."""

import json
import subprocess
import sys
from typing import Any

import pytest

CODE = """
import json

from locust.env import Environment
from locust.rpc.protocol import Message

from siotool.swarm.admitting_runner import admitting_runner
from siotool.swarm.join_token import make_token
from siotool.swarm.secret_channel import use_token

use_token(make_token())
master = admitting_runner(Environment(), "127.0.0.1", 0)
heard = []
master.register_message("siotool_join", lambda environment, msg: heard.append(msg.node_id))


def say(kind, *nodes):
    for node in nodes:
        master.handle_message(node, Message(kind, -1, node))


say("siotool_join", "machine-a", "machine-b", "machine-a")
say("client_ready", "worker-a", "worker-b", "worker-a")
say("siotool_join", "machine-b")
master.complete = True
say("client_ready", "worker-c")
nodes = ("worker-a", "worker-b", "worker-c", "machine-a")
numbers = {node: master.get_worker_index(node) for node in nodes}
print(json.dumps({"heard": heard, "numbers": numbers, "workers": master.worker_count}))
master.greenlet.kill(block=True)
master.server.close(linger=0)
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_workers_are_numbered_from_0_on_whatever_machines_have_said_before(told: dict[str, Any]) -> None:
    """Scenarios split work by ``runner.worker_index``: machines took the first numbers."""
    assert told["numbers"] == {"worker-a": 0, "worker-b": 1, "worker-c": 2, "machine-a": -1}
    assert told["heard"] == ["machine-a", "machine-b", "machine-a", "machine-b"]


def test_a_worker_that_comes_late_gets_no_users_before_it_is_let_in(told: dict[str, Any]) -> None:
    assert told["workers"] == 2
