"""The gates of every run, unless ``--no-default-gates`` drops them.

=====================  ==========================================================
``never_succeeded > 0``  an operation was tried and never succeeded
``errors:OP > 1%``       more than 1 % of the operations of a kind failed
``lost > 0.1%``          more than 0.1 % of the expected deliveries were lost
``connect_errors > 1%``  more than 1 % of the connects failed
``exceptions > 0``       a task, hook or handler of the scenario ended in an exception
``worse > 0``            a metric is worse than that of the baseline
``more_servers >= 1``    a server more is needed than with the baseline's costs
=====================  ==========================================================

A gate on what did not happen in a run is left out. A ``--fail-if`` on the same metric takes
the place of its default; one on the errors of a single name takes that name out of it. One on a user
class or a stage replaces nothing.
"""

from collections.abc import Callable, Sequence

import msgspec

from siotool.report.contents import GateResult, Report
from siotool.report.gates import Gate, Scope, parse
from siotool.report.judging import judge
from siotool.report.parts import Measurable

#: Connects have a gate of their own; their phases cannot fail but with them.
_CONNECTING = frozenset({"connect", "reconnect", "phase"})


class Default(msgspec.Struct, frozen=True):
    """A default gate, and the names whose errors have gates of their own."""

    gate: Gate
    without: frozenset[str] = frozenset()


def default_gates(report: Report, asked: Sequence[Gate]) -> list[Default]:
    """The default gates of a run beside the gates that were ``asked`` for."""
    found = _gates_of_figures(report, asked)
    if report.comparison is not None:
        found.append(Default(parse("worse > 0")))
        if report.comparison.servers.low is not None:
            found.append(Default(parse("more_servers >= 1")))
    return not_replaced(found, asked)


def gates_of_part(figures: Measurable, asked: Sequence[Gate]) -> list[Default]:
    """The default gates of a part of a run, which is compared with nothing."""
    return not_replaced(_gates_of_figures(figures, asked), asked)


def _gates_of_figures(report: Measurable, asked: Sequence[Gate]) -> list[Default]:
    found = [Default(parse("never_succeeded > 0"))] if report.operations else []
    for op in dict.fromkeys(row.op for row in report.operations if row.op not in _CONNECTING):
        errors = of_errors(op, asked)
        if {row.name for row in report.operations if row.op == op} - errors.without:
            found.append(errors)
    if report.delivery.expected:
        found.append(Default(parse("lost > 0.1%")))
    if report.connections.attempted:
        found.append(Default(parse("connect_errors > 1%")))
    if report.connections.attempted or report.exceptions:
        found.append(Default(parse("exceptions > 0")))
    return found


def of_errors(op: str, asked: Sequence[Gate]) -> Default:
    """The default gate of one operation's errors, without the names that have gates of their own."""
    own = {
        gate.name
        for gate in asked
        if gate.metric == "errors" and gate.op == op and gate.name and gate.scope is None
    }
    return Default(parse(f"errors:{op} > 1%"), frozenset(own))


def not_replaced(found: Sequence[Default], asked: Sequence[Gate]) -> list[Default]:
    """Return those whose metric no gate that was ``asked`` for judges in all of the run."""
    replaced = {
        (gate.metric, gate.op if gate.metric == "errors" else None)
        for gate in asked
        if not gate.name and gate.scope is None
    }
    return [default for default in found if (default.gate.metric, default.gate.op) not in replaced]


def judge_all(
    report: Report, asked: Sequence[Gate], within: Callable[[Scope], Measurable], *, defaults: bool
) -> list[GateResult]:
    """What the gates asked for, and the default ones unless they were dropped, find in a report.

    ``within`` gives the figures of a part of the runs, for the gates that are about one.
    """
    results = [judge(gate, report if gate.scope is None else within(gate.scope)) for gate in asked]
    if defaults:
        for default in default_gates(report, asked):
            results.append(judge(default.gate, report, default=True, without=default.without))
    return results
