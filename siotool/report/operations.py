"""Operations of many intervals as one row each. Different operations never share a row."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import msgspec

from siotool.report.contents import OperationFigures
from siotool.report.percentiles import TimesBySecond
from siotool.runfile import Operation, OpKind, Run
from siotool.runs.clock_error import clock_error_s

#: What happens while connecting is counted over the run: the hold phase has none of it.
_OVER_THE_RUN = frozenset({"connect", "phase", "upgrade", "namespace", "reconnect"})
#: Its times begin where a message is sent and end where it arrives.
_ONE_WAY = "deliver"
_ORDER = {op: number for number, op in enumerate(get_args(OpKind))}


class _Total:
    """One operation summed up: all of it, and the successes within the hold phase."""

    def __init__(self) -> None:
        self.count = 0
        self.given_up = 0
        self.held = 0
        self.errors: Counter[str] = Counter()
        self.response = TimesBySecond()
        self.service = TimesBySecond()

    def add(self, operation: Operation, second: int, run: int, *, held: bool) -> None:
        self.count += operation.count
        self.given_up += operation.given_up.count
        self.held += operation.count if held else 0
        if operation.errors:
            self.errors.update(operation.errors)
        self.response.add(operation.response, second, run)
        self.response.add(operation.given_up, second, run)
        self.service.add(operation.service, second, run)

    def merge(self, other: "_Total") -> None:
        self.count += other.count
        self.given_up += other.given_up
        self.held += other.held
        self.errors.update(other.errors)
        self.response.merge(other.response)
        self.service.merge(other.service)


#: Kind and name of an operation.
Named = tuple[str, str]


class Operations(msgspec.Struct, frozen=True):
    """Rows by (op, name), and by op alone for the operations that have several names.

    ``times`` are the response times of each, also of those that were given up.
    """

    rows: list[OperationFigures]
    merged: list[OperationFigures]
    times: dict[Named, TimesBySecond]


def sum_up(
    runs: Sequence[Run], held: Iterable[bool], *, held_s: float, target: int | None = None
) -> Operations:
    """Sum operations over the intervals of runs; ``held`` marks those of the hold phase, ``held_s`` long.

    ``target``: only those of this one, by its number. The time that a run waited at its end for what
    was under way is in no rate.
    """
    totals: dict[Named, _Total] = {}
    run_s = 0.0
    intervals = ((number, interval) for number, run in enumerate(runs) for interval in run.intervals)
    for second, ((run, interval), in_hold) in enumerate(zip(intervals, held, strict=True)):
        run_s += 0.0 if interval.draining else interval.duration_s
        of = interval if target is None else interval.targets[target]
        for operation in of.operations:
            key = operation.op, operation.name
            total = totals.get(key)
            if total is None:
                total = totals[key] = _Total()
            total.add(operation, second, run, held=in_hold)
    error_s = clock_error_s(runs)
    ordered = sorted(totals.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1]))
    by_op: dict[str, list[_Total]] = {}
    for (op, _), total in ordered:
        by_op.setdefault(op, []).append(total)
    return Operations(
        rows=[_figures(op, name, total, run_s, held_s, error_s) for (op, name), total in ordered],
        merged=[
            _figures(op, "*", _merge(parts), run_s, held_s, error_s)
            for op, parts in by_op.items()
            if len(parts) > 1
        ],
        times={key: total.response for key, total in ordered},
    )


def _merge(parts: list[_Total]) -> _Total:
    whole = _Total()
    for part in parts:
        whole.merge(part)
    return whole


def _figures(
    op: str, name: str, total: _Total, run_s: float, held_s: float, error_s: float | None
) -> OperationFigures:
    over: Literal["hold", "run"] = "run" if op in _OVER_THE_RUN else "hold"
    successes, seconds = (total.count, run_s) if over == "run" else (total.held, held_s)
    response, service = total.response.histogram(), total.service.histogram()
    known = total.response.percentiles(response)
    return OperationFigures(
        op=op,
        name=name,
        count=total.count,
        given_up=total.given_up,
        errors=dict(sorted(total.errors.items())),
        rate_per_s=successes / seconds if seconds > 0 else None,
        rate_over=over,
        **{f"{at}_s": found.value for at, found in known.items()},
        **{f"{at}_low_s": found.low for at, found in known.items()},
        **{f"{at}_high_s": found.high for at, found in known.items()},
        max_s=response.max_s if response.count else None,
        mean_s=response.mean_s,
        service_p50_s=service.quantile(0.5),
        service_p99_s=service.quantile(0.99),
        clock_error_s=error_s if op == _ONE_WAY else None,
    )
