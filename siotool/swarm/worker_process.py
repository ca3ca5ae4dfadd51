"""A worker as the parent sees it: a process at the other end of a pipe."""

import contextlib
import signal
import subprocess
import sys

import msgspec

from siotool.swarm.worker import WorkerConfig

#: How long a worker whose pipe was closed may take to end.
_PATIENCE_S = 2.0


class WorkerProcess:
    """A worker process and the pipe that keeps it alive."""

    def __init__(self, number: int, config: WorkerConfig) -> None:
        self.number = number
        self.process = subprocess.Popen(
            # -P: a user's folder may hold a file named like one of our libraries
            [sys.executable, "-P", "-m", "siotool.swarm.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the parent, also before the worker could ignore it
        )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(config) + b"\n")
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
        """End it at once, whatever it is doing; also one that is stopped."""
        self.process.kill()

    def hang_up(self) -> None:
        """Close the pipe, which ends it."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        """Close the pipe; kill what does not listen."""
        self.hang_up()
        try:
            self.process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
