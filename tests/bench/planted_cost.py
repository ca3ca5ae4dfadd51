"""How often a comparison alarms where there is nothing, and finds a planted cost, in real runs.

    python tests/bench/planted_runs.py DIR
    python tests/bench/planted_cost.py DIR

The runs of each server are dealt into triples that share no run; every triple is compared with every
other. Pairs of triples do share runs with other pairs. Prints the table of docs/comparison.md.
"""

import argparse
import itertools
import random
from pathlib import Path

from siotool.report.comparison.compare import compare
from siotool.report.comparison_figures import Comparison, MetricChange
from siotool.runs import reading
from siotool.runs.measures import RunMeasures, measures_of

Triple = list[RunMeasures]
#: Ways to deal the runs into triples.
_DEALT = 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    without, planted = (
        [measures_of(reading.read(path)) for path in sorted(folder.glob(f"{side}-??"))] for side in "ab"
    )
    deals = random.Random(1)
    alike: list[Comparison] = []
    apart: list[Comparison] = []
    for _ in range(_DEALT):
        first, second = triples(without, deals), triples(planted, deals)
        alike += [judged(*pair) for side in (first, second) for pair in itertools.combinations(side, 2)]
        apart += [judged(*pair) for pair in itertools.product(first, second)]
    print(f"{len(without)} runs without the cost, {len(planted)} with it; in triples\n")
    print("| pairs of triples | number | worse | any change | CPU worse | effect on CPU: median, 5 to 95 % |")
    print("|---|---:|---:|---:|---:|---|")
    for name, found in (("of one server", alike), ("without and with the cost", apart)):
        effects = sorted((cpu(one).relative or 0.0) * 100 for one in found)
        low, middle, high = (effects[round(share * (len(effects) - 1))] for share in (0.05, 0.5, 0.95))
        worse, any_change, of_cpu = (
            sum(test(one) for one in found)
            for test in (
                lambda one: any(part.verdict == "worse" for part in one.metrics),
                lambda one: any(part.verdict != "no difference shown" for part in one.metrics),
                lambda one: cpu(one).verdict == "worse",
            )
        )
        spread = f"{middle:+.1f} %, {low:+.1f} to {high:+.1f} %"
        print(f"| {name} | {len(found)} | {worse} | {any_change} | {of_cpu} | {spread} |")


def triples(runs: Triple, deals: random.Random) -> list[Triple]:
    """The runs in an order that is drawn, three by three."""
    order = deals.sample(runs, len(runs))
    return [order[place : place + 3] for place in range(0, len(order) - 2, 3)]


def judged(before: Triple, after: Triple) -> Comparison:
    """The comparison of two triples; each server had a port of its own."""
    return compare(before, after, source="runs", same_target=True, count="not counted")


def cpu(found: Comparison) -> MetricChange:
    """The metric that the cost was planted in."""
    return next(one for one in found.metrics if one.name == "cpu_per_event")


if __name__ == "__main__":
    main()
