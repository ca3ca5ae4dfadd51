"""Gates as what a search for capacity judges a load by: shares of operations that miss them."""

from collections.abc import Sequence

from siotool.errors import InputError
from siotool.report.default_gates import Default, not_replaced, of_errors
from siotool.report.gates import Gate, parse
from siotool.search.objective import LEVEL_ALLOWED, Objective, implied

#: A gate that allows no failure at all is searched as this share: no run can show that none ever comes.
NEARLY_NONE = 0.0005

_SHARES = ("lost", "duplicate", "reordered", "misdelivered")
_LEVELS = ("server_cpu", "server_rss", "bandwidth_in", "bandwidth_out")


def objectives_of(gates: Sequence[Gate], *, defaults: bool, sampled: bool) -> list[Objective]:
    """The gates as shares of operations that missed them. Raises InputError for one that has none."""
    found = [objective(gate, sampled=sampled) for gate in gates]
    if defaults:
        found += [objective(one.gate, one.without, sampled=sampled) for one in _defaults(gates)]
    if not found:
        raise InputError(
            "--find-capacity has no gate to find the limit of", 'give one, as --fail-if "p99:ack > 200ms"'
        )
    return [*found, *implied()]


def _defaults(gates: Sequence[Gate]) -> list[Default]:
    """The default gates of what a scenario may do, but for those that are asked for otherwise."""
    found = [of_errors(op, gates) for op in ("ack", "deliver", "namespace", "custom")]
    found += [Default(parse(text)) for text in ("lost > 0.1%", "connect_errors > 1%", "exceptions > 0")]
    return not_replaced(found, gates)


def objective(gate: Gate, without: frozenset[str] = frozenset(), *, sampled: bool) -> Objective:
    """A gate as a share of operations that missed it. Raises InputError for one that is none.

    ``without`` are names of operations that do not count, ``sampled``: there are samples of the server.
    """
    if gate.comparison not in (">", ">="):
        raise _no_limit(gate, "it fails at low loads: a search looks for a load that is too high")
    if gate.scope is not None:
        raise _no_limit(gate, "a search judges all users, and has no stages")
    op, name = gate.op or "", gate.name or ""
    if gate.metric.startswith("p") and gate.op != "away":
        allowed = 1 - float(gate.metric[1:]) / 100
        return Objective(gate.text, "late", round(allowed, 6), op, name, gate.limit)
    if gate.metric in _LEVELS:
        if gate.metric.startswith("server") and not sampled:
            raise _no_limit(gate, "the server is not sampled: give --server-pid")
        level = "server_cpu_share" if gate.unit == "share" and gate.metric == "server_cpu" else gate.metric
        return Objective(gate.text, "level", LEVEL_ALLOWED, name=level, limit=gate.limit)
    if gate.unit == "count" and gate.limit > 0:
        raise _no_limit(gate, "a search has no number of operations: give a share, as 1%")
    allowed = gate.limit if gate.unit == "share" and gate.limit else NEARLY_NONE
    match gate.metric:
        case "errors":
            return Objective(gate.text, "failed", allowed, op, name, without=without)
        case "connect_errors":
            return Objective(gate.text, "connects", allowed)
        case "exceptions":
            return Objective(gate.text, "exceptions", allowed)
        case metric if metric in _SHARES:
            return Objective(gate.text, "delivery", allowed, name=metric)
    raise _no_limit(
        gate, "it is no share of operations; percentiles (p99:ack > 200ms), errors and losses are"
    )


def _no_limit(gate: Gate, why: str) -> InputError:
    return InputError(f"--find-capacity cannot search by the gate {gate.text!r}: {why}", "leave it out here")
