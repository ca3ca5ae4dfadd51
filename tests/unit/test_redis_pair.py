"""A pair of Redis of a lab, of which one takes the other's place."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from siotool.errors import TargetError
from siotool.lab.lab_program import LabProgram
from siotool.lab.redis_pair import promote, redis_pair
from siotool.lab.running_lab import LabMember


class Replica:
    """What a Redis answers to AUTH and to REPLICAOF."""

    def __init__(self, answer: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer = answer
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(self.answer)

    def close(self) -> None:
        self.thread.join()
        self.listener.close()


@pytest.fixture
def replica(request: pytest.FixtureRequest) -> Iterator[Replica]:
    one = Replica(request.param)
    yield one
    one.close()


def member(program: LabProgram) -> LabMember:
    return LabMember(program.name, program.role, 1, program.port, "", list(program.command), "")


def lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line.split()[0] in ("replicaof", "masterauth")]


@pytest.mark.parametrize("replica", [b"+OK\r\n+OK\r\n"], indirect=True)
def test_after_a_failover_who_is_started_again_is_the_replica(replica: Replica, tmp_path: Path) -> None:
    """It came back as a second primary, and servers were connected to both."""
    pair = redis_pair(tmp_path, (6001, replica.port, 6003))
    first, second = map(member, pair.programs[:2])
    before = [lines(tmp_path / name) for name in ("redis.conf", "redis-2.conf")]
    assert before == [[], ["replicaof 127.0.0.1 6001", f"masterauth {pair.password}"]]
    promote(tmp_path, pair.password, second, first)
    after = [lines(tmp_path / name) for name in ("redis.conf", "redis-2.conf")]
    assert after == [[f"replicaof 127.0.0.1 {replica.port}", f"masterauth {pair.password}"], []]
    assert "port 6001" in (tmp_path / "redis.conf").read_text().splitlines()


@pytest.mark.parametrize("replica", [b"+OK\r\n-ERR no\r\n"], indirect=True)
def test_a_failover_that_fails_changes_nothing(replica: Replica, tmp_path: Path) -> None:
    pair = redis_pair(tmp_path, (6001, replica.port, 6003))
    first, second = map(member, pair.programs[:2])
    before = (tmp_path / "redis-2.conf").read_text()
    with pytest.raises(TargetError, match="redis-2 does not become primary"):
        promote(tmp_path, pair.password, second, first)
    assert (tmp_path / "redis-2.conf").read_text() == before
    assert lines(tmp_path / "redis.conf") == []
