"""Servers in Python: python-socketio under uvicorn and under aiohttp, Flask-SocketIO with threads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from tests.integration.servers.process import PROGRAMS, Server, as_options, running

Kind = Literal["asgi", "aiohttp", "flask"]

FILES = {"asgi": "asgi.py", "aiohttp": "aiohttp_app.py", "flask": "flask_app.py"}


@contextmanager
def python_server(kind: Kind, **options: Any) -> Iterator[Server]:
    """Run one: ``python_server("flask", transports="polling", ping_interval=1)``."""
    command = [sys.executable, PROGRAMS / FILES[kind], as_options(options)]
    with running(Server(command, scheme="https" if options.get("tls") else "http")) as server:
        yield server
