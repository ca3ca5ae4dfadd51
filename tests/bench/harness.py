"""Processes under the bench: the server, a client's process tree, and what they use."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.clients import Client, Counts, Load
from tests.bench.figures import Window
from tests.bench.process_use import anonymous_bytes, cpu_seconds
from tests.bench.server_process import AnyServer, BenchError, Server

PATIENCE_S = 60


@dataclass(frozen=True)
class Reading:
    """CPU seconds used so far by each process of a client and by the whole machine, at a moment."""

    at: float
    cpu_s: dict[int, float]
    machine_s: float

    def until(self, later: "Reading") -> Window:
        if self.cpu_s.keys() != later.cpu_s.keys():
            raise BenchError("a process of the client started or ended within the window")
        return Window(
            seconds=later.at - self.at,
            cpu_s=sum(later.cpu_s.values()) - sum(self.cpu_s.values()),
            machine_cpu_s=later.machine_s - self.machine_s,
        )


class Running:
    """A client's processes while it runs."""

    def __init__(self, client: Client, load: Load, url: str, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._log = (folder / "output.txt").open("wb")
        self._process = subprocess.Popen(
            client.command(load, url, folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def read(self) -> Reading:
        """CPU used so far by every process."""
        used = {process.pid: cpu_seconds(process.pid) for process in self._tree()}
        return Reading(time.monotonic(), used, _machine_cpu_s())

    def memory_bytes(self) -> int:
        """Anonymous resident memory of all processes.

        What is mapped from files does not grow with connections, but its proportional share
        changes with every other process on the machine that maps the same libraries.
        """
        return sum(anonymous_bytes(process.pid) for process in self._tree())

    def await_users(self, server: AnyServer, users: int) -> int:
        """Wait until the server has that many members, or more; returns how many."""
        deadline = time.monotonic() + PATIENCE_S
        while (now := server.connected()) < users:
            if self._process.poll() is not None:
                raise BenchError(f"{self._client.name} ended: {self._said()}")
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{self._client.name} has {now} of {users} users after {PATIENCE_S} s: {self._said()}"
                )
            time.sleep(0.1)
        return now

    def finish(self) -> Counts:
        """Stop the client in order, and return what it counted."""
        self._process.send_signal(self._client.stop)
        try:
            self._process.wait(PATIENCE_S)
            return self._client.counts(self._folder)
        except (subprocess.TimeoutExpired, OSError, StopIteration) as error:
            raise BenchError(f"{self._client.name} left no counts: {self._said()}") from error

    def close(self) -> None:
        """End whatever still runs."""
        for process in self._tree():
            process.kill()
        self._process.wait()
        self._log.close()

    def _tree(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _said(self) -> str:
        return (self._folder / "output.txt").read_text(errors="replace")[-500:]


@contextmanager
def starting(client: Client, load: Load, server: AnyServer) -> Iterator[Running]:
    """Start a client, and end it and the server at the end."""
    try:
        with tempfile.TemporaryDirectory(prefix="siotool-bench-") as name:
            process = Running(client, load, server.url, Path(name))
            try:
                yield process
            finally:
                process.close()
    finally:
        server.close()


@contextmanager
def running(client: Client, load: Load) -> Iterator[tuple[Server, Running]]:
    """Start a server of its own and a client, and wait until all users are connected."""
    server = Server()
    with starting(client, load, server) as process:
        process.await_users(server, load.users)
        yield server, process


def _machine_cpu_s() -> float:
    """CPU seconds that the machine's cores were not free, what other guests stole included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
