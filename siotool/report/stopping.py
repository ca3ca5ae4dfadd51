"""``--stop-if EXPRESSION``: ends a run whose gate is hopeless, judged second by second.

Times, shares and rates are judged by each second alone; counts (``errors:ack > 100``) by the run so far, as
they can only grow. The run ends once an expression was true for the grace period without a second in which it
was false. A second without such an operation says nothing either way. An expression with ``<`` is judged
only while all users of its stage are there: during a ramp it would be true by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from siotool.errors import GateError
from siotool.report.contents import GateResult
from siotool.report.gate_metrics import AWAY, OF_COMPARISONS
from siotool.report.gates import Gate, parse
from siotool.report.judging import judge
from siotool.report.parts import Measurable
from siotool.runfile import Delivery, Header, Interval, Operation, Run, ScenarioFailure
from siotool.stopped import Stopped
from siotool.units import format_duration

#: What gates measure in some seconds of a run.
Look = Callable[[Header, Interval, Gate], Measurable]


def parse_stop(text: str, *, server_sampled: bool) -> Gate:
    """Read one expression. Raises GateError for one that no running test can judge."""
    gate = parse(text)
    if gate.metric == "back_all" or gate.op == AWAY:
        raise GateError(
            f"--stop-if {gate.text!r}: how long users were away is known at the end of a run",
            "judge it with --fail-if; a running test knows p99:ack > 1s or errors:ack > 50%",
        )
    if gate.metric in OF_COMPARISONS or (gate.scope is not None and gate.scope.fault is not None):
        raise GateError(
            f"--stop-if {gate.text!r}: what was before, in or after a fault, or how runs compare, is known "
            "at the end of a run",
            "judge it with --fail-if",
        )
    if gate.metric.startswith("server_") and not server_sampled:
        raise GateError(
            f"--stop-if {gate.text!r}: the server is not sampled", "name its process with --server-pid"
        )
    return gate


class StopRule:
    """Judges one expression second by second; reads no clock."""

    def __init__(self, gate: Gate, grace_s: float, header: Header, look: Look) -> None:
        self._gate = gate
        self._grace_s = grace_s
        self._header = header
        self._look = look
        #: When it became true; None while it is not.
        self._since: float | None = None
        self._so_far: Interval | None = None

    def update(self, interval: Interval) -> Stopped | None:
        """Take one more second; return why the run is to end, None while it may go on."""
        if self._elsewhere(interval):
            return None
        seconds = self._seconds(interval)
        if not self._applies(interval):
            return None
        found = judge(self._gate, self._look(self._header, seconds, self._gate))
        if found.value is None:
            return None
        if not found.failed:
            self._since = None
            return None
        if self._since is None:
            self._since = interval.t_s - interval.duration_s
        true_s = interval.t_s - self._since
        if true_s < self._grace_s:
            return None
        return Stopped(gate=self._gate.text, value=found.value, for_s=round(true_s, 3))

    def _elsewhere(self, interval: Interval) -> bool:
        """Whether a second belongs to another stage than the expression is about."""
        stage = self._gate.scope.stage if self._gate.scope is not None else None
        return stage not in (None, interval.stage + 1)

    def _applies(self, interval: Interval) -> bool:
        """Whether the expression says something about a second."""
        if interval.draining:
            return False
        return self._gate.comparison in (">", ">=") or _all_there(self._header, interval)

    def _seconds(self, interval: Interval) -> Interval:
        if self._gate.unit != "count" or self._gate.metric == "connections":
            return interval
        self._so_far = interval if self._so_far is None else added(self._so_far, interval)
        return self._so_far


def stop_rules(
    gates: Sequence[Gate], grace_s: float, look: Look
) -> Callable[[Header], Callable[[Interval], Stopped | None]]:
    """Return what makes, of a run's header, the judge of its seconds: the first rule that ends it."""

    def begin(header: Header) -> Callable[[Interval], Stopped | None]:
        rules = [StopRule(gate, grace_s, header, look) for gate in gates]

        def update(interval: Interval) -> Stopped | None:
            return next(filter(None, [rule.update(interval) for rule in rules]), None)

        return update

    return begin


def stops_of(runs: Sequence[Run]) -> Iterator[GateResult]:
    """Yield the gates that ended runs early, as gates that failed."""
    for run in runs:
        if run.end is not None and (stopped := run.end.stopped) is not None:
            yield GateResult(
                expr=stopped.gate,
                default=False,
                value=stopped.value,
                unit=parse(stopped.gate).unit,
                outcome="failed",
                reason=f"by --stop-if, which ended the run after {format_duration(run.end.t_s)}: "
                f"true for {format_duration(stopped.for_s)}",
            )


def _all_there(header: Header, interval: Interval) -> bool:
    stages = header.workload.stages
    if interval.stage >= len(stages):
        return True  # users that arrive, or a load shape: what is wanted is not known
    return interval.connections.users >= stages[interval.stage].users


def added(before: Interval, interval: Interval) -> Interval:
    """Return both together as far as counts go: without times, bytes and what the server used."""
    delivery = Delivery(
        **{
            name: getattr(before.delivery, name) + getattr(interval.delivery, name)
            for name in Delivery.__struct_fields__
        }
    )
    classes = before.class_operations.keys() | interval.class_operations.keys()
    return msgspec.structs.replace(
        interval,
        duration_s=before.duration_s + interval.duration_s,
        connections=msgspec.structs.replace(
            interval.connections,
            attempted=before.connections.attempted + interval.connections.attempted,
            established=before.connections.established + interval.connections.established,
            failed=_summed(before.connections.failed, interval.connections.failed),
        ),
        operations=_counts(before.operations, interval.operations),
        class_operations={
            name: _counts(before.class_operations.get(name, []), interval.class_operations.get(name, []))
            for name in sorted(classes)
        },
        delivery=delivery,
        exceptions=_exceptions(before.exceptions, interval.exceptions),
    )


def _summed(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))


def _counts(before: Sequence[Operation], now: Sequence[Operation]) -> list[Operation]:
    found: dict[tuple[str, str], Operation] = {}
    for operation in (*before, *now):
        key = operation.op, operation.name
        known = found.get(key, Operation(operation.op, operation.name))
        found[key] = Operation(
            operation.op,
            operation.name,
            known.count + operation.count,
            _summed(known.errors, operation.errors),
        )
    return list(found.values())


def _exceptions(before: Sequence[ScenarioFailure], now: Sequence[ScenarioFailure]) -> list[ScenarioFailure]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for found in (*before, *now):
        counts[found.kind, found.message, found.where] += found.count
    return [ScenarioFailure(*key, count=count) for key, count in counts.items()]
