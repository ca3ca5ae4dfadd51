"""Locust's master of a run: whom it numbers as a worker."""

from collections.abc import Iterator

import locust.runners
import pytest
from locust.env import Environment
from locust.rpc.protocol import Message

from siotool.swarm.admitting_runner import MasterRunner, admitting_runner
from siotool.swarm.join_token import make_token
from siotool.swarm.secret_channel import use_token


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Iterator[MasterRunner]:
    monkeypatch.setattr(locust.runners, "rpc", locust.runners.rpc)  # given back
    use_token(make_token())
    runner = admitting_runner(Environment(), "127.0.0.1", 0)
    yield runner
    runner.greenlet.kill(block=True)
    runner.server.close(linger=0)


def test_workers_are_numbered_from_0_on_whatever_machines_have_said_before(master: MasterRunner) -> None:
    """Scenarios split work by ``runner.worker_index``: machines took the first numbers."""
    heard: list[str] = []
    master.register_message("siotool_join", lambda environment, msg: heard.append(msg.node_id))
    for node in ("machine-a", "machine-b", "machine-a"):
        master.handle_message(node, Message("siotool_join", None, node))
    for node in ("worker-a", "worker-b", "worker-a"):
        master.handle_message(node, Message("client_ready", -1, node))
    master.handle_message("machine-b", Message("siotool_join", None, "machine-b"))
    nodes = ("worker-a", "worker-b", "machine-a")
    assert [master.get_worker_index(node) for node in nodes] == [0, 1, -1]
    assert heard == ["machine-a", "machine-b", "machine-a", "machine-b"]


def test_a_worker_that_comes_late_has_the_next_number(master: MasterRunner) -> None:
    master.handle_message("worker-a", Message("client_ready", -1, "worker-a"))
    master.complete = True
    master.handle_message("worker-b", Message("client_ready", -1, "worker-b"))
    assert master.get_worker_index("worker-b") == 1
    assert master.worker_count == 1
