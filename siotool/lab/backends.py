"""What carries messages between the servers of a lab: Redis, PostgreSQL, MongoDB, each private to it."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from siotool.errors import TargetError
from siotool.lab.lab import MOST_SERVERS, Lab
from siotool.lab.lab_program import LabProgram
from siotool.lab.tools import path_of, postgres_folder
from siotool.yaml_template import filled

#: Each server has a pool of ten connections and one that listens.
_CONNECTIONS = 11 * MOST_SERVERS
#: PostgreSQL refuses to run as root.
_USERS = ("postgres", "nobody")


class Backend(msgspec.Struct, frozen=True):
    """The program, and the URL under which servers find it, which holds a password."""

    program: LabProgram
    url: str


def backend_of(lab: Lab, folder: Path, data: Path, port: int) -> Backend | None:
    """Write the configuration of a lab's backend to ``folder``, make its ``data``; None where it has none."""
    if lab.adapter.startswith("redis"):
        return _redis(folder, port)
    if lab.adapter == "postgres":
        return _postgres(folder, data, port)
    return _mongo(data, port) if lab.adapter == "mongo" else None


def _redis(folder: Path, port: int) -> Backend:
    password = secrets.token_hex(16)
    written = filled("siotool.lab", "redis.conf", {}, port=port, password=password)
    (folder / "redis.conf").write_text(written, encoding="utf-8")
    program = LabProgram(
        name="redis",
        role="backend",
        command=[path_of("redis-server"), "redis.conf"],
        folder=folder,
        port=port,
    )
    return Backend(program, f"redis://:{password}@127.0.0.1:{port}")


def _postgres(folder: Path, data: Path, port: int) -> Backend:
    """Make a cluster of databases that only its password opens."""
    place = postgres_folder()
    assert place is not None, "looked for before anything starts"
    user = next((name for name in _USERS if _known(name)), "") if os.geteuid() == 0 else ""
    password = secrets.token_hex(16)
    secret = data / "password"
    secret.write_text(password, encoding="ascii")
    if user:
        for path in (data, secret):
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
    kept = data / "postgres"
    identity: dict[str, Any] = (
        {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    )
    done = subprocess.run(
        [
            *(str(place / "initdb"), "--pgdata", str(kept), "--username=postgres", f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
        ],
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    secret.unlink()
    if done.returncode:
        raise TargetError(f"initdb failed: {' '.join(done.stderr.split())[-400:]}", "is the disk full?")
    written = filled("siotool.lab", "postgresql.conf", {}, port=port, connections=_CONNECTIONS)
    for place_of_file in (folder, kept):
        (place_of_file / "postgresql.conf").write_text(written, encoding="utf-8")
    program = LabProgram(
        name="postgres",
        role="backend",
        command=[str(place / "postgres"), "-D", str(kept)],
        folder=data,
        port=port,
        asked=[str(place / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={port}"],
        end=signal.SIGINT,  # "fast": it waits for no client
        user=user,
    )
    return Backend(program, f"postgres://postgres:{password}@127.0.0.1:{port}/postgres")


def _mongo(data: Path, port: int) -> Backend:
    kept = data / "mongo"
    kept.mkdir()
    program = LabProgram(
        name="mongo",
        role="backend",
        command=[
            *(path_of("mongod"), "--dbpath", str(kept), "--bind_ip", "127.0.0.1", "--port", str(port)),
            *("--replSet", "lab", "--nounixsocket"),
        ],
        folder=data,
        port=port,
    )
    return Backend(program, f"mongodb://127.0.0.1:{port}")


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
