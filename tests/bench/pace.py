"""How a server's CPU follows the machine's pace: Node.js at one load for some minutes.

    python -m tests.bench.pace [SERVER] [--seconds 200]

The load stays the same, so that what its CPU changes by is the machine's doing. Printed is by how much it
changes over five seconds, and what of that the loops of ``siotool.swarm.awake`` explain: the powers of what a
text and a step through memory cost that fit best, and what is left.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from siotool.calibration.design import warming
from siotool.calibration.phase import Phase
from siotool.runs import reading
from siotool.runs.seconds import seconds_of
from tests.bench.prediction import SPEED, load

USERS, BLOCK_S, OPEN_S = 100, 5, 6.0


def main() -> None:
    """Load, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("server", nargs="?", default="node", choices=list(SPEED))
    parser.add_argument("--seconds", type=float, default=200.0)
    asked = parser.parse_args()
    opening = Phase("idle", USERS, OPEN_S, 4.0, rate=0.5)
    before = [opening, *warming(USERS)]
    rate = 7.0 * SPEED[asked.server]
    steady = Phase("mixed", USERS, asked.seconds, 2.0, rate=rate, size=200, room_size=20)
    with tempfile.TemporaryDirectory() as scratch:
        load(asked.server, Path(scratch) / "run", [*before, steady])
        seconds = seconds_of([reading.read(Path(scratch) / "run")])
    begin = sum(phase.duration_s for phase in before) + steady.settle_s
    rows = []
    while begin + BLOCK_S <= seconds["t_s"].max():
        held = (seconds["t_s"] > begin) & (seconds["t_s"] <= begin + BLOCK_S)
        rows.append([np.nanmean(seconds[name][held]) for name in ("cpu_cores", "text_s", "step_s")])
        begin += BLOCK_S
    logs = np.log(np.array(rows))
    logs -= logs.mean(axis=0)
    print(f"{len(rows)} times {BLOCK_S} s; the server's CPU changes by {logs[:, 0].std():.1%}")
    print("| explained by | powers | left |\n|---|---|--:|")
    for name, columns in (("texts", [1]), ("steps", [2]), ("both", [1, 2])):
        powers = np.linalg.lstsq(logs[:, columns], logs[:, 0], rcond=None)[0]
        left = (logs[:, 0] - logs[:, columns] @ powers).std()
        print(f"| {name} | {', '.join(f'{power:.1f}' for power in powers)} | {left:.1%} |")


if __name__ == "__main__":
    main()
