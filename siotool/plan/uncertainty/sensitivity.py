"""Which input matters most, and which one is worth measuring next.

``Evaluate`` is a whole plan: it takes every input by name, as a float or as one value per
draw, and returns the servers needed, one per draw. Infinitely many, where no fleet suffices,
count as the largest finite number of the same sample wherever a variance is taken.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec
import numpy as np

from siotool.plan.inputs.distributions import Floats
from siotool.plan.numbers import Number, is_array
from siotool.plan.uncertainty.draws import Uncertain, one_at_a_time
from siotool.plan.uncertainty.outcomes import as_draws, capped, place, quantiles
from siotool.units import format_count, format_share

Evaluate = Callable[[Mapping[str, Number]], Number]

#: Enough draws for the worth of a measurement, to about a percent.
_ENOUGH = 40_000
#: Draws in one evaluation: more take no less time each.
_AT_ONCE = 8_192


class Swing(msgspec.Struct, frozen=True):
    """Servers needed with one input at its 10 % and 90 % quantile, the others at their medians."""

    name: str
    servers_at_p10: float
    servers_at_p90: float

    @property
    def swing(self) -> float:
        """Distance of the two counts; 0 where no fleet suffices at either."""
        if self.servers_at_p10 == self.servers_at_p90:
            return 0.0
        return abs(self.servers_at_p90 - self.servers_at_p10)


class Index(msgspec.Struct, frozen=True):
    """Sobol indices of one input, or of several that depend on each other.

    ``first`` is the share of the servers' variance that goes once it is known, ``total`` the
    share that stays while all others are known; both are within 0..1.
    """

    names: tuple[str, ...]
    first: float
    total: float


class Measurement(msgspec.Struct, frozen=True):
    """What knowing one input exactly is worth, on average over what it may turn out to be.

    ``gap_servers`` is P95 − P50 today (may be infinite), ``shrink_servers`` by how much less
    that is expected to be (finite), ``settles`` the share of the doubt whether any fleet
    suffices that it would end.
    """

    name: str
    gap_servers: float
    shrink_servers: float
    settles: float

    @property
    def sentence(self) -> str:
        """The advice, for the reader of a plan."""
        if self.gap_servers == np.inf:
            share = format_share(self.settles)
            return f"measuring {self.name} next would remove {share} of the doubt whether any fleet suffices"
        count = round(self.shrink_servers)
        gain = "less than one server" if count < 1 else f"{count:,} server{'s' * (count > 1)}"
        now, then = self.gap_servers, self.gap_servers - self.shrink_servers
        return (
            f"measuring {self.name} next would shrink the gap by {gain}: P95 is "
            f"{format_count(round(now, 1))} above P50 today, {format_count(round(then, 1))} then"
        )


def tornado(evaluate: Evaluate, uncertain: Uncertain) -> list[Swing]:
    """Move one input at a time from its P10 to its P90, and sort by what that does to the servers.

    All in one evaluation. Inputs that depend on each other are moved one at a time as well.
    """
    names = list(uncertain.laws)
    _, values = one_at_a_time(uncertain, names, [0.1, 0.9])
    servers = _evaluated(evaluate, values, 2 * len(names)).reshape(-1, 2) if names else ()
    swings = [Swing(name, float(low), float(high)) for name, (low, high) in zip(names, servers, strict=True)]
    return sorted(swings, key=lambda swing: -swing.swing)


def foremost(
    values: Mapping[str, Number], servers: Number, swings: Sequence[Swing], most: int
) -> frozenset[str]:
    """Return at most so many inputs: those with the largest swings, and those the servers correlate with.

    Half of either, without another evaluation: a cheap choice of inputs that are worth more.
    """
    found = [swing.name for swing in swings[: most // 2]]
    draws = capped(as_draws(servers))
    along: dict[str, float] = {}
    for swing in swings:
        value = values[swing.name]
        if is_array(value) and value.size == draws.size and value.std() > 0 and draws.std() > 0:
            along[swing.name] = abs(float(np.corrcoef(value, draws)[0, 1]))
    rest = sorted((name for name in along if name not in found), key=lambda name: -along[name])
    return frozenset([*found, *rest][:most])


def sobol(
    evaluate: Evaluate,
    uncertain: Uncertain,
    base_draws: int = 2048,
    only: AbstractSet[str] | None = None,
) -> list[Index]:
    """Split the variance of the servers by input, largest total index first.

    Two independent sets of draws A and B, and for each factor A with that factor's values from
    B: base_draws × (factors + 2) evaluations. ``only`` names the inputs whose factors are
    wanted. First order is A. Saltelli et al., "Variance based
    sensitivity analysis of model output", Computer Physics Communications 181, 2010, table 2
    (b); total is (f) there, M. J. W. Jansen, 1999. Inputs that depend on each other get one
    closed index together; among dependent inputs the single ones do not add up.
    """
    a, b = uncertain.draw(base_draws, "sobol a"), uncertain.draw(base_draws, "sobol b")
    factors = [f for f in uncertain.factors if only is None or bool(only & set(f.names))]
    mixed = [a | {name: b[name] for name in factor.names} for factor in factors]
    drawn = capped(_evaluated_together(evaluate, [a, b, *mixed], base_draws))
    drawn -= drawn[:2].mean()
    from_a, from_b, variance = drawn[0], drawn[1], drawn[:2].var()
    indices = [
        Index(
            factor.names,
            _share(float((from_b * (from_mixed - from_a)).mean()), variance),
            _share(float(((from_a - from_mixed) ** 2).mean()) / 2, variance),
        )
        for factor, from_mixed in zip(factors, drawn[2:], strict=True)
    ]
    return sorted(indices, key=lambda index: -index.total)


def guess_share(
    evaluate: Evaluate, uncertain: Uncertain, guesses: Collection[str], base_draws: int = 8192
) -> float:
    """Return the share of the servers' variance that stays once all but the guesses are known.

    ``guesses`` are the inputs that were neither measured nor published. This is their total Sobol
    index as one group, interactions included; an input that depends on a guess is one.
    """
    swapped = [f for f in uncertain.factors if any(name in guesses for name in f.names)]
    if not swapped:
        return 0.0
    a, b = uncertain.draw(base_draws, "guess a"), uncertain.draw(base_draws, "guess b")
    mixed = a | {name: b[name] for factor in swapped for name in factor.names}
    drawn = capped(np.stack([_evaluated(evaluate, values, base_draws) for values in (a, mixed)]))
    if len(swapped) == len(uncertain.factors):
        return float(drawn.var() > 0)
    return _share(float(((drawn[0] - drawn[1]) ** 2).mean()) / 2, drawn.var())


def measurements(values: Mapping[str, Number], servers: Number, names: Iterable[str]) -> list[Measurement]:
    """Say what knowing each of ``names`` would be worth, the best first.

    ``values`` are the draws and ``servers`` what the plan made of them; nothing is evaluated
    again. The draws are sorted by the input and cut into up to 50 parts of equal probability:
    within one, the input is known, and the gap that is left there is averaged over the parts
    (after M. Strong, J. E. Oakley, "An efficient method for computing single-parameter partial
    expected value of perfect information", Medical Decision Making 33, 2013). Inputs that
    depend on each other count for each other here. The first 40,000 draws are used; 10,000 or
    more are advisable.
    """
    draws = as_draws(servers)[:_ENOUGH]
    finite, without_fleet = capped(draws), np.isinf(draws)
    p50, p95 = quantiles(draws, 0.5, 0.95)
    gap = np.inf if p95 == np.inf else p95 - p50
    base = _gaps(finite[None, :])[0]
    doubt = without_fleet.var()
    found = []
    for name in names:
        value = values[name]
        if not is_array(value) or draws.size < 2:
            continue
        parts = _parts(value[:_ENOUGH])
        left = float(_gaps(finite[parts]).mean())
        settles = _share(float(without_fleet[parts].mean(axis=1).var()), doubt)
        found.append(Measurement(name, float(gap), float(base - left), settles))
    return sorted(found, key=lambda one: (-one.settles if gap == np.inf else 0.0, -one.shrink_servers))


def next_measurement(
    values: Mapping[str, Number], servers: Number, measurable: Iterable[str]
) -> Measurement | None:
    """Return the most worthwhile of the inputs that can be measured; None where none is of use."""
    best = next(iter(measurements(values, servers, measurable)), None)
    return best if best is not None and (best.shrink_servers > 0 or best.settles > 0) else None


def _evaluated(evaluate: Evaluate, values: Mapping[str, Number], count: int) -> Floats:
    return np.broadcast_to(as_draws(evaluate(values)), (count,))


def _evaluated_together(evaluate: Evaluate, sets: Sequence[Mapping[str, Number]], count: int) -> Floats:
    """Return a row of servers for each set of ``count`` draws; many sets at once, which is faster."""
    each = max(1, _AT_ONCE // count)
    rows = []
    for first in range(0, len(sets), each):
        some = sets[first : first + each]
        joined = {
            name: np.concatenate([np.broadcast_to(values[name], (count,)) for values in some])
            if any(is_array(values[name]) for values in some)
            else value
            for name, value in some[0].items()
        }
        rows.append(_evaluated(evaluate, joined, count * len(some)).reshape(len(some), count))
    return np.concatenate(rows)


def _share(part: float, variance: float) -> float:
    return min(1.0, max(0.0, part / float(variance))) if variance > 0 else 0.0


def _parts(value: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """Return the draws' numbers in rows of equally many, by ascending value."""
    rows = max(1, min(50, value.size // 400))
    size = value.size // rows
    return np.argsort(value, kind="stable")[: rows * size].reshape(rows, size)


def _gaps(rows: Floats) -> Floats:
    """P95 − P50 of each row."""
    at = [place(0.5, rows.shape[1]), place(0.95, rows.shape[1])]
    middle_and_high = np.partition(rows, at, axis=1)[:, at]
    gaps: Floats = middle_and_high[:, 1] - middle_and_high[:, 0]
    return gaps
