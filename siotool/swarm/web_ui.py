"""Locust's own web UI, on loopback, for as long as a run takes."""

import socket
import sys
from typing import Any

import gevent

from siotool.errors import InputError

HOST = "127.0.0.1"


def free_port(wanted: int) -> int:
    """The port itself when it is free, any free one for 0. Raises InputError when it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise InputError(
                f"port {wanted} is not free for the web UI: {error.strerror}", "choose another --web-port"
            ) from error
        return int(probe.getsockname()[1])


def serve(environment: Any, port: int) -> str:
    """Start the UI of a Locust environment and return its URL once it answers."""
    # Locust's UI reads the process's arguments as if they were its own
    del sys.argv[1:]
    ui = environment.create_web_ui(HOST, port)
    while getattr(ui, "server", None) is None or not ui.server.started:
        if ui.greenlet.dead:
            raise InputError(f"Locust's web UI did not start on port {port}", "choose another --web-port")
        gevent.sleep(0.01)
    return f"http://{HOST}:{port}"
