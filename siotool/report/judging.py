"""The verdict of a gate on a run: passed or failed, its value, and the reason."""

from collections.abc import Callable

from siotool import units
from siotool.report.contents import GateResult, format_cores
from siotool.report.gate_measures import is_lower_bound, measure, row_of
from siotool.report.gate_metrics import PERCENTILES
from siotool.report.gates import COMPARE, Gate
from siotool.report.parts import Measurable


def judge(
    gate: Gate, report: Measurable, *, default: bool = False, without: frozenset[str] = frozenset()
) -> GateResult:
    """Judge a report by a gate. What was not measured fails, with the reason.

    ``without`` are names of operations that a gate on all names leaves out.
    """
    value, reason = measure(gate, report, without)
    failed = value is None or COMPARE[gate.comparison](value, gate.limit)
    row = row_of(gate, report) if gate.metric in PERCENTILES else None
    if row is not None and is_lower_bound(gate.metric, row):
        reason += "; at least, as no answer came"
        failed = failed or gate.comparison in (">", ">=")  # it may be any time from there on
    return GateResult(
        expr=gate.text,
        default=default,
        value=value,
        unit=gate.unit,
        outcome="failed" if failed else "passed",
        reason=f"not measured: {reason}" if value is None else reason,
    )


def show(value: float, unit: str) -> str:
    """Write a measured value in the words of its gate's unit."""
    return _SHOW[unit](value)


_SHOW: dict[str, Callable[[float], str]] = {
    "s": units.format_duration,
    "share": units.format_share,
    "bytes": units.format_size,
    "bytes_per_s": units.format_byte_rate,
    "per_s": lambda value: f"{units.format_count(value)}/s",
    "cores": format_cores,
    "count": units.format_count,
}
