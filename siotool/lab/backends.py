"""What carries messages between the servers of a lab, and what keeps them: each private to it.

Redis and PostgreSQL and MongoDB carry; PostgreSQL, MongoDB and PouchDB Server, which speaks CouchDB's
protocol, keep. One program may do both.
"""

import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from siotool.errors import TargetError
from siotool.lab.lab import MOST_SERVERS, Lab
from siotool.lab.lab_program import LabProgram
from siotool.lab.redis_pair import redis_alone, redis_pair
from siotool.lab.tools import path_of, postgres_folder
from siotool.yaml_template import filled

#: Each server has a pool of ten connections and one that listens.
_CONNECTIONS = 11 * MOST_SERVERS
#: PostgreSQL refuses to run as root.
_USERS = ("postgres", "nobody")


class Backend(msgspec.Struct, frozen=True):
    """The program, and the URL under which servers find it, which holds a password.

    ``before`` are programs that start before it: a pair of Redis, of which one is promoted with ``password``.
    """

    program: LabProgram
    url: str
    before: Sequence[LabProgram] = ()
    password: str = ""


class Backends(msgspec.Struct, frozen=True):
    """Those of a lab: of its adapter and of its store, None where it has none; they may be the same."""

    adapter: Backend | None
    store: Backend | None

    @property
    def programs(self) -> list[LabProgram]:
        """Each of them once."""
        both = [one for one in (self.adapter, self.store) if one is not None]
        return list(
            {program.name: program for one in both for program in (*one.before, one.program)}.values()
        )

    def at(self, place: Callable[[str], str]) -> "Backends":
        """The same ones, which servers find where ``place`` says of their URLs."""
        moved = [
            None if one is None else msgspec.structs.replace(one, url=place(one.url))
            for one in (self.adapter, self.store)
        ]
        return Backends(*moved)


def backends_of(lab: Lab, folder: Path, data: Path, ports: Sequence[int]) -> Backends:
    """Write the configurations of a lab's backends to ``folder``, make their ``data``.

    ``ports`` are free ones: of what carries, of what keeps, and of a pair of Redis behind what carries.
    """
    adapter = "redis" if lab.adapter.startswith("redis") else lab.adapter
    carrier = _pair(folder, ports) if lab.replica else _backend(adapter, lab, folder, data, ports[0])
    if adapter == lab.store:
        return Backends(carrier, carrier)
    return Backends(carrier, _backend(lab.store, lab, folder, data, ports[1]))


def _backend(name: str, lab: Lab, folder: Path, data: Path, port: int) -> Backend | None:
    match name:
        case "redis":
            return _redis(folder, port)
        case "postgres":
            return _postgres(folder, data, port, keeps=lab.store == name)
        case "mongo":
            return _mongo(data, port)
        case "couchdb":
            return _couchdb(folder, data, port)
    return None


def _redis(folder: Path, port: int) -> Backend:
    password = secrets.token_hex(16)
    return Backend(redis_alone(folder, port, password), f"redis://:{password}@127.0.0.1:{port}")


def _pair(folder: Path, ports: Sequence[int]) -> Backend:
    front, _, *both = ports
    pair = redis_pair(folder, (*both, front))
    *before, door = pair.programs
    return Backend(door, pair.url, before, pair.password)


def _postgres(folder: Path, data: Path, port: int, *, keeps: bool) -> Backend:
    """Make a cluster of databases that only its password opens; what it ``keeps`` is to last."""
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
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"),
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
    written = filled(
        "siotool.lab",
        "postgresql.conf",
        {},
        port=port,
        connections=2 * _CONNECTIONS if keeps else _CONNECTIONS,
        keeps=keeps,
    )
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


def _couchdb(folder: Path, data: Path, port: int) -> Backend:
    """PouchDB Server: it writes what it makes of its configuration into the file itself."""
    kept = data / "couchdb"
    kept.mkdir()
    written = {"log": {"file": str(kept / "requests.log"), "level": "error"}}
    (folder / "couchdb.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    program = LabProgram(
        name="couchdb",
        role="backend",
        command=[
            *(path_of("node"), "node_modules/pouchdb-server/bin/pouchdb-server", "--config=couchdb.json"),
            *("--host=127.0.0.1", f"--port={port}", f"--dir={kept}", "--no-stdout-logs"),
        ],
        folder=folder,
        port=port,
    )
    return Backend(program, f"http://127.0.0.1:{port}")


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
