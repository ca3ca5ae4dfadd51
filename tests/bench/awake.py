"""What the same work costs on a CPU that sleeps in between, and on one that is kept awake.

    python -m tests.bench.awake [--seconds 20]

A piece of fixed work (a few milliseconds) is done ten times a second on one CPU, alone and beside a loop of
idle priority (``siotool.swarm.awake``), in turn. Printed are the quantiles of its CPU time in milliseconds.
"""

import argparse
import os
import time

import numpy as np

from siotool.swarm.awake import AwakeCpus

#: Turns of both ways, one after the other.
TURNS = 4


def costs(seconds: float) -> list[float]:
    """CPU milliseconds of each piece of work, ten of them a second."""
    numbers, found = list(range(3000)), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
        begin, total = time.thread_time(), 0
        for _ in range(10):
            for number in numbers:
                total += number * number
        found.append(1000 * (time.thread_time() - begin))
    return found


def main() -> None:
    """Measure both ways in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each way")
    asked = parser.parse_args()
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    asleep: list[float] = []
    awake: list[float] = []
    for _ in range(TURNS):
        asleep += costs(asked.seconds / TURNS)
        loops = AwakeCpus([cpu], {cpu})
        try:
            awake += costs(asked.seconds / TURNS)
        finally:
            loops.close()
    print("| CPU | 5 % | median | 95 % |\n|---|--:|--:|--:|")
    for name, found in (("sleeps in between", asleep), ("kept awake", awake)):
        print(f"| {name} | {' | '.join(f'{one:.2f} ms' for one in np.quantile(found, (0.05, 0.5, 0.95)))} |")
    print(f"\nMedians: {np.median(asleep) / np.median(awake):.2f} times as much asleep.")


if __name__ == "__main__":
    main()
