"""Pass rules: ``--fail-if EXPRESSION``. A run FAILS when the expression is true.

The grammar, in full::

    gate       = metric [scope] comparison limit
    scope      = "[" part {"," part} "]"           p99:ack:echo[class=Writer] > 200ms
    part       = "class=" NAME | "stage=" NUMBER   errors:ack[stage=3] > 1%
               | "fault=" NUMBER | "before" | "after"                     lost[fault=1] > 1%
    comparison = ">" | ">=" | "<" | "<="
    metric     = percentile ":" op [":" name]     limit: a duration       p99:ack:echo > 200ms
               | percentile ":away"               limit: a duration       p99:away > 10s
               | "back_all"                       limit: a duration       back_all > 10s
               | "errors" ":" op [":" name]       limit: a share or count errors:ack > 1%
               | "rate" ":" op [":" name]         limit: per second       rate:ack:echo < 100/s
               | "lost" | "duplicate" | "reordered"
               | "misdelivered"                   limit: a share or count lost > 0.1%
               | "worse"                          limit: a share or count worse > 5%
               | "more_servers"                   limit: a count          more_servers >= 1
               | "connect_errors"                 limit: a share or count connect_errors > 1%
               | "exceptions"                     limit: a count          exceptions > 0
               | "never_succeeded"                limit: a count          never_succeeded > 0
               | "connections"                    limit: a count          connections < 1000
               | "server_cpu"                     limit: a share or cores server_cpu > 80%
               | "server_rss"                     limit: a size           server_rss > 2GB
               | "bandwidth_in" | "bandwidth_out" limit: a byte rate      bandwidth_in > 10MB/s
    percentile = "p50" | "p90" | "p95" | "p99" | "p99.9" | "max" | "mean"
    op         = "connect" | "phase" | "upgrade" | "namespace" | "ack" | "deliver" | "reconnect" | "custom"

``away`` is how long users were away that had lost their connection, ``back_all`` how long an outage
lasted until everybody was back, of the longest one; users that were never back fail both, and where
nothing was lost both are 0. Without a name, all names of the operation are taken together. A name may
hold spaces and colons. Percentiles are of response times, from the intended start. A share of ``errors`` is
of the operations tried, of ``connect_errors`` of the connections attempted, of ``lost``,
``duplicate``, ``reordered`` and ``misdelivered`` of the deliveries expected. ``exceptions`` counts
what was raised out of a task, a hook or a handler of the scenario; failed checks are ``errors:custom``.
``never_succeeded`` counts the operations, by name, that were tried and had no success at all.
``server_cpu`` is the mean over
the hold phase: ``80%`` of the cores the server can fill, or ``1.5 cores``; a bare number is
refused, because it could mean either.
``server_rss`` and ``connections`` are maxima; ``rate`` and ``bandwidth_*`` means as the
report shows them. ``worse`` counts the metrics that are worse than those of a baseline; a
share is of the baseline, and compared with the lower end of the interval. ``more_servers`` is the lower
end of the difference in servers. A metric that was not measured fails its gate, with the reason.

``class`` takes only the operations of the users of one class: percentiles, ``errors`` and ``rate`` of
what is counted by class (not ``deliver``, not ``custom``), and ``connect_errors``. ``stage`` takes only
the seconds of one stage, from 1 on, and everything but ``away`` and ``back_all``. ``fault`` takes the time
of one fault, from 1 on; ``before`` and ``after`` what is before and after all of them (``fault_spans``).
"""

import difflib
import operator
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from siotool.errors import GateError, UnitError
from siotool.report import gate_metrics
from siotool.report.gate_metrics import (
    AWAY,
    EXAMPLES,
    OF_COMPARISONS,
    OF_OPERATIONS,
    OF_THE_RUN,
    OPS,
    PERCENTILES,
    Unit,
)
from siotool.runs.classes import OF_ALL_CLASSES

COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_COMPARISON = re.compile(r"[<>=!]+")
#: A scope behind the metric. No event is known to be called so.
_SCOPE = re.compile(r"\[\s*(\w+\s*=[^\[\]]*|before|after)\s*\]\s*$")
_SCOPES = ("class", "stage", "fault")
_SCOPED = "p99:ack:echo[class=Writer] > 200ms"


class Scope(msgspec.Struct, frozen=True):
    """The part of a run that a gate is about: the users of one class, one stage (from 1 on), or both.

    ``fault`` is the number of a fault (from 1 on), ``before`` or ``after``.
    """

    user_class: str | None = None
    stage: int | None = None
    fault: str | None = None


class Gate(msgspec.Struct, frozen=True):
    """One parsed expression; ``limit`` is in SI ``unit``; op and name only where they apply.

    ``scope`` is None for all of the run.
    """

    text: str
    metric: str
    op: str | None
    name: str | None
    comparison: Literal[">", ">=", "<", "<="]
    limit: float
    unit: Unit
    scope: Scope | None = None


def parse(text: str) -> Gate:
    """Read one expression. Raises GateError naming what is wrong, where, and an example."""
    found = list(_COMPARISON.finditer(_masked(text)))
    if not found:
        raise _error(text, len(text), "no comparison (> >= < <=)", "p99:ack:echo > 200ms")
    # the last one: an event name may hold a ">" of its own, a limit cannot
    sign = found[-1]
    if sign.group() not in COMPARE:
        raise _error(text, sign.start(), f"unknown comparison {sign.group()!r} (> >= < <=)", "lost > 0")
    left = text[: sign.start()]
    scoped = _SCOPE.search(left)
    metric, op, name = _metric(text, left[: scoped.start()] if scoped else left)
    scope = _scope(text, scoped, metric, op) if scoped else None
    limit, unit = _limit(text, sign.end(), metric)
    if sign.group() == "<" and limit == 0 and metric not in OF_COMPARISONS:
        raise _error(text, sign.start(), f"it is never true: {metric} is 0 at least", EXAMPLES[metric])
    return Gate(
        text=" ".join(text.split()),
        metric=metric,
        op=op,
        name=name,
        comparison=sign.group(),  # type: ignore[arg-type]  # one of COMPARE's keys
        limit=limit,
        unit=unit,
        scope=scope,
    )


def recorded(texts: Iterable[str]) -> tuple[list[Gate], list[str]]:
    """Read the gates that runs were started with; say which of them this version knows no more."""
    gates, said = [], []
    for text in dict.fromkeys(texts):
        try:
            gates.append(parse(text))
        except GateError as error:
            said.append(f"a gate of the run is not judged: {error.message}; {error.hint}")
    return gates, said


def scoped(gate: Gate, *, fault: str) -> Gate:
    """The same gate on a part of the run: before or after its faults."""
    left, sign, limit = _masked(gate.text).rpartition(gate.comparison)
    left = gate.text[: len(left)].rstrip()
    text = f"{left}[{fault}] {sign}{limit}"
    return msgspec.structs.replace(gate, text=text, scope=Scope(fault=fault))


def check_scopes(gates: Sequence[Gate], user_classes: Sequence[str], stages: int, faults: int) -> None:
    """Refuse a gate on a user class, a stage or a fault that a run does not have; ``stages`` 0: unknown.

    Raises GateError.
    """
    for gate in gates:
        scope = gate.scope or Scope()
        if scope.user_class is not None and scope.user_class not in user_classes:
            raise GateError(
                f"gate {gate.text!r}: the scenario has no user class {scope.user_class}",
                _nearest(scope.user_class, tuple(user_classes)).rstrip("; "),
            )
        if scope.fault is not None and not faults:
            raise GateError(f"gate {gate.text!r}: there is no fault", "plan one with --fault")
        if scope.fault is not None and scope.fault.isdecimal() and int(scope.fault) > faults:
            raise GateError(
                f"gate {gate.text!r}: there is no fault {scope.fault}", f"the run has {faults}, from 1 on"
            )
        if scope.stage is not None and stages and scope.stage > stages:
            raise GateError(
                f"gate {gate.text!r}: there is no stage {scope.stage}", f"the run has {stages}, from 1 on"
            )


def _masked(text: str) -> str:
    """The text with the signs between brackets hidden: ``[stage=3]`` is no comparison."""
    return re.sub(r"\[[^\[\]]*\]", lambda found: "_" * len(found.group()), text)


def _scope(text: str, found: re.Match[str], metric: str, op: str | None) -> Scope:
    values: dict[str, str] = {}
    for part in found.group(1).split(","):
        key, _, value = (word.strip() for word in part.partition("="))
        if key in ("before", "after") and not value:
            key, value = "fault", key
        if key not in _SCOPES:
            raise _error(text, found.start(), f"unknown scope {key!r}", _SCOPED, _nearest(key, _SCOPES))
        if not value:
            raise _error(text, found.start(), f"no value of {key!r}", _SCOPED)
        if key in values:
            raise _error(text, found.start(), f"{key!r} is given twice", _SCOPED)
        values[key] = value
    stage = values.get("stage")
    if stage is not None and not _counts(stage):
        raise _error(
            text, found.start(), f"no stage {stage!r}: they count from 1", "errors:ack[stage=3] > 1%"
        )
    fault = values.get("fault")
    if fault is not None and not (fault in ("before", "after") or _counts(fault)):
        raise _error(text, found.start(), f"no fault {fault!r}: they count from 1", "lost[fault=1] > 1%")
    if fault is not None and stage is not None:
        raise _error(text, found.start(), "a stage and a fault", "lost[fault=1] > 1%")
    if metric in OF_COMPARISONS:
        raise _error(text, found.start(), "a comparison is of the whole run", EXAMPLES[metric])
    if (stage or fault) is not None and (op == AWAY or metric == "back_all"):
        raise _error(text, found.start(), "an outage belongs to no stage and no fault", EXAMPLES["back_all"])
    of_class = values.get("class")
    if of_class is not None and (metric not in (*OF_OPERATIONS, "connect_errors") or op == AWAY):
        raise _error(text, found.start(), f"{metric!r} is not counted by user class", _SCOPED)
    if of_class is not None and op in OF_ALL_CLASSES:
        raise _error(text, found.start(), f"{op!r} is not counted by user class", _SCOPED)
    return Scope(of_class, int(stage) if stage is not None else None, fault)


def _counts(number: str) -> bool:
    """Whether it is a whole number from 1 on; one of many digits is none that a run has."""
    return number.isascii() and number.isdecimal() and len(number) < 10 and int(number) > 0


def _error(text: str, position: int, problem: str, example: str, suggestion: str = "") -> GateError:
    return GateError(
        f"gate {text!r}, character {position + 1}: {problem}", f"{suggestion}write it like {example!r}"
    )


def _nearest(word: str, known: tuple[str, ...]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]}? " if nearest else f"known: {', '.join(known)}; "


def _metric(text: str, left: str) -> tuple[str, str | None, str | None]:
    parts = left.split(":", 2)
    metric = parts[0].strip()
    start = len(left) - len(left.lstrip())
    known = (*OF_OPERATIONS, *OF_THE_RUN)
    if not metric:
        raise _error(text, start, "no metric", "p99:ack:echo > 200ms")
    if metric not in known:
        raise _error(
            text, start, f"unknown metric {metric!r}", "p99:ack:echo > 200ms", _nearest(metric, known)
        )
    example = EXAMPLES[metric]
    after = len(parts[0]) + 1
    if metric in OF_THE_RUN:
        if len(parts) > 1:
            raise _error(text, after - 1, f"{metric!r} is of the whole run and takes no ':'", example)
        return metric, None, None
    if len(parts) == 1:
        raise _error(text, len(left.rstrip()), f"{metric!r} needs an operation ({', '.join(OPS)})", example)
    op = parts[1].strip()
    if op == AWAY and metric in PERCENTILES and len(parts) == 2:
        return metric, op, None
    if op not in OPS:
        problem = f"unknown operation {op!r}" if op else f"no operation ({', '.join(OPS)})"
        raise _error(text, after, problem, example, _nearest(op, OPS) if op else "")
    if metric == "errors" and op == "phase":
        problem = "phases are counted where they succeed; one that fails is a failed connect"
        raise _error(text, after, problem, EXAMPLES["connect_errors"])
    if len(parts) == 2:
        return metric, op, None
    name = parts[2].strip()
    if not name:
        raise _error(text, len(left.rstrip()), "no name after the last ':'", example)
    return metric, op, name


def _limit(text: str, position: int, metric: str) -> tuple[float, Unit]:
    limit = text[position:].strip()
    position += len(text[position:]) - len(text[position:].lstrip())
    example = EXAMPLES[metric]
    if not limit:
        raise _error(text, len(text), "no limit", example)
    try:
        value, unit = gate_metrics.quantity(metric, limit)
    except UnitError as error:
        what = error.message.removeprefix("limit: ")
        raise _error(text, position, what, example, f"{error.hint}; ") from error
    if value < 0:
        raise _error(text, position, f"the limit {limit!r} is negative", example)
    return value, unit
