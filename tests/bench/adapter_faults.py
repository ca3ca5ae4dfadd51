"""What each adapter loses on each bad day: run by hand, prints a table.

    python -m tests.bench.adapter_faults [--adapters redis,postgres,…] [--users 60] [--out DIR [--again]]

For each adapter a lab of four servers behind nginx (the primary of node:cluster has none) is loaded with
rooms of 20 users, each of which publishes twice a second and asks for an acknowledgement. Faults follow
each other, 12 s apart. Each server writes what it sends to whom, which is held against what siotool counted:

- what was received, or came twice, was sent: ``sent >= received + duplicate``;
- what was sent and not received was on its way to a client whose connection ended during the run: of messages
  to one such socket, only the last second's may be missing, so ``sent - received - duplicate`` is no more.

The last column is what was sent beside what came, and how many at most were on their way where these differ.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from siotool.lab.packages import look_for_packages
from siotool.units import format_duration

SERVERS, ROOM, RATE = 4, 20, 2
FIRST_S, APART_S, LAST_S = 10, 12, 10
#: What was sent to a socket so long before its last message may be on its way when it ends.
ON_ITS_WAY_MS = 1000

#: Half of the servers: lost with all their connections, and cut off for less than a ping interval.
ZONE, PAUSED_ZONE = "kill server-1 server-2", "stop server-1 server-2"
#: A socket that was written to so shortly before the last one did not end before the run.
LIVED_MS = 2000
FAULTS: dict[str, list[tuple[str, int]]] = {
    "redis": [
        ("kill server-2", 3),
        ("restart redis", 0),
        ("throttle redis to 5%", 4),
        ("failover redis", 0),
        ("reload balancer", 0),
        (PAUSED_ZONE, 4),
        (ZONE, 4),
    ],
    "postgres": [
        ("kill server-2", 3),
        ("restart postgres", 0),
        ("throttle postgres to 5%", 4),
        ("reload balancer", 0),
        (PAUSED_ZONE, 4),
        (ZONE, 4),
    ],
    "cluster": [("kill server-2", 3), ("restart primary", 0), (PAUSED_ZONE, 4)],
}
FAULTS |= dict.fromkeys(("redis-sharded", "redis-streams", "redis-streams with recovery"), FAULTS["redis"])


class Witnessed(NamedTuple):
    """What servers sent to clients: all of it, and what may have been on its way when a socket ended."""

    sent: int
    on_its_way: int


def main() -> int:
    """Run all, and print the table; 1 where a witness contradicts siotool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapters", default=",".join(FAULTS))
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--again", action="store_true", help="report the runs that --out has")
    args = parser.parse_args()
    rows = []
    true = True
    with tempfile.TemporaryDirectory() as temporary:
        for adapter in args.adapters.split(","):
            folder = (args.out or Path(temporary)) / adapter.replace(" ", "-")
            if not args.again:
                load(adapter, folder, args.users)
            report = read(folder)
            found = witness(folder / "lab")
            came = report["delivery"]["received"] + report["delivery"]["duplicate"]
            fits = came <= found.sent <= came + found.on_its_way
            true &= fits
            slack = "" if found.sent == came else f", {found.on_its_way:,} on their way"
            seen = f"{found.sent:,} / {came:,}{slack}{'' if fits else ' CONTRADICTED'}"
            rows += table(adapter, report, seen)
    print(" · ".join(f"{one.name} {one.version}" for one in look_for_packages() if "socket.io" in one.name))
    head = "adapter | fault | connections lost | half back | all back | messages lost | acknowledged and lost"
    print(f"| {head} | missed | twice | replayed | p99 before | p99 during | sent / came |")
    print("|---|---|" + "--:|" * 11)
    print("\n".join(rows))
    return 0 if true else 1


def load(adapter: str, folder: Path, users: int) -> None:
    """Load a lab with all faults."""
    name, _, recovery = adapter.partition(" with ")
    folder.mkdir(parents=True, exist_ok=True)
    lab = [f"servers = {SERVERS}", f'adapter = "{name}"', "witness = true"]
    lab += [] if name == "cluster" else ['balancer = "nginx"']
    lab += ["replica = true"] if name.startswith("redis") else []
    lab += ['recovery = "2min"'] if recovery else []
    faults = FAULTS[adapter]
    for number, (do, for_s) in enumerate(faults):
        lab += ["[[fault]]", f'at = "{FIRST_S + number * APART_S}s"', f'do = "{do}"']
        lab += [f'for = "{for_s}s"'] if for_s else []
    file = folder / "lab.toml"
    file.write_text("\n".join(["[lab]", *lab, ""]))
    length_s = FIRST_S + (len(faults) - 1) * APART_S + LAST_S + 8
    subprocess.run(
        [
            *(sys.executable, "-m", "siotool", "loadtest", f"lab:{file}", "--out", str(folder)),
            *("--scenario", "rooms", "--set", f"rate={RATE}", "--set", f"room_size={ROOM}"),
            *("--set", "acknowledged=yes", "--users", str(users), "--spawn-rate", str(users)),
            *("--run-time", f"{length_s}s", "--processes", "1", "--quiet", "-o", str(folder / "report.txt")),
            *(["--transport", "websocket"] if name == "cluster" else []),
        ],
        check=False,
    )


def read(folder: Path) -> dict[str, Any]:
    """Report a run."""
    done = subprocess.run(
        [sys.executable, "-m", "siotool", "report", str(folder), "--format", "json", "--quiet"],
        capture_output=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def witness(folder: Path) -> Witnessed:
    """Read what the servers wrote down: messages to a room, by the socket that they went to."""
    moments: defaultdict[str, list[int]] = defaultdict(list)
    for path in sorted(folder.glob("*.sent")):
        for line in path.read_text(errors="replace").splitlines():
            moment, socket, event, *text = line.split(" ", 3)
            if event == "say" and text:
                moments[socket].append(int(moment))
    last = max(times[-1] for times in moments.values())
    on_its_way = sum(
        sum(moment > times[-1] - ON_ITS_WAY_MS for moment in times)
        for times in moments.values()
        if times[-1] < last - LIVED_MS
    )
    return Witnessed(sum(map(len, moments.values())), on_its_way)


def table(adapter: str, report: dict[str, Any], seen: str) -> list[str]:
    """Return a row for each fault; what the servers sent stands in the first one."""
    rows = []
    for number, fault in enumerate(report["faults"]):
        waits = next((one for one in fault["latencies"] if one["op"] == "deliver"), None)
        times = (fault["back_p50_s"], fault["back_all_s"])
        back = [
            "–" if not fault["lost"] else "never" if one is None else format_duration(one) for one in times
        ]
        p99 = [waits and waits["before_s"], waits and waits["during_s"]]
        counts = (
            fault[name] for name in ("messages_lost", "acknowledged_lost", "missed", "duplicate", "replayed")
        )
        cells = [
            adapter,
            fault["do"] + (f" ({fault['failed']})" if fault["failed"] else ""),
            f"{fault['lost']:,}",
            *back,
            *("–" if one is None else f"{one:,}" for one in counts),
            *("–" if one is None else format_duration(one) for one in p99),
            "" if number else seen,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    sys.exit(main())
