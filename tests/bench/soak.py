"""Does the generator grow, or keep files, over half an hour in which users come and go?

    python -m tests.bench.soak --minutes 30 [-o soak.json]

Users arrive at 15 a second, stay for half a minute, call and talk in rooms, and leave: 27,000 in all.
Anonymous memory of the worker and of the parent is read every five seconds. The slope after the first third
has a 95 % interval of blocks of a minute. At the end no user is left, and the worker has as many open files
and greenlets as at its beginning.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from siotool import runfile
from tests.bench.process_use import anonymous_bytes
from tests.bench.server_process import Server

ARRIVALS_PER_S = 15
EVERY_S = 5.0
BLOCK = 12
FEW_GREENLETS = 3  # a process may end with one that waits for its own end


def slope(samples: list[int]) -> tuple[float, float, float]:
    """Bytes per minute in the last two thirds: the mean of slopes between blocks, and its 95 % interval.

    Of each pair of blocks half the time apart, so that no block is in two.
    """
    kept = np.array(samples[len(samples) // 3 :], dtype=float)
    blocks = kept[: len(kept) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    half = len(blocks) // 2
    slopes = np.sort((blocks[half : 2 * half] - blocks[:half]) / half)
    spread = 1.96 * slopes.std(ddof=1) / np.sqrt(len(slopes)) if len(slopes) > 1 else np.inf
    return float(slopes.mean()), float(slopes.mean() - spread), float(slopes.mean() + spread)


def main() -> int:
    """Run the soak and print its table; 1 when memory grows or files are left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write everything as JSON")
    asked = parser.parse_args()
    with closing(Server()) as server, tempfile.TemporaryDirectory(prefix="siotool-bench-") as folder:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "siotool", "loadtest", server.url),
                *("--scenario", str(Path(__file__).parent / "visitors.py"), "--processes", "1"),
                *("--arrival-rate", f"{ARRIVALS_PER_S}/s", "--run-time", f"{asked.minutes:g}min"),
                *("--transport", "websocket", "--out", f"{folder}/run", "--quiet", "--format", "json"),
                *("-o", f"{folder}/report.json"),
            ],
            env={**os.environ, "SOAK_GREENLETS": f"{folder}/greenlets"},
        )
        memory: dict[str, list[int]] = {"worker": [], "parent": []}
        end = time.monotonic() + 60 * asked.minutes
        while time.monotonic() < end and process.poll() is None:
            time.sleep(EVERY_S)
            workers = [
                one
                for one in psutil.Process(process.pid).children()
                if "siotool.swarm.worker" in one.cmdline()
            ]
            if workers:
                memory["worker"].append(anonymous_bytes(workers[0].pid))
                memory["parent"].append(anonymous_bytes(process.pid))
        code = process.wait(120)
        lines = next(Path(folder).rglob(runfile.FILE_NAME)).read_text().splitlines()
        seconds: list[dict[str, Any]] = [
            json.loads(line) for line in lines if '"kind":"interval"' in line[:40]
        ]
        report = json.loads(Path(folder, "report.json").read_text())
        greenlets: dict[str, list[int]] = {}
        for line in Path(folder, "greenlets").read_text().splitlines():
            greenlets.setdefault(line.split()[0], []).append(int(line.split()[1]))
    files = [seconds[at]["generator"][0]["files_open"] for at in (0, -1)]
    users = [max(each["connections"]["users"] for each in seconds), seconds[-1]["connections"]["users"]]
    grows = False
    print("| | at a third | at the end | grows by a minute (95 %) |\n|---|---|---|---|")
    for name, samples in memory.items():
        middle, low, high = slope(samples)
        grows = grows or low > 50_000
        first, last = samples[len(samples) // 3] / 1e6, samples[-1] / 1e6
        growth = f"{middle / 1e3:+.1f} kB ({low / 1e3:+.1f} to {high / 1e3:+.1f})"
        print(f"| memory of the {name} | {first:.1f} MB | {last:.1f} MB | {growth} |")
    lost, visits = report["delivery"]["lost"], report["visits"]["ended"]
    print(f"\nUsers: {users[0]} at most, {users[1]} at the end. Open files: {files[0]} and {files[1]}.")
    for counts in greenlets.values():
        grows = grows or counts[-1] > counts[0] + FEW_GREENLETS
        print(f"Greenlets of a process: {counts[0]} at its start, {counts[-1]} at its end.")
    print(f"Visits: {visits:,}; lost deliveries: {lost}; exit code {code}")
    if asked.output:
        found = {
            "memory": memory,
            "files": files,
            "greenlets": greenlets,
            "users": users,
            "code": code,
            "lost": lost,
        }
        asked.output.write_text(json.dumps(found) + "\n")
    return int(grows or users[1] or code != 0)


if __name__ == "__main__":
    sys.exit(main())
