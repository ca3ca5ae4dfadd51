"""Redis with a replica that can take its place, and HAProxy in front, which finds the one that is primary.

The health check is that of HAProxy's documentation for Redis (tcp-check): it asks each for its role. When
the primary is gone, what was connected to it is closed, so that clients of Redis connect again.
"""

import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from siotool.errors import TargetError
from siotool.lab.lab_program import LabProgram
from siotool.lab.running_lab import LabMember
from siotool.lab.tools import path_of
from siotool.yaml_template import filled

#: The names of its programs. Servers connect to the last one.
PRIMARY, REPLICA, DOOR = "redis", "redis-2", "redis-door"
_PATIENCE_S = 5.0


class RedisPair(msgspec.Struct, frozen=True):
    """Its programs in the order in which they start, and the password of all."""

    programs: list[LabProgram]
    password: str

    @property
    def url(self) -> str:
        """Where servers find the one that is primary."""
        return f"redis://:{self.password}@127.0.0.1:{self.programs[-1].port}"


def redis_alone(folder: Path, port: int, password: str, name: str = PRIMARY, primary: int = 0) -> LabProgram:
    """Write the configuration of a Redis, a replica of that on the port ``primary``; return its program."""
    file = _write_redis(folder, port, password, name, primary)
    command = [path_of("redis-server"), file]
    return LabProgram(name=name, role="backend", command=command, folder=folder, port=port)


def redis_pair(folder: Path, ports: Sequence[int]) -> RedisPair:
    """Write the configurations of a pair, and return it; ``ports`` are of primary, replica and HAProxy."""
    password = secrets.token_hex(16)
    first, second, door = ports
    pair = [
        redis_alone(folder, first, password),
        redis_alone(folder, second, password, REPLICA, first),
    ]
    written = filled("siotool.lab", "redis-door.cfg", {}, port=door, password=password, servers=pair)
    (folder / "redis-door.cfg").write_text(written, encoding="utf-8")
    command = [path_of("haproxy"), "-db", "-f", "redis-door.cfg"]
    return RedisPair(
        [*pair, LabProgram(name=DOOR, role="backend", command=command, folder=folder, port=door)], password
    )


def promote(folder: Path, password: str, new: LabMember, old: LabMember) -> None:
    """Make a replica primary, and what was primary its replica from its next start on.

    Raises TargetError when the replica does not answer so.
    """
    _make_primary(new, password)
    # as they were written, both would be primary, or each the replica of the other
    _write_redis(folder, new.port, password, new.name, 0)
    _write_redis(folder, old.port, password, old.name, new.port)


def _write_redis(folder: Path, port: int, password: str, name: str, primary: int) -> str:
    file = f"{name}.conf"
    given = {"file": file, "port": port, "password": password, "primary": primary}
    written = filled("siotool.lab", "redis.conf", {}, **given)
    (folder / file).write_text(written, encoding="utf-8")
    return file


def _make_primary(new: LabMember, password: str) -> None:
    asked = f"AUTH {password}\r\nREPLICAOF NO ONE\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", new.port), _PATIENCE_S) as connection:
            connection.sendall(asked)
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                answer += part
    except OSError as error:
        raise TargetError(f"{new.name} does not answer: {error}") from error
    if answer.count(b"+OK") < 2:
        raise TargetError(f"{new.name} does not become primary: {answer.decode(errors='replace').strip()}")
