"""How often comparisons of simulated runs alarm, and find a planted cost. Run by hand; prints both tables.

    python tests/bench/simulated_comparisons.py [--pairs 300]

Triples of runs are compared whose noise is known (tests/unit/simulated_runs.py): both sides the same, for
each kind of noise; and one side with 10 % more CPU for an event, where runs differ by more and more.
Effects are drawn 2,000 times, a fifth of what a report does. It takes about a minute.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from siotool.report.comparison import block_draws, effect
from siotool.report.comparison.compare import compare
from siotool.report.comparison_figures import Comparison
from tests.unit.simulated_runs import NOISES, Noise, run

PLANTED = {
    "2 %": Noise(runs=0.02),
    "2.5 %": Noise(runs=0.025),
    "3 %": Noise(runs=0.03),
    "2 %, on a machine that is slow by turns": Noise(runs=0.02, machine=0.08, drift=0.3),
}


def compared(noise: Noise, random: np.random.Generator, first: int, cost: float) -> Comparison:
    """Three runs against three that follow them, whose server takes ``cost`` times the CPU."""
    runs = [run(first + at, noise, random, cost=cost if at > 2 else 1.0) for at in range(6)]
    return compare(runs[:3], runs[3:], source="runs", same_target=False, count="not counted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=300)
    pairs = parser.parse_args().pairs
    effect.DRAWS, block_draws.REDRAWN = 2000, 100
    print(f"| both sides the same, {pairs} pairs | worse (fails) | any change |\n|---|---:|---:|")
    for name, noise in NOISES.items():
        random = np.random.default_rng(5)
        said = [
            {one.verdict for one in compared(noise, random, 6 * pair % 94, 1.0).metrics}
            for pair in range(pairs)
        ]
        worse = sum("worse" in one for one in said)
        print(f"| {name} | {worse} | {sum(bool(one & {'worse', 'better'}) for one in said)} |", flush=True)
    planted = max(1, pairs // 3)
    print(f"\n| runs differ by, {planted} pairs with 10 % more CPU | found |\n|---|---:|")
    for name, noise in PLANTED.items():
        random = np.random.default_rng(6)
        found = sum(
            one.verdict == "worse"
            for _ in range(planted)
            for one in compared(noise, random, 0, 1.1).metrics
            if one.name == "cpu_per_event"
        )
        print(f"| {name} | {found} |", flush=True)


if __name__ == "__main__":
    main()
