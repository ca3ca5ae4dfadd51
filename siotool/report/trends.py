"""Past runs by what they have in common, and the lasting changes of their metrics."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from siotool.histogram import merged
from siotool.report.change_points import change_points
from siotool.report.comparison.pairing import PERCENTILES, same_generator
from siotool.report.comparison.scales import Scale, scale_of_amounts, scale_of_times
from siotool.report.history_figures import ChangePoint, PastFigures, PastRuns, Trend
from siotool.runs.conditions import OF_HISTORY, alike
from siotool.runs.measures import RunMeasures
from siotool.runs.past_run import PastRun

VERSION = 1


def past_runs(file: str, runs: Sequence[PastRun], *, same_target: bool) -> PastRuns:
    """Return the trends of some runs, which are in the order of time; the largest group first.

    ``same_target``: the user says that all addresses are of one service.
    """
    groups: dict[tuple[str, str, str], list[PastRun]] = {}
    for one in runs:
        conditions = one.measures.conditions
        target = "" if same_target else conditions.target
        groups.setdefault((conditions.scenario, target, alike(conditions)), []).append(one)
    trends = sorted(map(_trend, groups.values()), key=lambda trend: -len(trend.runs))
    return PastRuns(version=VERSION, file=file, trends=trends)


def _trend(runs: Sequence[PastRun]) -> Trend:
    first = runs[0].measures.conditions
    every = [one.measures for one in runs]
    referred = same_generator(every, [])
    units: dict[str, str] = {}
    scales: dict[str, Scale] = {}
    metrics = [_metrics(one, units, scales, referred=referred) for one in every]
    if referred:
        _at_one_speed(every, metrics)
    changes = [
        change
        for name, scale in scales.items()
        for change in _changes(name, units[name], scale, every, metrics)
    ]
    figures = [
        PastFigures(
            run=one.measures.run,
            started_at=one.measures.started_at,
            added_at=one.added_at,
            label=one.label,
            code=one.code,
            valid=one.valid,
            verdict=one.verdict,
            metrics=found,
        )
        for one, found in zip(runs, metrics, strict=True)
    ]
    conditions = {name: first.others.get(name, "") for name in OF_HISTORY}
    return Trend(first.scenario, first.target, conditions, units, figures, changes)


def _metrics(
    run: RunMeasures, units: dict[str, str], scales: dict[str, Scale], *, referred: bool
) -> dict[str, float]:
    """The metrics of a run by name; their units and scales are noted."""
    found = {}
    for part in run.amounts:
        found[part.name], units[part.name] = part.value, part.unit
        scales[part.name] = scale_of_amounts(part.name, part.kind, referred=referred)
    for times in run.times:
        whole = merged(times.blocks)
        for percentile, (quantile, needed) in PERCENTILES.items():
            value = whole.quantile(quantile)
            if value is not None and whole.count >= needed:
                name = f"{percentile}:{times.name}"
                found[name], units[name] = value, "s"
                scales[name] = scale_of_times(percentile, times.name)
    return found


def _at_one_speed(runs: Sequence[RunMeasures], metrics: Sequence[dict[str, float]]) -> None:
    """Write the server's CPU as it would have been, had the machine had its median speed in each run."""
    costs = [[part for part in run.amounts if part.kind == "cost"] for run in runs]
    speeds = [sum(parts[0].reference) / sum(parts[0].over) for parts in costs]
    middle = float(np.median(speeds))
    for parts, speed, found in zip(costs, speeds, metrics, strict=True):
        for part in parts:
            found[part.name] *= middle / speed


def _changes(
    name: str, unit: str, scale: Scale, runs: Sequence[RunMeasures], metrics: Sequence[Mapping[str, float]]
) -> list[ChangePoint]:
    known = [
        (run.run, found[name])
        for run, found in zip(runs, metrics, strict=True)
        if name in found and (found[name] > 0 or not scale.relative)
    ]
    values = [scale.to(value) for _, value in known]
    begins = [0, *change_points(values, scale.run_scatter), len(values)]
    found_changes = []
    for left, place, right in zip(begins, begins[1:], begins[2:], strict=False):
        before, after = (
            scale.back(float(np.mean(part))) for part in (values[left:place], values[place:right])
        )
        change = after / before - 1 if scale.relative else after - before
        if not math.isclose(change, 0.0, abs_tol=scale.least):
            found_changes.append(
                ChangePoint(name, unit, known[place][0], before, after, change, place - left, right - place)
            )
    return found_changes
