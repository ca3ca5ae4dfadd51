"""Delivery times that the planner predicts beside those of a real server: run by hand, prints a table.

    python tests/bench/delivery_time.py [--users 400] [--rates 5 40 90 140] [--seconds 20]

Starts the Socket.IO server of the tests on Node.js and loads it with the scenario chat at some
rates of messages of all users together. A message's CPU is the server's cores over the messages
of that run; the run's percentiles are predicted by ``siotool.plan.constraints.waiting`` for messages that
come at random, and shown beside what every delivery took. At a rate at which nothing waits, the
difference is what the kernel and siotool itself add. The machine should have nothing else to do:
needs Node.js and ``npm ci`` in tests/targets/node.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from siotool.plan.constraints.waiting import Job, Loop, share_later

SERVER = Path(__file__).parents[1] / "targets/node/server.mjs"
SHARES = (0.5, 0.9, 0.99)
#: Places in the line of recipients that a delivery is predicted for.
PLACES = 50


def main() -> None:
    """Measure, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 40, 90, 140], metavar="PER_S")
    parser.add_argument("--seconds", type=int, default=20, help="length of each run, after its ramp")
    options = parser.parse_args()
    rows = [measured(options.users, rate, options.seconds) for rate in options.rates]
    heads = [f"p{100 * share:g} predicted, measured" for share in SHARES]
    print(" | ".join(["messages/s", "CPU a message", "of a core", *heads]))
    for row in rows:
        message_s = row["cores"] / row["messages_per_s"]
        times = [predicted(row["messages_per_s"], message_s, share) for share in SHARES]
        pairs = zip(times, row["times"], strict=True)
        found = [f"{1e3 * here:.1f} ms, {1e3 * there:.1f} ms" for here, there in pairs]
        share = f"{100 * row['cores']:.0f} %"
        print(" | ".join([f"{row['messages_per_s']:.0f}", f"{1e3 * message_s:.1f} ms", share, *found]))


def measured(users: int, rate: float, seconds: int) -> dict[str, Any]:
    """Messages per second, cores of the server, and percentiles of deliveries at one rate."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            ["node", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())
        ramp = 4
        command = [sys.executable, "-m", "siotool", "loadtest", f"http://127.0.0.1:{address['port']}"]
        command += ["--scenario", "chat", "--users", str(users)]
        command += ["--spawn-rate", str(users / ramp), "--run-time", f"{seconds + ramp}s", "--seed", "1"]
        command += [
            "--processes",
            "1",
            "--set",
            f"rate={rate / users}",
            "--server-pid",
            str(address["pid"]),
            "--out",
            folder,
        ]
        test = subprocess.run(command, check=False, capture_output=True, text=True)
        run = next(Path(folder).rglob("run.jsonl"), None)
        if run is None:
            sys.exit(test.stderr)
        report = subprocess.run(
            [sys.executable, "-m", "siotool", "report", str(run.parent), "--format", "json"],
            check=False,
            capture_output=True,
            text=True,
        )
        server.stdin.close()
    document = json.loads(report.stdout)
    for doubt in document["doubts"]:
        print(f"at {rate:g}/s: {doubt}", file=sys.stderr)
    deliver = next(row for row in document["operations"] if row["op"] == "deliver")
    return {
        "messages_per_s": deliver["rate_per_s"] / users,
        "cores": document["server"]["cpu_cores_mean"],
        "times": [deliver[key] for key in ("p50_s", "p90_s", "p99_s")],
    }


def predicted(messages_per_s: float, message_s: float, share: float) -> float:
    """Seconds within which so many deliveries arrive: a wait, and writes to all who stand before."""
    loop = Loop((Job(messages_per_s, message_s),))
    places = [(place + 0.5) / PLACES * message_s for place in range(PLACES)]
    low, high = 0.0, 1000 * message_s
    for _ in range(40):
        middle = (low + high) / 2
        late = sum(share_later(loop, middle - place) for place in places) / PLACES
        low, high = (middle, high) if late > 1 - share else (low, middle)
    return high


if __name__ == "__main__":
    main()
