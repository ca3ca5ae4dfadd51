"""A program of a lab that runs: started, waited for, ended with all its children and with its parent."""

import contextlib
import ctypes
import json
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from siotool.errors import TargetError
from siotool.lab.lab_program import LabProgram

#: prctl(2): the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


class RunningProgram:
    """One process, and what it started itself. What it says goes to ``log``."""

    def __init__(self, program: LabProgram, log: Path) -> None:
        """Start it."""
        self.program = program
        self.log = log
        self.said: dict[str, Any] = {}
        identity: dict[str, Any] = {}
        if program.user:  # its group may have another name: that of nobody is nogroup on Debian
            identity = {"user": program.user, "group": pwd.getpwnam(program.user).pw_gid, "extra_groups": []}
        with log.open("ab") as words:
            #: What stands in its log before is of an earlier process.
            self._begin = words.tell()
            #: Bytes of its own that were read, and the lines of JSON among them.
            self._read = 0
            self._lines: list[dict[str, Any]] = []
            self.process = subprocess.Popen(
                program.command,
                cwd=program.folder,
                env={**os.environ, **program.environment},
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=words,
                start_new_session=True,
                preexec_fn=end_with(os.getpid(), program.end),  # noqa: PLW1509 - the keeper has no threads
                **identity,
            )

    def wait_until_ready(self, deadline: float) -> None:
        """Raise TargetError with its last words when it ends first, or is not ready in time."""
        while not self.ready():
            if time.monotonic() > deadline:
                raise self._failure("is not ready in time")
            time.sleep(0.02)

    def ready(self) -> bool:
        """Whether it is ready. Raises TargetError with its last words when it has ended instead."""
        if self._is_ready():
            return True
        code = self.process.poll()
        if code is not None:
            raise self._failure(f"ended with code {code}")
        return False

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines of JSON that it has said; only what is new in its log is read."""
        with self.log.open("rb") as stream:
            stream.seek(self._begin + self._read)
            whole, newline, _ = stream.read().rpartition(b"\n")
        self._read += len(whole + newline)
        for line in whole.splitlines():
            if line.startswith(b"{"):
                with contextlib.suppress(ValueError):
                    self._lines.append(json.loads(line))
        return list(self._lines)

    def ask_to_end(self) -> None:
        """Have it end in order."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        if not self.program.speaks and self.process.poll() is None:
            self.process.send_signal(self.program.end)

    def end(self, deadline: float) -> None:
        """Wait for its end, and kill what is left of it after the deadline."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.1, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _is_ready(self) -> bool:
        if self.program.speaks:
            return self._speaks()
        if self.program.asked:
            done = subprocess.run(self.program.asked, capture_output=True, check=False)
            return done.returncode == 0
        with socket.socket() as trial:
            trial.settimeout(1)
            return trial.connect_ex(("127.0.0.1", self.program.port)) == 0

    def _speaks(self) -> bool:
        self.said = next(iter(self.lines()), {})
        return bool(self.said)

    def _failure(self, state: str) -> TargetError:
        lines = self._words().splitlines()
        last = "; ".join(line.strip() for line in lines if line.strip())[-500:]
        return TargetError(
            f"{self.program.name} of the lab {state}: {last}".rstrip(": "), f"its words are in {self.log}"
        )

    def _words(self) -> str:
        with self.log.open("rb") as stream:
            stream.seek(self._begin)
            return stream.read().decode("utf-8", "replace")


def end_with(parent: int, number: int) -> Callable[[], None]:
    """Return what arranges, in a child, that it gets a signal when its parent ends; on Linux only."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return lambda: None

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)

    return arrange
