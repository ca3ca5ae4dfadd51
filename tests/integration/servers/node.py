"""Servers on Node.js: Socket.IO 2.5, 3.1 and 4.8, a NestJS gateway, Feathers."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import pytest

from tests.integration.servers.process import PROGRAMS, Server, as_options, running

Version = Literal["2", "3", "4"]


def node() -> str:
    """Return the path of Node.js; skips the test where it, or the servers' packages, are missing."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    if not (PROGRAMS / "node_modules").is_dir():
        pytest.skip("tests/targets/servers is not installed: run make node")
    return found


@contextmanager
def node_server(version: Version = "4", **options: Any) -> Iterator[Server]:
    """Run Socket.IO on Node.js: ``node_server("2", transports="polling", pingInterval=500)``."""
    with _program("socketio.mjs", version, **options) as server:
        yield server


@contextmanager
def node_servers(count: int, version: Version = "4", **options: Any) -> Iterator[list[Server]]:
    """Run several that know nothing of each other, as the backends of a proxy."""
    with ExitStack() as stack:
        yield [stack.enter_context(node_server(version, **options)) for _ in range(count)]


@contextmanager
def quoting_server(**options: Any) -> Iterator[Server]:
    """Run Socket.IO 4 that quotes back what clients show it."""
    with _program("quotes.mjs", **options) as server:
        yield server


@contextmanager
def measured_server(**options: Any) -> Iterator[Server]:
    """Run Socket.IO 4 with metrics at /metrics and the admin UI: ``admin={"username": …, "password": …}``."""
    if not (PROGRAMS / "node_modules/prom-client").is_dir():
        pytest.skip("prom-client is not installed: run make node")
    with _program("measured.mjs", quiet=True, **options) as server:
        yield server


@contextmanager
def nest_server(**options: Any) -> Iterator[Server]:
    """Run a NestJS gateway; it answers several arguments as one array."""
    with _program("nest.mjs", **options) as server:
        yield server


@contextmanager
def feathers_server(**options: Any) -> Iterator[Server]:
    """Run Feathers with its Socket.IO transport and a service ``messages``."""
    with _program("feathers.mjs", **options) as server:
        yield server


@contextmanager
def _program(name: str, *arguments: str, **options: Any) -> Iterator[Server]:
    command = [node(), PROGRAMS / name, *arguments, as_options(options)]
    with running(Server(command, scheme="https" if options.get("tls") else "http")) as server:
        yield server
