"""What a generator costs as its connections grow, up to a hundred thousand on one machine.

    python -m tests.bench.many_connections                    two steps at 100,000 and 20,000: docs/bench.md
    python -m tests.bench.many_connections --growth           1,000 to 100,000 connections, step by step
    python -m tests.bench.many_connections --users 4000 --workers 1 2 4 8 16       what the parent costs

Each step starts servers of the bench (tests/bench/server.py), each on a loopback address of its own, as one
process may have 20,000 open files and an address 28,000 ports. A load test of siotool connects to all of them
with one worker for each server. Servers of the bench, because Node.js would take both cores of a small
machine at this pace; they answer, ping and keep rooms as any other. Connections come from
several addresses: where more than half of the ports from one address to one place are in use, Linux looks for
a free one for longer than a connect takes. Takes some 6 GB at 100,000 connections.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from siotool import runfile
from tests.bench.process_use import anonymous_bytes, cpu_seconds
from tests.bench.server_process import Server

#: Open files of a process here are 20,000: a server, or a worker, holds fewer connections than that.
USERS_OF_A_PROCESS = 17_000
PATIENCE_S = 120.0
ROOM = 100
SOURCES = "127.0.2.1-127.0.2.6"


@dataclass(frozen=True)
class Step:
    """One load: so many users, each of which receives so many messages a second in rooms of ``ROOM``."""

    users: int
    spawn_rate: float
    messages_per_s: float = 0.0
    window_s: float = 60.0
    workers: int = 0

    @property
    def servers(self) -> int:
        """As few as can hold the connections."""
        return max(1, -(-self.users // USERS_OF_A_PROCESS))

    @property
    def processes(self) -> int:
        """Workers: one for each server, where nothing else is asked for."""
        return self.workers or self.servers

    @property
    def ramp_s(self) -> float:
        return self.users / self.spawn_rate


@dataclass
class Found:
    """What a step cost, and whether anything went wrong. Times in seconds, CPU in cores."""

    users: int
    processes: int
    messages_per_s: float
    #: From the command to the first connection; connections per second from 5 to 95 % of them.
    start_s: float = 0.0
    connects_per_s: float = 0.0
    connect_p99_s: float = 0.0
    #: CPU of all processes of the generator, of the parent alone, and of the servers, in the window.
    generator_cores: float = 0.0
    parent_cores: float = 0.0
    server_cores: float = 0.0
    generator_bytes: int = 0
    parent_bytes: int = 0
    server_bytes: int = 0
    deliveries_per_s: float = 0.0
    lost: int = 0
    late_p99_s: float = 0.0
    ended: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    #: Connections that the servers count at the end of the window.
    held: int = 0
    loop_lag_s: float = 0.0
    interval_bytes: float = 0.0
    exit_code: int = 0
    doubts: list[str] = field(default_factory=list)


def measure(step: Step, runs: Path) -> Found:
    """Load new servers with a step, and watch it; the run is kept in a folder of ``runs``."""
    found = Found(step.users, step.processes, step.messages_per_s)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(closing(Server(f"127.0.1.{number + 1}"))) for number in range(step.servers)
        ]
        folder = runs / f"{step.users}-{step.messages_per_s:g}-{step.processes}"
        folder.mkdir(parents=True)
        for server in servers:
            server.peer_with(other for other in servers if other is not server)
        begun = time.monotonic()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "siotool",
                "loadtest",
                *(one.url for one in servers),
                *_load(step, folder),
            ],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "stderr.txt").open("wb"),
        )
        stack.callback(process.kill)
        while not any(server.connected() for server in servers) and process.poll() is None:
            time.sleep(0.05)
        found.start_s = time.monotonic() - begun
        _await_users(process, folder, step, begun)
        time.sleep(5)  # what a ramp leaves: the last joins, collected garbage
        _watch(found, step, process.pid, [one.pid for one in servers])
        found.held = sum(one.connected() for one in servers)
        found.exit_code = process.wait(step.window_s + PATIENCE_S)
        _read(found, step, folder)
    return found


def _load(step: Step, folder: Path) -> list[str]:
    scenario = ["--scenario", "idle"]
    if step.messages_per_s:
        rate = step.messages_per_s / ROOM
        scenario = ["--scenario", "rooms", "--set", f"rate={rate:g}", "--set", f"room_size={ROOM}"]
    seconds = step.ramp_s + step.window_s + 20
    return [
        *(*scenario, "--users", str(step.users), "--spawn-rate", f"{step.spawn_rate:g}"),
        *("--run-time", f"{seconds:.0f}s", "--source-ip", SOURCES, "--processes", str(step.processes)),
        *("--transport", "websocket", "--out", str(folder / "run")),
        *("--quiet", "--format", "json", "-o", str(folder / "report.json")),
    ]


def _intervals(folder: Path) -> list[dict[str, Any]]:
    """The whole intervals of the run so far."""
    paths = list(folder.rglob(runfile.FILE_NAME))
    if not paths:
        return []
    lines = paths[0].read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n") and '"kind":"interval"' in line[:40]]


def _await_users(process: subprocess.Popen[bytes], folder: Path, step: Step, begun: float) -> None:
    """Wait until all users are connected. Raises TimeoutError or RuntimeError."""
    opened = 0
    while opened < step.users:
        if process.poll() is not None:
            raise RuntimeError(f"siotool ended: {(folder / 'stderr.txt').read_text()[-1000:]}")
        if time.monotonic() > begun + step.ramp_s + PATIENCE_S:
            raise TimeoutError(f"{opened} of {step.users} users after {time.monotonic() - begun:.0f} s")
        time.sleep(2)
        seen = _intervals(folder)
        opened = seen[-1]["connections"]["open"] if seen else 0


def _watch(found: Found, step: Step, parent: int, servers: list[int]) -> None:
    """Measure CPU and memory over the window."""
    generator = [parent, *(each.pid for each in psutil.Process(parent).children(recursive=True))]
    before = [sum(map(cpu_seconds, pids)) for pids in (generator, [parent], servers)]
    begun = time.monotonic()
    time.sleep(step.window_s)
    after = [sum(map(cpu_seconds, pids)) for pids in (generator, [parent], servers)]
    took = time.monotonic() - begun
    found.generator_cores, found.parent_cores, found.server_cores = (
        (end - begin) / took for begin, end in zip(before, after, strict=True)
    )
    found.generator_bytes, found.parent_bytes, found.server_bytes = (
        sum(map(anonymous_bytes, pids)) for pids in (generator, [parent], servers)
    )


def _read(found: Found, step: Step, folder: Path) -> None:
    """What the run itself measured."""
    report = json.loads((folder / "report.json").read_text())
    found.doubts = report["doubts"]
    found.failed = report["connections"]["failed"]
    found.lost = report["delivery"]["lost"]
    for operation in report["operations"]:
        if operation["op"] == "connect":
            found.connect_p99_s = operation["p99_s"]
        elif operation["op"] == "deliver":
            found.late_p99_s = operation["p99_s"]
    seen = _intervals(folder)
    opened = [(each["t_s"], each["connections"]["open"]) for each in seen]
    (low_s, low), (high_s, high) = (
        next((t, count) for t, count in opened if count >= share * step.users) for share in (0.05, 0.95)
    )
    if high_s > low_s:
        found.connects_per_s = (high - low) / (high_s - low_s)
    held = [each for each in seen if high_s < each["t_s"] <= high_s + step.window_s]
    for each in seen:
        if not each["draining"]:
            for kind, count in each["connections"]["closed"].items():
                found.ended[kind] = found.ended.get(kind, 0) + count
    found.deliveries_per_s = sum(each["delivery"]["received"] for each in held) / max(1, len(held))
    found.loop_lag_s = max(worker["loop_lag_s"] for each in held for worker in each["generator"])
    lines = next(folder.rglob(runfile.FILE_NAME)).read_text().splitlines()
    sizes = [len(line) for line in lines if '"kind":"interval"' in line[:40]]
    found.interval_bytes = sum(sizes) / len(sizes)


def table(steps: list[Found]) -> str:
    """The steps as a table of Markdown."""
    rows = [
        "| connections | workers | start | connects/s | p99 | generator | of it the parent | servers "
        "| memory of the generator | deliveries/s | p99 | lost | ended | loop late | run file | doubts |",
        "|" + "---|" * 16,
    ]
    for one in steps:
        rows.append(
            f"| {one.users:,} | {one.processes} | {one.start_s:.1f} s | {one.connects_per_s:,.0f} "
            f"| {one.connect_p99_s * 1e3:.0f} ms "
            f"| {one.generator_cores:.3f} cores | {one.parent_cores:.3f} | {one.server_cores:.3f} cores "
            f"| {one.generator_bytes / 1e6:,.0f} MB, {one.generator_bytes / one.users / 1e3:.1f} kB each "
            f"| {one.deliveries_per_s:,.0f} | {one.late_p99_s * 1e3:.0f} ms | {one.lost} "
            f"| {sum(one.ended.values())} | {one.loop_lag_s * 1e3:.0f} ms "
            f"| {one.interval_bytes / 1e3:.1f} kB/s | {len(one.doubts)} |"
        )
    return "\n".join(rows)


def main() -> int:
    """Measure the steps asked for, print their table; 1 when something was lost, ended or doubted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--growth", action="store_true", help="from 1,000 to 100,000 connections")
    parser.add_argument("--users", type=int, nargs="+", help="other numbers of connections")
    parser.add_argument(
        "--deliveries", type=float, default=0.0, metavar="PER_S", help="of all users together"
    )
    parser.add_argument("--spawn-rate", type=float, default=1000.0, metavar="PER_S")
    parser.add_argument("--window", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--workers", type=int, nargs="+", default=[0], help="other numbers of workers")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="keep the runs there")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write everything as JSON")
    asked = parser.parse_args()
    rate, window = asked.spawn_rate, asked.window
    if asked.users or asked.growth:
        numbers = asked.users or [1_000, 5_000, 20_000, 60_000, 100_000]
        steps = [
            Step(users, rate, asked.deliveries / users, window, workers)
            for users in numbers
            for workers in asked.workers
        ]
    else:
        steps = [Step(100_000, rate, 0.0, window), Step(20_000, rate, 1.0, window)]
    found = []
    with tempfile.TemporaryDirectory(prefix="siotool-bench-") as name:
        for step in steps:
            print(f"{step.users:,} connections …", file=sys.stderr, flush=True)
            found.append(measure(step, asked.runs or Path(name)))
            if asked.output:
                asked.output.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")
            print(json.dumps(asdict(found[-1])), file=sys.stderr, flush=True)
    print(table(found))
    return int(any(one.lost or one.ended or one.failed or one.doubts or one.exit_code for one in found))


if __name__ == "__main__":
    sys.exit(main())
