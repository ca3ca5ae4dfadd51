"""What Locust shows of a run itself: its CSV and HTML files, and its web UI on loopback."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust import html, stats

from siotool.errors import InputError
from siotool.swarm.redaction import Redaction
from siotool.swarm.web_guard import guard

CSV_PREFIX = "locust"
HTML_NAME = "locust.html"
HOST = "127.0.0.1"


def redact_messages(runner: Any, redaction: Redaction) -> None:
    """Hide secrets in what a worker's ``runner`` tells Locust's master: for its CSV, its HTML and its UI."""
    send: Callable[[Any], None] = runner.client.send

    def send_redacted(message: Any) -> None:
        if message.type == "exception":
            message.data.update({key: redaction.apply(text) for key, text in message.data.items()})
        elif message.type == "stats":
            for row in (*message.data["stats"], *message.data["errors"].values()):
                row["name"] = redaction.label(str(row["name"]))
            for row in message.data["errors"].values():
                row["error"] = redaction.apply(str(row["error"]))
        send(message)

    runner.client.send = send_redacted


def redact_exceptions(runner: Any, redaction: Redaction) -> None:
    """Hide secrets in the exceptions that a ``runner`` keeps for Locust's CSV, HTML and UI."""
    keep: Callable[[str, str, str], None] = runner.log_exception

    def keep_redacted(node_id: str, message: str, traceback: str) -> None:
        keep(node_id, redaction.apply(message), redaction.apply(traceback))

    runner.log_exception = keep_redacted


def redact_failures(statistics: Any, redaction: Redaction) -> None:
    """Hide secrets in the failures of operations that Locust's ``statistics`` keep."""
    keep: Callable[[str, str, str], None] = statistics.log_error

    def keep_redacted(method: str, name: str, error: object) -> None:
        text = error if isinstance(error, str) else repr(error)
        keep(method, name, redaction.apply(text))

    statistics.log_error = keep_redacted


class LocustFiles:
    """Locust's CSV files and HTML report of a run."""

    def __init__(self, environment: Any, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._writer = stats.StatsCSVFileWriter(
            environment, stats.PERCENTILES_TO_REPORT, str(folder / CSV_PREFIX), full_history=True
        )
        self._greenlet = gevent.spawn(self._writer.stats_writer)

    def finish(self) -> None:
        """Write what came last, and the HTML."""
        gevent.sleep(stats.CSV_STATS_INTERVAL_SEC)  # Locust's writer looks no more often
        self._greenlet.kill()
        self._writer.close_files()
        render: Callable[..., str] = html.get_html_report
        page = render(self._environment, show_download_link=False)
        (self._folder / HTML_NAME).write_text(page, encoding="utf-8")


def free_web_port(wanted: int) -> int:
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


def serve_web_ui(environment: Any, port: int) -> str:
    """Start the UI of a Locust environment and return its URL once it answers."""
    # Locust's UI reads the process's arguments as if they were its own
    del sys.argv[1:]
    ui = environment.create_web_ui(HOST, port)
    guard(ui.app, port)
    while getattr(ui, "server", None) is None or not ui.server.started:
        if ui.greenlet.dead:
            raise InputError(f"Locust's web UI did not start on port {port}", "choose another --web-port")
        gevent.sleep(0.01)
    return f"http://{HOST}:{port}"
