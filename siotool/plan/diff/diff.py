"""Which input moved the number of servers from one plan to another.

Each changed input is tried alone, and given its share of the whole change: the Shapley
value, its effect averaged over every order in which the inputs could change (L. Shapley,
"A Value for n-Person Games", 1953; for attribution: M. Sundararajan, A. Najmi, "The Many
Shapley Values for Model Explanation", 2020). Shares add up to the change; effects alone do
not, since a plan takes the largest of its constraints and rounds up.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Literal

import msgspec

from siotool.errors import InputError

#: Up to so many changed inputs, every subset of them is evaluated: 64 plans.
MOST_EXACT = 6

#: More changed inputs than this get no shares, only their effects alone.
MOST_SHARED = 10

#: Orders drawn when there are too many to try all; each is also walked backwards.
ORDERS = 32

Inputs = Mapping[str, object]

#: How shares were found: over every order, over some drawn by a seed, or not at all.
Method = Literal["exact", "sampled", "none"]


class Moved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input that differs; None stands for a plan that does not have it.

    ``alone`` is the change in servers when only this input takes its new value, ``share``
    its part of the whole change; None where it is unknown.
    """

    key: str
    before: str | None
    after: str | None
    alone: float | None
    share: float | None


class PlanDiff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Servers at 95 % sureness of two plans, named by their files, and what moved them.

    The largest share first. A count is None where that plan is infeasible. ``method`` says how the
    shares were found: over every order of the changes, over some drawn by the seed, or not at all.
    """

    version: Literal[1]
    before: str
    after: str
    servers_before: float | None
    servers_after: float | None
    change: float | None
    method: Method
    moved: list[Moved]
    sentences: list[str]


def diff(
    before: Inputs,
    after: Inputs,
    evaluate: Callable[[Inputs], float],
    *,
    names: tuple[str, str],
    seed: int,
    show: Callable[[str, object], str],
) -> PlanDiff:
    """Say which of the inputs moved the servers from plan ``before`` to plan ``after``.

    ``evaluate`` makes servers of inputs, also of mixtures of the two, in which an input
    that only one plan has may be there or not. A mixture it refuses with InputError, or for
    which it returns infinity, is infeasible; shares cannot be given then. ``show`` writes
    an input's value. When servers are whole numbers, shares sum to the change exactly.
    """
    changed = [key for key in dict.fromkeys([*before, *after]) if _differs(before, after, key)]
    mixtures = _Mixtures(before, after, changed, evaluate)
    nothing, everything = frozenset[str](), frozenset(changed)
    first, last = mixtures.servers(nothing), mixtures.servers(everything)
    alone = {key: _minus(mixtures.servers(frozenset({key})), first) for key in changed}
    method, shares = _shares(changed, mixtures, first, last, seed)
    moved = [
        Moved(
            key=key,
            before=show(key, before[key]) if key in before else None,
            after=show(key, after[key]) if key in after else None,
            alone=_float(alone[key]),
            share=shares.get(key),
        )
        for key in changed
    ]
    moved.sort(key=lambda row: (-abs(row.share or 0.0), -abs(row.alone or 0.0), row.key))
    result = PlanDiff(
        version=1,
        before=names[0],
        after=names[1],
        servers_before=_float(first),
        servers_after=_float(last),
        change=_float(_minus(last, first)),
        method=method,
        moved=moved,
        sentences=[],
    )
    return msgspec.structs.replace(result, sentences=_sentences(result))


class _Mixtures:
    """Servers of the first plan with some of its inputs as in the second, each worked out once."""

    def __init__(
        self, before: Inputs, after: Inputs, changed: Sequence[str], evaluate: Callable[[Inputs], float]
    ) -> None:
        self._before, self._after, self._changed = before, after, changed
        self._evaluate = evaluate
        self._known: dict[frozenset[str], Fraction | None] = {}

    def servers(self, taken: frozenset[str]) -> Fraction | None:
        """Servers with the inputs ``taken`` from the second plan; None where that is infeasible."""
        if taken not in self._known:
            self._known[taken] = self._work_out(taken)
        return self._known[taken]

    def _work_out(self, taken: frozenset[str]) -> Fraction | None:
        mixture = {}
        for key in dict.fromkeys([*self._before, *self._after]):
            source = self._after if key in taken or key not in self._changed else self._before
            if key in source:
                mixture[key] = source[key]
        try:
            servers = float(self._evaluate(mixture))
        except InputError:
            return None
        return Fraction(servers) if math.isfinite(servers) else None


def _differs(before: Inputs, after: Inputs, key: str) -> bool:
    return (key in before) != (key in after) or before[key] != after[key]


def _shares(
    changed: Sequence[str], mixtures: _Mixtures, first: Fraction | None, last: Fraction | None, seed: int
) -> tuple[Method, dict[str, float]]:
    if first is None or last is None or len(changed) > MOST_SHARED:
        return "none", {}
    exact = len(changed) <= MOST_EXACT
    orders = itertools.permutations(changed) if exact else _drawn(changed, seed)
    total, count = dict.fromkeys(changed, Fraction(0)), 0
    for order in orders:
        taken, reached = frozenset[str](), first
        for key in order:
            taken |= {key}
            servers = mixtures.servers(taken)
            if servers is None:
                return "none", {}
            total[key] += servers - reached
            reached = servers
        count += 1
    return "exact" if exact else "sampled", _rounded(
        {key: part / count for key, part in total.items()}, last - first
    )


def _drawn(keys: Sequence[str], seed: int) -> Iterator[Sequence[str]]:
    """Orders that follow from the seed and the keys alone, each followed by its reverse."""
    for number in range(ORDERS):
        order = sorted(keys, key=lambda key: hashlib.blake2b(f"{seed}/{number}/{key}".encode()).digest())
        yield order
        yield order[::-1]


def _rounded(shares: Mapping[str, Fraction], change: Fraction) -> dict[str, float]:
    """Shares on a grid of a millionth of a server, fine enough to read, so that floats sum exactly."""
    if not shares:
        return {}
    grid = 2**20
    near = {key: Fraction(round(share * grid), grid) for key, share in shares.items()}
    largest = max(near, key=lambda key: abs(near[key]))
    near[largest] += change - sum(near.values())
    return {key: float(share) for key, share in near.items()}


def _minus(first: Fraction | None, second: Fraction | None) -> Fraction | None:
    return None if first is None or second is None else first - second


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _sentences(result: PlanDiff) -> list[str]:
    said = [_outcome(result)]
    for row in result.moved:
        words = f"{row.key}: {_change_of(row)}"
        if row.share is not None:
            words += f" {_moves(row.share)}"
        if row.alone is None:
            words += ", alone makes the first plan infeasible" if result.servers_before is not None else ""
        elif row.share is None:
            words += f", alone {_moves(row.alone)}"
        elif row.alone != row.share:
            words += f" (alone, {_signed(row.alone)})"
        said.append(words + ".")
    if result.method == "none" and result.change is not None:
        said.append(
            f"More than {MOST_SHARED} inputs differ: each is tried alone, and these need not add up."
            if len(result.moved) > MOST_SHARED
            else "Some mixtures of the two plans are infeasible, so the change cannot be divided among them."
        )
    if result.method == "sampled":
        said.append(f"Shares are averages over {2 * ORDERS} orders of change.")
    return said


def _outcome(result: PlanDiff) -> str:
    before, after = result.servers_before, result.servers_after
    if before is None and after is None:
        return "Both plans are infeasible."
    if before is None or after is None:
        which = "first" if before is None else "second"
        feasible = after if before is None else before
        return f"The {which} plan is infeasible; the other needs {_servers(feasible or 0)}."
    if not result.moved:
        return f"The plans have the same inputs and need {_servers(before)}."
    if before == after:
        return f"Both plans need {_servers(before)}."
    return f"From {_number(before)} to {_servers(after)} ({_signed(after - before)})."


def _change_of(row: Moved) -> str:
    if row.before is None:
        return f"{row.after}, which only the second plan has,"
    if row.after is None:
        return f"{row.before}, which only the first plan has,"
    return f"{row.before} → {row.after}"


def _moves(servers: float) -> str:
    if servers == 0:
        return "changes nothing"
    return f"{'adds' if servers > 0 else 'saves'} {_number(abs(servers))}"


def _signed(servers: float) -> str:
    return "±0" if servers == 0 else f"{'+' if servers > 0 else '−'}{_number(abs(servers))}"


def _servers(count: float) -> str:
    return f"{_number(count)} server{'s' * (count != 1)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
