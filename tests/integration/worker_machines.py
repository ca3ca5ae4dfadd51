"""Machines that join a run: ``siotool worker``, here or in a network namespace of its own."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
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


@contextmanager
def slow_way(port: int, delay_s: float) -> Iterator[int]:
    """A port that leads to another one, and lets what goes there, and not what comes back, take longer."""
    loop = asyncio.new_event_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
        arrived: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await arrived.get()
                await asyncio.sleep(at - loop.time())
                writer.write(data)
                if not data:
                    writer.close()
                    return

        delivering = asyncio.ensure_future(deliver())
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                arrived.put_nowait((loop.time() + delay_s, data))
        arrived.put_nowait((loop.time() + delay_s, b""))
        with suppress(OSError):
            await delivering

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, to_writer, delay_s), carry(to_reader, writer, 0.0))

    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def stop() -> None:
        server.close()
        own = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not own]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
