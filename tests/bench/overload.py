"""Drives a generator over its limit on purpose: is the run doubted before its figures are wrong?

    python -m tests.bench.overload [-o overload.json]

A server of the bench answers each call 50 ms after it came, on a core of its own; siotool has the other one.
What a light load measures is the truth. Then the load grows beyond what one core can carry; a worker, and all
of the generator, are stopped for a while, as a machine that is suspended stops it; and the worker's memory is
swapped (by a control group, where there are such, and swap). A row fails when a percentile is off by more
than 5 % and neither a doubt nor a remark says so of it, or of a lower one. Exit code 1 then. The table is
in docs/bench.md.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bench.server_process import Server

DELAY_S = 0.05
USERS = 400
SECONDS = 10
OFF = 0.05
PERCENTILES = ("p50_s", "p95_s", "p99_s")
CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Row:
    """One run: what was done to it, the percentiles it reported, how far they are off, and its doubts."""

    name: str
    percentiles_s: dict[str, float]
    doubts: list[str] = field(default_factory=list)
    #: What is worth knowing about its figures, in words, and no doubt.
    remarks: list[str] = field(default_factory=list)
    off: dict[str, float] = field(default_factory=dict)
    #: CPU of the server: with most of a core, it may be what is late.
    server_cores: float = 0.0

    @property
    def wrong(self) -> bool:
        """Whether a percentile is off, and neither it nor a lower one is said to be."""
        said = " ".join(self.doubts + self.remarks)
        named = re.search(r"p([\d.]+) of ack echo", said)
        least = float(named[1]) if named else 100.0
        if any("too large" not in text for text in self.doubts):
            least = 0.0  # a doubt of all its times
        return any(abs(share) > OFF and float(key[1:-2]) < least for key, share in self.off.items())


def run(
    name: str,
    rate_per_s: float,
    disturb: Callable[[psutil.Process], None] | None = None,
    group: Path | None = None,
) -> Row:
    """Load a server of its own at a rate, and ``disturb`` the generator's parent process meanwhile.

    The generator is in a control ``group``.
    """
    with closing(Server()) as server, tempfile.TemporaryDirectory(prefix="siotool-bench-") as folder:
        os.sched_setaffinity(server.pid, {0})
        server.answer_after(DELAY_S)
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "siotool", "loadtest", server.url, "--scenario", "echo"),
            *("--set", f"rate={rate_per_s / USERS:g}", "--users", str(USERS), "--spawn-rate", str(USERS)),
            *("--run-time", f"{SECONDS}s", "--processes", "1", "--transport", "websocket", "--quiet"),
            *("--out", f"{folder}/run", "--format", "json", "-o", str(report), "--no-default-gates"),
        ]
        if group is not None:
            command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group), *command]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        os.sched_setaffinity(process.pid, {1})  # what it starts inherits that
        if disturb is not None:
            _await_load(Path(folder) / "run" / "run.jsonl")
            disturb(psutil.Process(process.pid))
        process.wait(120)
        found: dict[str, Any] = json.loads(report.read_text())
        calls = next(row for row in found["operations"] if row["op"] == "ack")
        remarks = [text for text in found["remarks"] if "too large" in text]
        cores = server.cpu_s() / SECONDS
        return Row(name, {key: calls[key] or 0.0 for key in PERCENTILES}, found["doubts"], remarks, {}, cores)


def _await_load(path: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().count('"kind":"interval"') >= 3:
            return
        time.sleep(0.2)
    raise TimeoutError("the load did not begin")


def stopped(processes: list[psutil.Process], seconds: float) -> None:
    """Stop processes for a while."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    for process in processes:
        process.send_signal(signal.SIGCONT)


def worker_of(parent: psutil.Process) -> psutil.Process:
    """The process that makes the load."""
    return next(one for one in parent.children() if "siotool.swarm.worker" in one.cmdline())


def without_memory() -> Row:
    """Let a generator have less memory than it uses, so that it is swapped. Raises OSError."""
    group = CGROUPS / "memory" / f"siotool-bench-{os.getpid()}"
    group.mkdir()

    def limit(parent: psutil.Process) -> None:
        used = int((group / "memory.usage_in_bytes").read_text())
        (group / "memory.limit_in_bytes").write_text(str(round(used * 0.3)))

    try:
        return run("memory swapped", 1000.0, limit, group)
    finally:
        group.rmdir()


def disturbances() -> Iterator[tuple[str, Callable[[psutil.Process], None]]]:
    """What is done to a generator, beside too much load."""
    for seconds in (0.1, 0.3, 1.0, 3.0):
        yield f"worker stopped for {seconds:g} s", lambda parent, s=seconds: stopped([worker_of(parent)], s)
    for seconds in (1.0, 3.0):
        yield (
            f"all stopped for {seconds:g} s",
            lambda parent, s=seconds: stopped([parent, *parent.children(recursive=True)], s),
        )


def table(rows: list[Row]) -> str:
    """The rows as a table of Markdown."""
    lines = ["| generator | p50 | p95 | p99 | server | said | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [f"{row.percentiles_s[key] * 1e3:.1f} ms ({row.off.get(key, 0):+.1%})" for key in PERCENTILES]
        said = "doubt" if row.doubts else "remark" if row.remarks else "–"
        verdict = "**wrong**" if row.wrong else "ok"
        lines.append(
            f"| {row.name} | {' | '.join(cells)} | {row.server_cores:.2f} cores | {said} | {verdict} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure every row and print the table; 1 when one is wrong and does not say so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[8e3, 16e3, 24e3, 32e3, 40e3])
    parser.add_argument("--light", type=float, default=400.0, metavar="PER_S", help="what tells the truth")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write everything as JSON")
    asked = parser.parse_args()
    rows = [run(f"{asked.light:,.0f} calls/s", asked.light)]
    truth = rows[0].percentiles_s
    for rate in asked.rates:
        rows.append(run(f"{rate:,.0f} calls/s", rate))
    for name, disturb in disturbances():
        rows.append(run(name, 1000.0, disturb))
    if psutil.swap_memory().total and (CGROUPS / "memory").is_dir():
        rows.append(without_memory())
    else:
        print("no swap, or no control group of memory here: left out", file=sys.stderr)
    for row in rows:
        row.off = {key: value / truth[key] - 1 for key, value in row.percentiles_s.items()}
    if asked.output:
        asked.output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    for row in rows:
        print(f"{row.name}: {'; '.join(row.doubts + row.remarks) or 'nothing'}", file=sys.stderr)
    print(table(rows))
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
