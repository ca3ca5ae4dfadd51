"""A worker as its parent process sees it: a process, and the pipe that keeps it alive."""

import contextlib
import signal
import subprocess
import sys

import msgspec

from siotool.swarm.config import WorkerConfig

#: How long a worker whose pipe was closed may take to end.
_ENDING_S = 2.0


class WorkerProcess:
    """A worker process, which ends when the pipe to it is closed, and so when its parent has ended."""

    #: A worker that has not reported a second so long after its end is stopped, or in an endless loop.
    patience_s = 5.0

    def __init__(self, config: WorkerConfig, *, listen: bool = False) -> None:
        """``listen``: what it says on stderr can be read from ``process.stderr``, and is not shown."""
        self.number = config.engine.worker
        self.process = subprocess.Popen(
            # -P: a user's folder may hold a file named like one of our libraries
            [sys.executable, "-P", "-m", "siotool.swarm.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if listen else None,
            start_new_session=True,  # a Ctrl-C is for the parent, also before the worker could ignore it
        )
        self.tell(msgspec.json.encode(config))

    def tell(self, line: bytes) -> None:
        """Write a line to its pipe; waits while the process does not read, and the pipe is full."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended, or is to
            self.process.stdin.write(line + b"\n")
            self.process.stdin.flush()

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self.process.poll() is None

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        if code is None:
            return "still running"
        if code >= 0:
            return f"exit {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"killed by {name}"

    def kill(self) -> None:
        """Kill it, also when it is stopped."""
        self.process.kill()

    def hang_up(self) -> None:
        """Close the pipe, which ends it."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        """Wait for it to end; kill it when it does not."""
        try:
            self.process.wait(timeout=_ENDING_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
