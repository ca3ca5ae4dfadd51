"""Whom runs are compared with: runs that were named, or those of the history that are comparable."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from siotool.cli.counts import Intent
from siotool.cli.report import HISTORY
from siotool.cli.servers_of_costs import counting
from siotool.errors import InputError
from siotool.history import history_file
from siotool.report.comparison.compare import compare
from siotool.report.comparison_figures import Beside, Comparison
from siotool.report.doubts import find_doubts
from siotool.report.generator_lateness import lateness_words
from siotool.report.operations import sum_up
from siotool.runfile import Run
from siotool.runs import reading
from siotool.runs.judged_part import judged_part
from siotool.runs.measures import RunMeasures, measures_of
from siotool.runs.seconds import seconds_of

#: What ``--baseline`` calls the history, what parts a label from it, and what it calls no baseline at all.
_WORD, _LABEL, _NONE = "history", "history:", "none"
#: So many comparable runs of the history, the newest, are its baseline.
_MOST = 10


class Baseline(msgspec.Struct, frozen=True):
    """The other side of a comparison: ``runs`` with their ``doubts``, or those of a ``history``."""

    runs: list[RunMeasures]
    doubts: list[str]
    history: Path | None
    label: str
    same_target: bool


def read_baseline(names: Sequence[str], history: Path | None, *, same_target: bool) -> Baseline | None:
    """Read what ``--baseline`` names, before anything is started; None for no baseline.

    Where it names nothing, a ``history`` that was given is the baseline. Raises InputError for what cannot
    be read, and RunFileError for a run of another format.
    """
    names = names or [_NONE if history is None else _WORD]
    alone = [name for name in names if name in (_WORD, _NONE) or name.startswith(_LABEL)]
    if alone and len(names) > 1:
        raise InputError(
            f"--baseline {alone[0]} beside another baseline", "name runs, or the history alone, or none"
        )
    if names[0] == _NONE:
        return None
    if alone:
        path = history or HISTORY
        if path.exists():
            history_file.read(path, label="", most=1)  # what is no history is refused now
        return Baseline([], [], path, alone[0].partition(":")[2], same_target)
    runs = [reading.read(Path(name)) for name in names]
    for run in runs:
        if not any(interval.connections.attempted for interval in run.intervals):
            raise InputError(f"--baseline {run.path}: nothing was measured in this run", "name another run")
    doubts = [f"the baseline {run.header.run}: {doubt}" for run in runs for doubt in _doubts_of(run)]
    return Baseline([measures_of(run) for run in runs], doubts, None, "", same_target)


def _doubts_of(run: Run) -> list[str]:
    judged = [judged_part(run)]
    seconds = seconds_of(judged)
    operations = sum_up(judged, seconds.held.tolist(), held_s=0.0)  # its rates are not asked for
    return [*find_doubts([run], judged, seconds), *lateness_words(judged, operations.rows).doubts]


def beside(baseline: Baseline | None, runs: Sequence[Run], intent: Intent) -> Beside:
    """Compare runs with their baseline, or say why there is none to compare with."""
    if baseline is None:
        return Beside(None, [], [])
    measured = [measures_of(run) for run in runs]
    before, source = baseline.runs, "runs"
    if baseline.history is not None:
        source = "history"
        before = _comparable(baseline, baseline.history, measured)
        if not before:
            labelled = f" of the label {baseline.label}" if baseline.label else ""
            nothing = (
                f"compared with nothing: {baseline.history} has no trusted run{labelled} of this scenario, "
                "target, load and machine; siotool history add RUN adds one"
            )
            return Beside(None, [], [nothing])
    found = compare(
        before,
        measured,
        source="history" if source == "history" else "runs",
        same_target=baseline.same_target,
        count=counting(runs, intent),
    )
    return Beside(_priced(found, intent), baseline.doubts, [])


def _comparable(baseline: Baseline, path: Path, measured: Sequence[RunMeasures]) -> list[RunMeasures]:
    """The newest comparable runs of the history that are not compared themselves."""
    if not path.exists():
        return []
    mine = {(one.run, one.started_at) for one in measured}
    found = history_file.comparable(
        path,
        measured[0].conditions,
        label=baseline.label,
        same_target=baseline.same_target,
        most=_MOST + len(mine),
    )
    others = [one.measures for one in found if (one.measures.run, one.measures.started_at) not in mine]
    return others[-_MOST:]


def _priced(found: Comparison, intent: Intent) -> Comparison:
    """The difference in servers with their price, where the plan has one."""
    cost = intent.plan.cost if intent.plan is not None else None
    servers = found.servers
    if cost is None or not cost.servers or servers.effect is None:
        return found
    price = cost.servers_per_month / cost.servers
    assert servers.low is not None
    assert servers.high is not None
    priced = msgspec.structs.replace(
        servers,
        per_month=servers.effect * price,
        per_month_low=servers.low * price,
        per_month_high=servers.high * price,
        currency=cost.currency,
    )
    return msgspec.structs.replace(found, servers=priced)
