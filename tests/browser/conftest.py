"""A real browser: opens a file and returns what it made of it, or visits a page until the page is done."""

import json
import os
import queue
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture
def chromium(require_tool, tmp_path):
    """The command that runs the browser without a window, and its options."""
    return [
        require_tool(*NAMES),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
    ]


@pytest.fixture
def browse(chromium):
    """Open a file; returns the page as drawn and what its console said."""

    def open_page(path, *, width, scheme="light", options=()):
        done = subprocess.run(
            [
                *chromium,
                f"--window-size={width},2000",
                f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
                "--virtual-time-budget=20000",
                *options,
                "--dump-dom",
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout, console

    return open_page


@pytest.fixture
def visit(chromium):
    """Serve files by their paths, visit ``/``, and return the JSON that the page posts to ``/done``."""

    def visit_page(files):
        said = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = files.get(self.path.partition("?")[0])
                self.send_response(404 if body is None else 200)
                self.send_header(
                    "Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html"
                )
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self):
                said.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            command = [*chromium, f"http://127.0.0.1:{server.server_port}/"]
            with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
                # its pipe is read to the end, however much it logs
                threading.Thread(target=process.stderr.read, daemon=True).start()
                try:
                    return said.get(timeout=60)
                finally:
                    os.killpg(process.pid, signal.SIGKILL)
                    server.shutdown()

    return visit_page
