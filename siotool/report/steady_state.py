"""Gates of a run with faults: they judge the service before the first fault and after the last one.

What happens while a fault lasts is what the run is made for, so it fails no gate that is not about it: the
idea is Chaos Toolkit's steady-state hypothesis, which holds before and after
(https://chaostoolkit.org/reference/concepts/). A gate with a scope is judged as it stands, and so are those
on outages and on comparisons.
"""

from collections.abc import Callable, Sequence

from siotool.report.contents import GateResult, Report
from siotool.report.default_gates import default_gates, gates_of_part
from siotool.report.fault_spans import AFTER, BEFORE
from siotool.report.gate_metrics import AWAY, OF_COMPARISONS
from siotool.report.gates import Gate, Scope, scoped
from siotool.report.judging import judge
from siotool.report.parts import PartFigures

#: Operations of users that are connected; to connect, most of them need only once.
_CONNECTING = frozenset(("connect", "reconnect", "phase", "upgrade", "namespace"))


def judge_around(
    report: Report,
    asked: Sequence[Gate],
    within: Callable[[Scope], PartFigures],
    *,
    defaults: bool,
    well_again: bool,
) -> list[GateResult]:
    """What gates find before and after the faults of a report.

    ``well_again``: each run that had a fault went on after it was over.
    """
    results = [
        judge(gate, report if gate.scope is None else within(gate.scope))
        for gate in asked
        if gate.scope is not None or _of_the_whole(gate)
    ]
    for part in (BEFORE, AFTER):
        figures = within(Scope(fault=part))
        nothing = not figures.operations and not figures.connections.peak
        if part == AFTER and (nothing or not well_again):
            results.append(_never_well())
        if nothing:
            continue
        for gate in asked:
            if gate.scope is None and not _of_the_whole(gate) and not _only_begins(gate, part, figures):
                results.append(judge(scoped(gate, fault=part), figures))
        for default in gates_of_part(figures, asked) if defaults else ():
            gate = scoped(default.gate, fault=part)
            results.append(judge(gate, figures, default=True, without=default.without))
    if defaults and report.comparison is not None:
        compared = [one for one in default_gates(report, asked) if one.gate.metric in OF_COMPARISONS]
        results += [judge(one.gate, report, default=True) for one in compared]
    return results


def _of_the_whole(gate: Gate) -> bool:
    return gate.metric in OF_COMPARISONS or gate.metric == "back_all" or gate.op == AWAY


def _only_begins(gate: Gate, part: str, figures: PartFigures) -> bool:
    """Whether a gate is about what happens at the begin of a user, and did not happen in a later part."""
    if part == BEFORE:
        return False
    if gate.metric == "connect_errors":
        return not figures.connections.attempted
    return gate.op in _CONNECTING and not any(row.op == gate.op for row in figures.operations)


def _never_well() -> GateResult:
    return GateResult(
        expr="steady state after the faults",
        default=True,
        value=None,
        unit="count",
        outcome="failed",
        reason="not everybody was back before the run ended, or it ended with the fault",
    )
