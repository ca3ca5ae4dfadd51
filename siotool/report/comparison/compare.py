"""Runs beside a baseline: every metric that both sides have, judged together, and what is not the same.

A metric is ``worse`` or ``better`` when three things hold: its p-value, adjusted for all metrics of the
comparison, is at most 5 %; the runs dealt anew say the same as far as so few can (at most 10 %, or the
least that is possible); and the difference is worth telling (``scales``). Half of the 5 % is kept for
the server's CPU, which is what decides servers most often; all others share the other half.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from siotool.errors import InputError
from siotool.report.comparison.effect import SURE, MetricEffect, effect_of
from siotool.report.comparison.holm import adjusted
from siotool.report.comparison.pairing import PairedMetric, pair, same_generator
from siotool.report.comparison.scales import PRIOR_RUNS
from siotool.report.comparison.servers_change import Count, servers_change
from siotool.report.comparison_figures import Change, Comparison, MetricChange
from siotool.runs.conditions import differences
from siotool.runs.measures import RunMeasures
from siotool.units import format_share

#: No difference is told to be more than a million times: logarithms.
_MOST = math.log(1e6)
#: The share of the error that is kept for the CPU of the server.
_OF_CPU = 0.5
#: What the runs dealt anew may say at most.
_DEALT_AT_MOST = 0.10
#: Loads that differ by more than this are not the same load.
_SAME_LOAD = 0.02


def compare(
    before: Sequence[RunMeasures],
    after: Sequence[RunMeasures],
    *,
    source: Literal["runs", "history"],
    same_target: bool,
    count: Count | str,
) -> Comparison:
    """Compare the runs ``after`` with a baseline.

    ``count`` counts servers, or is the reason why it cannot. ``same_target``: the user says that both sides
    are one service at several addresses. Raises InputError for a run that is on both sides, for another
    scenario, and for another target.
    """
    _check(before, after, same_target=same_target)
    referred = same_generator(before, after)
    found, absent = pair(before, after, referred=referred)
    weights = _weights([one.name for one in found])
    names = [one.run for one in (*before, *after)]
    effects = [
        effect_of(
            one.before,
            one.after,
            one.scale.run_scatter,
            [f"{run} {one.name}" for run in names],
            (1 - SURE) * w,
        )
        for one, w in zip(found, weights, strict=True)
    ]
    p_values = adjusted([one.p_value for one in effects], weights)
    metrics = [_change(*parts) for parts in zip(found, effects, p_values, strict=True)]
    return Comparison(
        source=source,
        baseline=[one.run for one in before],
        runs=[one.run for one in after],
        not_same=[
            *differences(*([one.conditions for one in side] for side in (before, after))),
            *_loads(before, after),
        ],
        notes=_notes(before, after, referred=referred),
        servers=servers_change(metrics, count),
        metrics=metrics,
        absent=absent,
    )


def _check(before: Sequence[RunMeasures], after: Sequence[RunMeasures], *, same_target: bool) -> None:
    first, other = before[0], after[0]
    twins = {(one.run, one.started_at) for one in before} & {(one.run, one.started_at) for one in after}
    if twins:
        raise InputError(
            f"the run {min(twins)[0]} is on both sides of the comparison", "name another run with --baseline"
        )
    for one in (*before, *after):
        if one.conditions.scenario != first.conditions.scenario:
            raise InputError(
                f"runs of different scenarios cannot be compared: {other.run} has "
                f"{other.conditions.scenario}, the baseline {first.run} has {first.conditions.scenario}",
                "compare runs of one scenario",
            )
        if one.conditions.target != first.conditions.target and not same_target:
            raise InputError(
                f"the baseline is of another target: {first.run} has {first.conditions.target}, {one.run} "
                f"has {one.conditions.target}",
                "give --same-target when it is one service at two addresses",
            )


def _weights(names: Sequence[str]) -> list[float]:
    if not names:
        return []  # a run in which nothing was tried has nothing to compare
    cpu = [name.startswith("cpu_per_") for name in names]
    if not any(cpu) or all(cpu):
        return [1 / len(names)] * len(names)
    return [_OF_CPU / sum(cpu) if one else (1 - _OF_CPU) / (len(cpu) - sum(cpu)) for one in cpu]


def _change(one: PairedMetric, effect: MetricEffect, p_adjusted: float) -> MetricChange:
    scale = one.scale
    base = scale.back(effect.base) if one.shown is None else one.shown[0]
    new = scale.back(effect.new) if one.shown is None else one.shown[1]

    def absolute(more: float) -> float:
        if scale.relative:
            return base * _share(more)
        return scale.back(effect.base + more) - scale.back(effect.base)

    least = scale.least * base if scale.relative else scale.least
    told = (
        p_adjusted <= 1 - SURE
        and effect.p_permutation <= max(_DEALT_AT_MOST, effect.p_least * (1 + 1e-9))
        and abs(absolute(effect.effect)) >= least
    )
    verdict: Change = ("worse" if effect.effect > 0 else "better") if told else "no difference shown"
    relative = [_share(more) if scale.relative else None for more in (effect.effect, effect.low, effect.high)]
    return MetricChange(
        name=one.name,
        unit=one.unit,
        baseline=base,
        measured=new,
        effect=absolute(effect.effect),
        low=absolute(effect.low),
        high=absolute(effect.high),
        relative=relative[0],
        relative_low=relative[1],
        relative_high=relative[2],
        run_scatter=scale.noise(effect.base, effect.scatter),
        noise_floor=absolute(effect.floor),
        smallest_detectable=max(absolute(effect.detectable), least),
        p_value=effect.p_value,
        p_adjusted=p_adjusted,
        p_permutation=effect.p_permutation,
        verdict=verdict,
    )


def _share(more: float) -> float:
    """What a difference of logarithms is as a share; a few short runs may allow any."""
    return math.expm1(min(more, _MOST))


def _loads(before: Sequence[RunMeasures], after: Sequence[RunMeasures]) -> list[str]:
    """Say when the server had more or less to do on one side."""
    old, new = (_events_per_s(side) for side in (before, after))
    if old is None or new is None or abs(new - old) <= _SAME_LOAD * old:
        return []
    return [f"load: {new:,.0f} events/s, in the baseline {old:,.0f} events/s"]


def _events_per_s(side: Sequence[RunMeasures]) -> float | None:
    rates = []
    for one in side:
        known = {part.name: part for part in one.amounts}
        if "cpu_per_event" in known and "rss" in known:
            rates.append(sum(known["cpu_per_event"].over) / sum(known["rss"].over))
    return float(np.mean(rates)) if rates else None


def _notes(before: Sequence[RunMeasures], after: Sequence[RunMeasures], *, referred: bool) -> list[str]:
    notes = []
    fewest = min(len(before), len(after))
    if fewest == len(before) == len(after) == 1:
        notes.append(
            "one run on each side: how much one run differs from the next was not seen, so a scatter is "
            "assumed for each metric; three runs on each side show much smaller differences"
        )
    elif fewest < 3:
        notes.append(
            "few runs: the scatter between runs that was seen is steadied by an assumed one, which counts "
            f"for {PRIOR_RUNS:g} runs"
        )
    if referred:
        old, new = (_reference_cost(side) for side in (before, after))
        notes.append(
            "the server's CPU is compared beside that of the generator on the same machine, which took "
            f"{_more(new / old - 1)} for an event than in the baseline: what slows both is the machine"
        )
    return notes


def _reference_cost(side: Sequence[RunMeasures]) -> float:
    costs = [part for one in side for part in one.amounts if part.reference]
    return math.exp(sum(math.log(sum(part.reference) / sum(part.over)) for part in costs) / len(costs))


def _more(share: float) -> str:
    if abs(share) < 0.0005:
        return "the same CPU"
    return f"{format_share(abs(share))} {'more' if share > 0 else 'less'} CPU"
