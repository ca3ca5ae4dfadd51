"""Real runs of two servers, one of them with a planted cost, for tests/bench/planted_cost.py.

    python tests/bench/planted_runs.py DIR [--pairs 24] [--work TURNS] [--seconds 310]

Loads a fresh server for each run, by turns without and with the cost, in an order drawn by a seed, and
keeps the run files in ``DIR/a-NN`` and ``DIR/b-NN``. Goes on where it stopped, so that it can be given the
machine for a few minutes at a time. 10 seconds a run, 100 users, 60 calls a second each.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
#: What a run takes with its start and its report.
_RUN_S = 17


def main() -> int:
    """Gather until every pair is there, or no time is left; 3 when some are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--work", type=int, default=270, help="turns of a counter for each call")
    parser.add_argument("--seconds", type=float, default=310.0)
    given = parser.parse_args()
    ends = time.monotonic() + given.seconds
    for name, work in _order(given.pairs, given.work):
        folder = given.folder / name
        if (folder / "run.jsonl").exists():
            continue
        if time.monotonic() + _RUN_S > ends:
            print(f"{name} and what follows is missing: run it again", file=sys.stderr)
            return 3
        _load(folder, work)
    return 0


def _order(pairs: int, work: int) -> list[tuple[str, int]]:
    """Both servers once in each pair; which of them first is drawn."""
    turns = random.Random(1)
    order = []
    for number in range(pairs):
        both = [(f"a-{number:02d}", 0), (f"b-{number:02d}", work)]
        order += both if turns.random() < 0.5 else both[::-1]
    return order


def _load(folder: Path, work: int) -> None:
    command = ["node", str(HERE / "planted_cost.mjs"), "--work", str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        ready = json.loads(server.stdout.readline())
        load = [
            *(sys.executable, "-m", "siotool", "loadtest", f"http://127.0.0.1:{ready['port']}"),
            *("--scenario", "echo", "--set", "rate=60", "--transport", "websocket", "--processes", "1"),
            *("--stage", "1s:100", "--stage", "9s:100", "--server-pid", str(ready["pid"])),
            *("--out", str(folder), "--format", "json", "--output", str(folder / "summary.json"), "--quiet"),
        ]
        subprocess.run(load, check=False)
        server.stdin.close()


if __name__ == "__main__":
    sys.exit(main())
