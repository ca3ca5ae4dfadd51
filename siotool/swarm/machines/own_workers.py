"""The workers that a machine has started for a run."""

import sys
import threading
from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from siotool.printable import one_line
from siotool.swarm.config import WorkerConfig
from siotool.swarm.machines.clock_comparison import ClockReading
from siotool.swarm.worker_process import WorkerProcess

#: Characters of a worker's last words that are passed on.
_WORDS = 300


class _HeardWorker:
    """A worker, and what it said last on stderr; all of that is shown here."""

    def __init__(self, config: WorkerConfig) -> None:
        self.worker = WorkerProcess(config, listen=True)
        self.told = False
        self._last = ""
        assert self.worker.process.stderr is not None
        self._listener = threading.Thread(
            target=self._listen, args=(self.worker.process.stderr,), daemon=True
        )
        self._listener.start()

    @property
    def ending(self) -> str:
        """How it ended, and its last words."""
        self._listener.join(timeout=1)
        return f"{self.worker.ending}: {self._last}" if self._last else self.worker.ending

    def _listen(self, stream: IO[bytes]) -> None:
        for line in stream:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
            self._last = one_line(line.decode("utf-8", "replace"), _WORDS) or self._last


class OwnWorkers:
    """Starts them, tells them the time, and knows which have ended."""

    def __init__(self) -> None:
        self._workers: dict[int, _HeardWorker] = {}

    def __bool__(self) -> bool:
        return bool(self._workers)

    def start(self, configs: Iterable[WorkerConfig]) -> None:
        """Start a process for each; it does not wait for them."""
        for config in configs:
            self._workers[config.engine.worker] = _HeardWorker(config)

    def tell_time(self, reading: ClockReading) -> None:
        """Tell all of them how far this machine's clock is ahead of the parent's."""
        line = msgspec.json.encode(reading)
        for one in self._workers.values():
            if one.worker.alive:
                one.worker.tell(line)

    def ended(self) -> Iterator[tuple[int, str]]:
        """Number and ending of those that have ended since the last call."""
        for number, one in self._workers.items():
            if not one.told and not one.worker.alive:
                one.told = True
                yield number, one.ending

    def kill(self, number: int) -> None:
        """Kill one."""
        if (one := self._workers.get(number)) is not None:
            one.worker.kill()

    def end(self) -> None:
        """End all of them, and wait."""
        for one in self._workers.values():
            one.worker.hang_up()
        for one in self._workers.values():
            one.worker.end()
