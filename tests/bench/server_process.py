"""Servers under the bench, each a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.bench.figures import queued_bytes
from tests.bench.process_use import cpu_seconds

HERE = Path(__file__).parent
NODE_SERVER = HERE.parent / "targets/node/server.mjs"
PATIENCE_S = 60


class BenchError(Exception):
    """A client or the server did not do what a measurement needs."""


class AnyServer:
    """A server process that clients connect to."""

    def __init__(self, command: list[str], address: str = "127.0.0.1") -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.ready = ready = self._answer()
        self.port: int = ready["port"]
        self.pid: int = self._process.pid
        self.url = f"http://{address}:{self.port}"

    def connected(self) -> int:
        """Members connected now."""
        raise NotImplementedError

    def cpu_s(self) -> float:
        return cpu_seconds(self.pid)

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("the bench's server ended")
        answer: dict[str, int] = json.loads(line)
        return answer


class NodeServer(AnyServer):
    """A running tests/targets/node/server.mjs, which speaks every transport."""

    def __init__(self) -> None:
        super().__init__(["node", str(NODE_SERVER)])

    def connected(self) -> int:
        with urlopen(f"{self.url}/counters") as answer:
            return int(json.load(answer)["connected"])


class Server(AnyServer):
    """A running tests/bench/server.py at a loopback address."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__([sys.executable, str(HERE / "server.py"), address], address)

    def connected(self) -> int:
        return self.stats()["connected"]

    def peer_with(self, others: Iterable["Server"]) -> None:
        """What clients say here goes to the rooms of other servers, too."""
        self._command({"do": "peers", "buses": [other.ready["bus"] for other in others]})

    def answer_after(self, seconds: float) -> None:
        """Calls are answered so long after they came."""
        self._command({"do": "answer after", "seconds": seconds})

    def stats(self) -> dict[str, int]:
        """Members connected now; deliveries and acknowledgements since the start."""
        return self._command({"do": "stats"})

    def broadcast(self, rate: float, seconds: float, size: int) -> dict[str, int]:
        """Send messages of ``size`` bytes to every member; returns the stats once the last one is sent."""
        return self._command({"do": "broadcast", "rate": rate, "seconds": seconds, "size": size})

    def drain(self) -> None:
        """Wait until every byte sent was read by the client, and every one of its bytes by the server."""
        deadline = time.monotonic() + PATIENCE_S
        while queued := queued_bytes(Path("/proc/net/tcp").read_text(), self.port):
            if time.monotonic() > deadline:
                raise BenchError(f"{queued} bytes are still in the kernel's queues after {PATIENCE_S} s")
            time.sleep(0.05)

    def _command(self, command: dict[str, Any]) -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        return self._answer()
