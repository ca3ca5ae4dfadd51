"""Hundreds of searches in simulated time: how many intervals hold the truth, by kind of noise.

python -m tests.bench.search_coverage --searches 100
"""

import argparse
import math
import sys
from collections.abc import Callable

import numpy as np

from tests.bench.capacity import truth
from tests.unit.simulated_server import QueueServer, SteadyServer, search_of

Server = SteadyServer | QueueServer

KINDS: dict[str, tuple[Callable[..., Server], Callable[[], float]]] = {
    "each operation by itself, steep": (lambda seed: SteadyServer(300, 25, 0.0, seed), lambda: 300.0),
    "seconds differ by 45 %, steep": (lambda seed: SteadyServer(300, 25, 0.2, seed), lambda: 300.0),
    "whole seconds are missed, steep": (lambda seed: SteadyServer(300, 25, 1.0, seed), lambda: 300.0),
    "whole seconds are missed, flat": (lambda seed: SteadyServer(300, 5, 1.0, seed), lambda: 300.0),
    **{
        f"a queue, pace ± {noise:.0%} by the second": (
            lambda seed, noise=noise: QueueServer(200, noise, seed),
            lambda noise=noise: truth(200, noise),
        )
        for noise in (0.02, 0.03, 0.05, 0.1)
    },
}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=100)
    asked = parser.parse_args()
    print("| noise | intervals that hold the truth | median width | median time |\n|---|---|---|---|")
    for name, (make, known) in KINDS.items():
        edge = known()
        widths, times, held = [], [], 0
        for seed in range(1000, 1000 + asked.searches):
            search, _ = search_of(make(seed), longest_s=255.0)
            low, high = search.interval()
            upper = math.inf if high is None else high
            held += low <= edge <= upper
            widths.append((upper - low) / edge)
            times.append(search.elapsed_s)
        cells = f"{held} of {asked.searches} | {np.median(widths):.1%} | {np.median(times):.0f} s"
        print(f"| {name} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
