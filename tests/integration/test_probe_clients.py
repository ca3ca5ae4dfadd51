"""The table of clients, held against the clients: each connects or not, with the options that are said."""

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from siotool.probe.probe_result import ClientRow
from tests.integration.probing import probe
from tests.integration.servers.node import node, node_server, node_servers
from tests.integration.servers.process import PROGRAMS
from tests.integration.servers.proxy import haproxy
from tests.integration.servers.tls import make_certificates

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: How an option is written in the table, and for talk.mjs.
JAVASCRIPT: dict[str, dict[str, Any]] = {
    "as it is": {},
    'transports: ["websocket"]': {"transports": ["websocket"]},
    'parser: require("socket.io-msgpack-parser")': {"msgpack": True},
}


@contextmanager
def one(version: Any = "4", **options: Any) -> Iterator[str]:
    with node_server(version, quiet=True, **options) as server:
        yield server.url


@contextmanager
def not_sticky() -> Iterator[str]:
    with ExitStack() as stack:
        servers = stack.enter_context(node_servers(2, quiet=True))
        yield stack.enter_context(haproxy(servers, sticky="none")).url


TARGETS: dict[str, Callable[[], Any]] = {
    "Socket.IO 2": lambda: one("2"),
    "Socket.IO 4": one,
    "both revisions": lambda: one(allowEIO3=True),
    "long polling alone": lambda: one(transports="polling"),
    "WebSocket alone": lambda: one(transports="websocket"),
    "MessagePack": lambda: one(msgpack=True),
    "not sticky": not_sticky,
}


def in_javascript(row: ClientRow, url: str) -> bool:
    options: dict[str, Any] = {}
    for part in row.how.split(", ") if row.connects else ():
        options |= JAVASCRIPT[part]
    command = [node(), PROGRAMS / "talk.mjs", row.name[-1], url, json.dumps({"timeout": 2000, **options})]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return bool(json.loads(done.stdout).get("connected"))


def in_python(row: ClientRow, url: str) -> bool:
    given: dict[str, Any] = {"serializer": "msgpack"} if "msgpack" in row.how else {}
    transports = ["websocket"] if "websocket" in row.how else None
    client = socketio.Client(reconnection=False, **given)
    try:
        client.connect(url, transports=transports, wait_timeout=2)
    except socketio.exceptions.ConnectionError:
        return False
    client.disconnect()
    return True


@pytest.mark.parametrize("name", TARGETS)
def test_a_client_connects_as_the_table_says(name: str) -> None:
    with TARGETS[name]() as url:
        rows = {row.name: row for row in probe(url).clients}
        tried = {f"socket.io-client {version}": in_javascript for version in "234"}
        tried["python-socketio 5"] = in_python
        seen = {client: connects(rows[client], url) for client, connects in tried.items()}
    assert seen == {client: rows[client].connects for client in tried}, rows


def test_the_command_line_of_the_table_loads_the_target(loadtest: Callable[..., Any], tmp_path: Path) -> None:
    """All that may differ, over two targets: revision, transport, parser; path, namespaces, certificate."""
    files = make_certificates(tmp_path)
    with (
        one("2", msgpack=True, transports="polling") as first,
        one("4", transports="websocket", path="/app/", tls=files.server()) as second,
    ):
        results = [
            probe(first),
            probe(second, "/app/", namespaces=("/chat", "/dyn-7"), ca_file=str(files.ca)),
        ]
        for result in results:
            program, command, *words = shlex.split(result.clients[-1].how)
            assert (program, command, result.clients[-1].connects) == ("siotool", "loadtest", True)
            done = loadtest(*words, "--users", "1", "--run-time", "2s")
            assert done.code in (0, 5), (words, done.stderr)  # a busy machine is no fault of the options
            assert done.report["connections"]["peak"] == 1
