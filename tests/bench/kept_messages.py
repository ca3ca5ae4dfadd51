"""The planner's [storage] beside what the stores of a lab took: run by hand, prints a table.

    python -m tests.bench.kept_messages [--store postgres couchdb] [--users 200] [--offline 120 240]

Half of the users go offline for the first time of ``--offline``, and come back all at once; what the servers
handed out per second then is the plan's drain rate. With it a plan predicts the second run, in which users
are offline for the second time: bytes of a message, messages written per second while they are, and the time
until the last of them has all that it missed. What a message takes in a store that a plan has no formula for
is taken from the first run too. Both times are long: a drain of less than some seconds is not in proportion,
as users come back over a second, and who is first has the servers for itself; a store that writes ahead
shows what a message takes once it has tidied up some times.

The servers have ``--share`` of a core each, as under a CPU quota: with as much as they want, servers, store
and clients would share the machine's cores, and how long a drain takes would be up to all of them. It takes
20 minutes, on a machine that has nothing else to do. Needs what ``siotool lab doctor
scenarios/chat-postgres.toml`` and ``chat-couchdb.toml`` say.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).parents[2] / "scenarios"
#: Users in a conversation, of which half go offline.
ROOM = 40
#: Messages per second of each. What is written while others drain is no part of the plan's drain: a store in
#: one thread is to have time for both.
RATES = {"postgres": 1.0, "couchdb": 0.5}
#: Bytes of text. LevelDB, in PouchDB Server, writes ahead and tidies up by megabytes: what a short message
#: takes cannot be told from that within minutes.
SIZES = {"postgres": 200, "couchdb": 2000}
#: Second at which they go offline, and how long the run goes on once they are back.
LEAVE_S, AFTER_S = 5, 100
#: How long users are offline in the first run, and in the second.
OFFLINE_S = (120, 240)
#: The store of a plan that is compared where no plan knows the measured one.
KINDS = {"postgres": "relational", "couchdb": "document"}
#: Stores whose bytes per message a plan has a formula for; of others the first run shows them.
FORMULAS = ("postgres",)


def main() -> None:
    """Measure, predict, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--offline", type=int, nargs=2, default=OFFLINE_S, metavar="S")
    parser.add_argument(
        "--share", default="30%", help="of a core, for each server; 100%%: as much as it wants"
    )
    options = parser.parse_args()
    print("| store | offline | sent while away | missed | duplicate | figure | planned | measured | off |")
    print("|---|---|---|---|---|---|---|---|---|")
    for store in options.store:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first, second = options.offline
            seen = measured(folder / "first", store, options, first)
            plan = planned(folder, store, options.users, second, seen)
            found = measured(folder / "second", store, options, second, plan)
        counts = f"{found['due']:,} | {found['missed']:,} | {found['duplicate']:,}"
        for row in found["planned"]:
            figures = f"{row['planned']:.4g} {row['unit']} | {row['measured']:.4g} {row['unit']}"
            print(
                f"| {store} | {second} s | {counts} | {row['name']} | {figures} | {row['difference']:+.1%} |"
            )


def measured(
    out: Path, store: str, options: argparse.Namespace, offline: int, plan: str = ""
) -> dict[str, Any]:
    """Return the backlog of a run."""
    users, share = options.users, options.share
    throttle = () if share == "100%" else ("--fault", f"at=1s do=throttle servers to {share}")
    settings = {
        "rate": RATES[store],
        "size": SIZES[store],
        "room_size": ROOM,
        "leave": LEAVE_S,
        "offline": offline,
    }
    subprocess.run(
        [
            *(sys.executable, "-m", "siotool", "loadtest", f"lab:{SCENARIOS / f'chat-{store}.toml'}"),
            *("--scenario", "backlog", "--users", str(users), "--spawn-rate", str(users), "--quiet"),
            *("--run-time", f"{LEAVE_S + offline + AFTER_S}s", "--out", str(out), "--transport", "websocket"),
            *(word for key, value in settings.items() for word in ("--set", f"{key}={value}")),
            *throttle,
            *(("--plan", plan) if plan else ()),
        ],
        check=False,  # a doubt of the generator beside the fleet is exit code 5
        stdout=subprocess.DEVNULL,
    )
    found: dict[str, Any] = json.loads((out / "report.json").read_text())["backlog"]
    return found


def planned(folder: Path, store: str, users: int, offline: int, seen: dict[str, Any]) -> str:
    """Return a plan of the second run: what it is asked to do, and what the first showed."""
    drain_rate = seen["replayed"] / seen["drain_max_s"]
    stored = [] if store in FORMULAS else [f'stored_size = "{seen["store"]["bytes_per_message"]:.1f}B"']
    lines = [
        "[workload]",
        f'connections = "{users}"',
        'consumption_rate = "1kB/s"',
        "[server]",
        'capacity = "100MB/s"',
        "[storage]",
        f'kind = "{KINDS[store]}"',
        f'offline_users = "{users // 2}"',
        f'messages = "{RATES[store] * ROOM / 2}/s"',
        f'readers = "{ROOM // 2}"',
        f'message_size = "{SIZES[store]}B"',
        f'retention = "{offline}s"',
        'replicas = "1"',
        f'drain_rate = "{drain_rate:.1f}/s"',
        *stored,
    ]
    (folder / "plan.toml").write_text("\n".join(lines) + "\n")
    written = folder / "plan.json"
    command = [*(sys.executable, "-m", "siotool", "plan", str(folder / "plan.toml")), "--format", "json"]
    subprocess.run([*command, "-o", str(written)], check=True)
    return str(written)


if __name__ == "__main__":
    main()
