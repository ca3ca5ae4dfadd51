"""A server in a process of its own, what it says it saw, and what it is told to do.

The programs are in tests/targets/servers, whose README.md has their lines and commands.
"""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[2] / "targets/servers"
PATIENCE_S = 20

Line = dict[str, Any]


class Server:
    """A running server: its address, its process, and the lines it printed so far."""

    def __init__(self, command: Sequence[str | Path], *, scheme: str = "http") -> None:
        """Start it and wait until it listens; fails the test when it ends before."""
        self._lines: list[Line] = []
        self._news = threading.Condition()
        self._ended = False
        self._number = 0
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            ready = self.wait_for("ready")
        except BaseException:
            self.stop()
            raise
        self.port: int = ready["port"]
        self.pid: int = ready["pid"]
        self.scheme = scheme
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def seen(self, kind: str | None = None, **fields: Any) -> list[Line]:
        """Return the lines of a kind whose fields have these values, in the order they came."""
        with self._news:
            return [line for line in self._lines if _fits(line, kind, fields)]

    def wait_for(self, kind: str, *, nth: int = 1, within_s: float = PATIENCE_S, **fields: Any) -> Line:
        """Return the ``nth`` such line as soon as it is there; fails the test when it does not come."""
        deadline = time.monotonic() + within_s
        with self._news:
            while len(found := [line for line in self._lines if _fits(line, kind, fields)]) < nth:
                if self._ended or not self._news.wait(max(0.0, deadline - time.monotonic())):
                    state = "it has ended" if self._ended else f"not within {within_s:g} s"
                    last = "\n".join(json.dumps(line, default=_spelled)[:500] for line in self._lines[-20:])
                    pytest.fail(
                        f"the server printed no {kind} {fields or ''} ({state}). Its last lines:\n{last}"
                    )
        return found[nth - 1]

    def tell(self, command: str, **fields: Any) -> Line:
        """Have it do something, such as ``tell("kick", close=True)``; returns its line ``done``."""
        self._number += 1
        number = self._number
        assert self.process.stdin is not None
        text = json.dumps({"number": number, "do": command, **fields}, default=_spelled)
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        done = self.wait_for("done", number=number)
        assert "error" not in done, done["error"]
        return done

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(10)

    def stop(self) -> None:
        """End it as its parent's end would: by closing its standard input."""
        with self.process:
            self.process.send_signal(signal.SIGCONT)
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
            self._reader.join(5)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line = json.loads(text, object_hook=_revived)
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Stop a server at the end."""
    try:
        yield server
    finally:
        server.stop()


def _fits(line: Line, kind: str | None, fields: dict[str, Any]) -> bool:
    return kind in (None, line["kind"]) and all(line.get(name) == value for name, value in fields.items())


def _revived(part: Line) -> Any:
    return base64.b64decode(part["base64"]) if part.keys() == {"base64"} else part


def _spelled(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def as_options(options: dict[str, Any]) -> str:
    """Spell options for a program; ``transports`` may be one name."""
    if isinstance(options.get("transports"), str):
        options = {**options, "transports": [options["transports"]]}
    return json.dumps(options, default=_spelled)
