"""A worker as the parent sees it: a process at the other end of a pipe."""

import subprocess
import sys

import msgspec

from siotool.swarm.worker import WorkerOrders


class WorkerProcess:
    """A worker process and the pipe that keeps it alive."""

    def __init__(self, number: int, orders: WorkerOrders) -> None:
        self.number = number
        self.process = subprocess.Popen(
            # -P: a user's folder may hold a file named like one of our libraries
            [sys.executable, "-P", "-m", "siotool.swarm.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the parent, also before the worker could ignore it
        )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(orders) + b"\n")
        self.process.stdin.flush()

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self.process.poll() is None

    def end(self) -> None:
        """Close the pipe, which ends it; kill what does not listen."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
