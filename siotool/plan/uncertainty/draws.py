"""Monte Carlo: one value per draw for every figure that is not known exactly.

Each input has a separate random stream, seeded by the plan's seed and its name. A plan
repeats exactly, another input does not move those already there, and two plans that share
inputs share their random numbers, so that their difference is that of the plans.

Every input is stratified: of n draws one comes from each n-th part of its probability (Latin
hypercube; M. D. McKay, R. J. Beckman, W. J. Conover, Technometrics 21, 1979), so its sample
quantiles are its quantiles at any n.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.inputs.distributions import UNBOUNDED, Distribution, Floats, fit
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.numbers import Number

Bounds = Mapping[str, tuple[float, float]]


class Factor(msgspec.Struct, frozen=True):
    """What varies independently: one input, or the samples of one ``group``, drawn replicate by replicate."""

    names: tuple[str, ...]
    group: str = ""


class Uncertain(msgspec.Struct, frozen=True):
    """Inputs ready to be drawn from: made by ``prepare``.

    ``known`` are the single figures; ``laws`` the distributions or samples by input, in the
    order given; ``factors`` what of these varies independently.
    """

    known: Mapping[str, float]
    laws: Mapping[str, Distribution | Replicates]
    factors: tuple[Factor, ...]
    seed: int

    def draw(self, count: int, stream: str = "") -> dict[str, Number]:
        """Return every input by name: a float where it is known, else ``count`` values.

        Another ``stream`` gives other draws, independent of these.
        """
        values: dict[str, Number] = dict(self.known)
        for factor in self.factors:
            values.update(self._draw(factor, count, stream))
        return values

    def quantiles(self, name: str, shares: Sequence[float]) -> Floats:
        """Return quantiles of one input, whatever the others are."""
        return _values(self.laws[name], np.array(shares))

    def medians(self) -> dict[str, float]:
        """Return every input at its median, single figures as they are."""
        return {**self.known, **{name: float(self.quantiles(name, [0.5])[0]) for name in self.laws}}

    def _draw(self, factor: Factor, count: int, stream: str) -> Iterator[tuple[str, Floats]]:
        if not factor.group:
            (name,) = factor.names
            yield name, _values(self.laws[name], self._shares(f"input {name}", count, stream))
            return
        shares = self._shares(f"group {factor.group}", count, stream)
        for name in factor.names:
            yield name, _pick(_replicates(self.laws[name]), shares)

    def _shares(self, name: str, count: int, stream: str) -> Floats:
        """One share of probability from each of ``count`` equal parts of 0..1, in random order."""
        key = blake2b(f"{self.seed}\n{stream}\n{name}".encode(), digest_size=16).digest()
        generator = Generator(PCG64(int.from_bytes(key, "big")))
        shares: Floats = (generator.permutation(count) + generator.random(count)) / count
        return np.clip(shares, 2**-53, 1 - 2**-53)


def prepare(
    inputs: Mapping[str, float | Range | Replicates], bounds: Bounds = MappingProxyType({}), seed: int = 0
) -> Uncertain:
    """Fit every range and find what depends on what.

    ``bounds`` are the least and largest value of an input, −∞..∞ where it is not named. Raises
    InputError for ranges that cannot be fitted.
    """
    known = {name: value for name, value in inputs.items() if not isinstance(value, Range | Replicates)}
    laws: dict[str, Distribution | Replicates] = {}
    for name, value in inputs.items():
        if isinstance(value, Range):
            laws[name] = fit(value, bounds.get(name, UNBOUNDED), name)
        elif isinstance(value, Replicates):
            laws[name] = value
    return Uncertain(known, laws, tuple(_factors(laws)), seed)


def one_at_a_time(
    uncertain: Uncertain, names: Sequence[str], shares: Sequence[float]
) -> tuple[dict[str, Floats], dict[str, Number]]:
    """Move each of ``names`` to its quantiles at ``shares`` while all others stay at their medians.

    Returns the quantiles by name, and the inputs with one value for each name and share, in that
    order. Raises KeyError for a name that does not vary.
    """
    moved = {name: uncertain.quantiles(name, shares) for name in names}
    values: dict[str, Number] = dict(uncertain.medians())
    for number, name in enumerate(names):
        column = np.full(len(shares) * len(names), values[name])
        column[number * len(shares) : (number + 1) * len(shares)] = moved[name]
        values[name] = column
    return moved, values


def _values(law: Distribution | Replicates, shares: Floats) -> Floats:
    return law.quantile(shares) if isinstance(law, Distribution) else _pick(np.sort(_replicates(law)), shares)


def _replicates(law: Distribution | Replicates) -> Floats:
    if isinstance(law, Distribution):
        raise TypeError("a distribution has no replicates")
    return np.array(law.values, dtype=np.float64)


def _pick(replicates: Floats, shares: Floats) -> Floats:
    """Return the smallest replicate that a share of them do not exceed, for sorted ones."""
    ranks = np.ceil(shares * replicates.size - 1e-9).astype(np.intp)
    chosen: Floats = replicates[np.maximum(ranks, 1) - 1]
    return chosen


def _factors(laws: Mapping[str, Distribution | Replicates]) -> Iterator[Factor]:
    groups: dict[str, list[str]] = {}
    for name, law in laws.items():
        if isinstance(law, Replicates) and law.group:
            groups.setdefault(law.group, []).append(name)
        else:
            yield Factor((name,))
    for group, members in groups.items():
        if len({_replicates(laws[name]).size for name in members}) > 1:
            raise ValueError(f"samples of {', '.join(members)} are of one group, but not equally many")
        yield Factor(tuple(members), group)
