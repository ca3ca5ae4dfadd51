"""Which metrics both sides of a comparison have, each with its runs drawn anew."""

import math
from collections.abc import Sequence

import msgspec
from numpy.random import PCG64, Generator

from siotool.histogram import merged
from siotool.report.comparison.block_draws import DrawnRun, redraw_quantiles, redraw_ratio
from siotool.report.comparison.scales import Scale, scale_of_amounts, scale_of_times
from siotool.runs.measures import Amounts, RunMeasures, Times

#: Runs whose bytes of a connection differ by more gave the generator other work.
_SAME_BYTES = 1.05
#: A percentile needs so many times in each run.
PERCENTILES = {"p50": (0.5, 20), "p95": (0.95, 200), "p99": (0.99, 1000)}


class PairedMetric(msgspec.Struct, frozen=True):
    """One metric of both sides, before all are judged together."""

    name: str
    unit: str
    scale: Scale
    before: list[DrawnRun]
    after: list[DrawnRun]
    #: What both sides are said to have, where that is not what is compared.
    shown: tuple[float, float] | None = None


def same_generator(before: Sequence[RunMeasures], after: Sequence[RunMeasures]) -> bool:
    """Whether the same generator did the same work beside the servers: its CPU tells the machine's speed."""
    machine = ("generator", "system", "Python", "siotool", "libraries")
    alike = (*machine, "client", "transport", "settings", "users")
    kinds = {tuple(one.conditions.others.get(name) for name in alike) for one in (*before, *after)}
    parts = [part for one in (*before, *after) for part in one.amounts]
    costs = [part for part in parts if part.kind == "cost"]
    moved = [part.value for part in parts if part.kind == "bytes"]
    same_work = bool(moved) and max(moved) <= _SAME_BYTES * min(moved)
    whole = len(costs) == len(before) + len(after)
    return len(kinds) == 1 and same_work and whole and all(part.reference for part in costs)


def pair(
    before: Sequence[RunMeasures], after: Sequence[RunMeasures], *, referred: bool
) -> tuple[list[PairedMetric], list[str]]:
    """What all runs of both sides have, and what only one side has."""
    found, absent = [], []
    sides = before, after
    of_amounts = [[{part.name: part for part in one.amounts} for one in side] for side in sides]
    of_times = [[{part.name: part for part in one.times} for one in side] for side in sides]
    for name in dict.fromkeys(name for side in of_amounts for one in side for name in one):
        old, new = ([one[name] for one in side if name in one] for side in of_amounts)
        if len(old) < len(before) or len(new) < len(after):
            absent.append(f"{name}: not measured in {_where(len(old), len(new), len(before), len(after))}")
        elif old[0].kind != "share" and any(one.value <= 0 for one in (*old, *new)):
            absent.append(f"{name}: 0 in a run")
        else:
            found.append(
                _of_amounts(old, new, referred=referred, runs=[one.run for one in (*before, *after)])
            )
    for name in dict.fromkeys(name for side in of_times for one in side for name in one):
        both = [[one[name] for one in side if name in one] for side in of_times]
        if len(both[0]) < len(before) or len(both[1]) < len(after):
            absent.append(f"{name}: not in {_where(len(both[0]), len(both[1]), len(before), len(after))}")
        else:
            found += _of_times(both[0], both[1], runs=[one.run for one in (*before, *after)])
    return found, absent


def _where(old: int, new: int, before: int, after: int) -> str:
    sides = [
        name for name, has, of in (("the baseline", old, before), ("these runs", new, after)) if has < of
    ]
    return " nor ".join(sides) if old == new == 0 else "every run of " + " and of ".join(sides)


def _of_amounts(
    old: list[Amounts], new: list[Amounts], *, referred: bool, runs: Sequence[str]
) -> PairedMetric:
    first = old[0]
    referred = referred and first.kind == "cost"
    scale = scale_of_amounts(first.name, first.kind, referred=referred)
    drawn = [
        redraw_ratio(one.amounts, one.reference if referred else one.over, scale, _generator(run))
        for one, run in zip((*old, *new), runs, strict=True)
    ]
    shown = None
    if referred:
        shown = (_middle(old), _middle(new))
    return PairedMetric(first.name, first.unit, scale, drawn[: len(old)], drawn[len(old) :], shown)


def _middle(side: Sequence[Amounts]) -> float:
    return math.exp(sum(math.log(one.value) for one in side) / len(side))


def _of_times(old: list[Times], new: list[Times], *, runs: Sequence[str]) -> list[PairedMetric]:
    every = [*old, *new]
    fewest = min(sum(block.count for block in one.blocks) for one in every)
    told = [name for name, (_, needed) in PERCENTILES.items() if fewest >= needed]
    scales = [scale_of_times(name, old[0].name) for name in told]
    quantiles = [PERCENTILES[name][0] for name in told]
    if not told or any(merged(one.blocks).min_s <= 0 for one in every):
        return []
    drawn = [
        redraw_quantiles(one.blocks, quantiles, scales, _generator(run))
        for one, run in zip(every, runs, strict=True)
    ]
    return [
        PairedMetric(
            f"{name}:{old[0].name}",
            "s",
            scale,
            [run[number] for run in drawn[: len(old)]],
            [run[number] for run in drawn[len(old) :]],
        )
        for number, (name, scale) in enumerate(zip(told, scales, strict=True))
    ]


def _generator(run: str) -> Generator:
    """The same blocks are drawn of a run whatever it is compared with."""
    return Generator(PCG64(list(run.encode())))
