"""Machines that join a run: ``siotool worker``, here or in a network namespace of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.integration.conftest import Loadtest

#: Behind ``unshare`` a machine's monotonic clock is so many seconds ahead.
AHEAD_S = 5000
AHEAD = ("unshare", "-T", "--monotonic", str(AHEAD_S))


class WorkerMachine:
    """A ``siotool worker`` on its way, in a session and a folder of its own."""

    def __init__(self, place: Path, join: str, token_file: Path, options: list[str], inside: tuple[str, ...]):
        place.mkdir(parents=True)
        self._said = place / "stderr"
        with self._said.open("wb") as err:
            self.process = subprocess.Popen(
                [
                    *(*inside, sys.executable, "-m", "siotool", "worker"),
                    *("--join", join, "--token-file", str(token_file), *options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
                cwd=place,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has said on stderr by now."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def workers(self) -> list[psutil.Process]:
        """Its living workers, in the order of their numbers."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children(recursive=True)
            return sorted(
                (one for one in found if "siotool.swarm.worker" in one.cmdline()), key=lambda one: one.pid
            )
        return []

    def interrupt(self) -> None:
        """Press Ctrl-C there."""
        os.killpg(self.process.pid, signal.SIGINT)

    def finish(self, timeout: float = 40) -> int:
        """Wait for its end; returns its exit code."""
        return self.process.wait(timeout)

    def cut(self) -> None:
        """End whatever is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def worker_machines(folder: Path) -> Iterator[Callable[..., WorkerMachine]]:
    """Start machines: ``machine(port, "--processes", 2, inside=("ip", "netns", "exec", name))``."""
    started: list[WorkerMachine] = []

    def start(
        join: object, *options: Any, token_file: Path | None = None, inside: tuple[str, ...] = ()
    ) -> WorkerMachine:
        where = join if isinstance(join, str) else f"127.0.0.1:{join}"
        one = WorkerMachine(
            folder / f"machine-{len(started)}",
            where,
            token_file or folder / "token",
            [*map(str, options)],
            inside,
        )
        started.append(one)
        return one

    try:
        yield start
    finally:
        for one in started:
            one.cut()


def listening_port(test: Loadtest, until: Callable[..., Any]) -> int:
    """The port on which a run waits for workers, as it says."""
    found = until(lambda: re.search(r"workers on \S*:(\d+)", test.said), what="a line with the port")
    return int(found[1])
