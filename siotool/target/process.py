"""The embedded server as a child process: start it, know its URL, stop it.

It uses only the standard library, and nothing that gevent's monkey patching breaks: the
generator's parent process is a gevent process.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import IO, Self

from siotool.errors import TargetError


class TargetProcess:
    """A chat server on a loopback port (``siotool.target.serve``) that lives as long as its parent.

    ``url`` and ``pid`` are known once ``start`` has returned. Also a context manager.
    """

    def __init__(self, **options: float) -> None:
        """Remember options of ``siotool.target.serve``, such as ``tick_rate=10``; starts nothing."""
        self._command = [
            # -P: a user's folder may hold a file named like one of our libraries
            *(sys.executable, "-P", "-m", "siotool.target.serve"),
            *(f"--{name.replace('_', '-')}={value!r}" for name, value in options.items()),
            f"--parent={os.getpid()}",
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None
        self.url = ""
        self.pid = 0

    def start(self, timeout: float = 15.0) -> Self:
        """Start the server and wait until it accepts connections.

        Raises TargetError, with the server's stderr, when it ends first or is not ready
        within ``timeout`` seconds.
        """
        if self._process is not None:
            raise RuntimeError("this target was started already")
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            bufsize=0,
            start_new_session=True,  # a Ctrl-C is for the run, which then ends in order
        )
        try:
            line = self._first_line(time.monotonic() + timeout)
            ready = json.loads(line)
            self.url, self.pid = str(ready["url"]), int(ready["pid"])
        except (ValueError, KeyError, TypeError) as error:
            code = self._process.poll()
            state = f"within {timeout:g} s" if code is None else f"and ended with code {code}"
            message = f"the embedded target did not start {state}: {self._said()}".rstrip(": ")
            self.stop()
            raise TargetError(
                message, "run siotool target to see its messages, or give the URL of your own server"
            ) from error
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, timeout: float = 5.0) -> None:
        """End the server: ask it by closing its stdin, kill it after ``timeout`` seconds."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            if process.stdout is not None:
                process.stdout.close()
            if self._words is not None:
                self._words.close()
            self._process = self._words = None

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _first_line(self, deadline: float) -> bytes:
        """Read up to the first newline, the end of the pipe or the deadline."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0:
                return b""
            if poller.poll(left * 1000):
                part = os.read(descriptor, 4096)
                if not part:
                    self._process.wait(max(0.1, left))
                    return line
                line += part
        return line

    def _said(self) -> str:
        """Return the end of what the server wrote to stderr, on one line."""
        assert self._words is not None
        self._words.seek(0)
        text = self._words.read().decode(errors="replace")
        return "; ".join(line.strip() for line in text.splitlines() if line.strip())[-500:]
