"""A child process that prints a line of JSON once it is ready, and ends when its standard input closes.

It uses only the standard library, and nothing that gevent's monkey patching breaks: the
generator's parent process is a gevent process.
"""

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Any

from siotool.errors import TargetError

#: How long one may take to end that was sent SIGTERM: the keeper of a lab stops all of its programs first.
_LAST_S = 20.0


class ChildProcess:
    """A program that lives as long as its parent. ``what`` and ``hint`` are for its errors."""

    def __init__(self, command: Sequence[str], what: str, hint: str) -> None:
        self._command = command
        self._what = what
        self._hint = hint
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None
        #: What was read of its stdout and is not handed out.
        self._unread = b""

    @property
    def started(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._process is not None

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def start(self, timeout: float) -> dict[str, Any]:
        """Start it, and return what its first line says.

        Raises TargetError, with its stderr, when it ends first or is not ready within ``timeout`` seconds.
        """
        if self._process is not None:
            raise RuntimeError("this process was started already")
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
            ready = json.loads(self._first_line(time.monotonic() + timeout))
            if not isinstance(ready, dict):
                raise TypeError("no object")
        except (ValueError, TypeError) as error:
            code = self._process.poll()
            state = f"within {timeout:g} s" if code is None else f"and ended with code {code}"
            message = f"{self._what} did not start {state}: {self.said()}".rstrip(": ")
            self.stop()
            raise TargetError(message, self._hint) from error
        except BaseException:
            self.stop()
            raise
        return ready

    def more_lines(self, within_s: float) -> list[bytes]:
        """Return what else it says on stdout, line by line; waits so long for the first."""
        assert self._process is not None
        assert self._process.stdout is not None
        poller = select.poll()
        poller.register(self._process.stdout, select.POLLIN)
        if b"\n" not in self._unread and poller.poll(within_s * 1000):
            self._unread += os.read(self._process.stdout.fileno(), 65_536)
        whole, newline, self._unread = self._unread.rpartition(b"\n")
        return (whole + newline).splitlines()

    def tell(self, line: bytes) -> None:
        """Write a line to its standard input; one that has ended does not hear it."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + b"\n")

    def stop(self, timeout: float = 5.0) -> None:
        """End it: ask it by closing its stdin, and after ``timeout`` seconds by SIGTERM, then kill it.

        One that is still starting does not read its stdin: it has ``_LAST_S`` to leave nothing behind.
        """
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            if not _ends_within(process, timeout):
                process.terminate()
                if not _ends_within(process, _LAST_S):
                    process.kill()
                    process.wait()
        finally:
            if process.stdout is not None:
                process.stdout.close()
            if self._words is not None:
                self._words.close()
            self._process = self._words = None

    def _first_line(self, deadline: float) -> bytes:
        """Read up to the first newline, the end of the pipe or the deadline."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        self._unread = b""
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0:
                return b""
            if poller.poll(left * 1000):
                part = os.read(descriptor, 4096)
                if not part:
                    self._process.wait(max(0.1, left))
                    return self._unread
                self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def said(self) -> str:
        """Return the end of what it wrote to stderr, on one line."""
        assert self._words is not None
        self._words.seek(0)
        text = self._words.read().decode(errors="replace")
        return "; ".join(line.strip() for line in text.splitlines() if line.strip())[-500:]


def _ends_within(process: subprocess.Popen[bytes], timeout: float) -> bool:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True
