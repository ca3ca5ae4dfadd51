"""Monte Carlo: one value per draw for every figure that is not known exactly.

Each input has a random stream of its own, seeded by the plan's seed and its name. A plan
repeats exactly, another input does not move those already there, and two plans that share
inputs share their luck, so that their difference is that of the plans (common random numbers).

Every input is stratified: of n draws one comes from each n-th part of its probability (Latin
hypercube; M. D. McKay, R. J. Beckman, W. J. Conover, Technometrics 21, 1979), so its sample
quantiles are its quantiles at any n. Rank correlations are those of a Gaussian copula.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.errors import InputError
from siotool.plan.inputs.ranges import Range, Samples
from siotool.plan.numbers import Number
from siotool.plan.uncertainty.distributions import UNBOUNDED, Distribution, Floats, fit, normal_quantile

Bounds = Mapping[str, tuple[float, float]]


class Correlation(msgspec.Struct, frozen=True):
    """Two inputs that go up and down together; ``rank`` is Spearman's ρ, −1 < ρ < 1."""

    first: str
    second: str
    rank: float


class Factor(msgspec.Struct, frozen=True):
    """Inputs that depend on each other and on nothing else; most often a single one.

    Either ``shape`` says how they are correlated (lower Cholesky factor of their normal
    scores), or all are samples of one ``group``, drawn replicate by replicate.
    """

    names: tuple[str, ...]
    shape: tuple[tuple[float, ...], ...] = ((1.0,),)
    group: str = ""


class Uncertain(msgspec.Struct, frozen=True):
    """Inputs ready to be drawn from: made by ``prepare``.

    ``known`` are the single figures; ``laws`` the distributions or samples by input, in the
    order given; ``factors`` what of these varies independently.
    """

    known: Mapping[str, float]
    laws: Mapping[str, Distribution | Samples]
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
        if factor.group:
            shares = self._shares(f"group {factor.group}", count, stream)
            for name in factor.names:
                yield name, _pick(_replicates(self.laws[name]), shares)
            return
        independent = [self._shares(f"input {name}", count, stream) for name in factor.names]
        scores = [normal_quantile(shares) for shares in independent] if len(independent) > 1 else []
        for name, shares, weights in zip(factor.names, independent, factor.shape, strict=True):
            ordered = shares
            if any(weights[:-1]):
                mixed = sum((w * z for w, z in zip(weights, scores, strict=False)), np.zeros(count))
                ordered = np.empty(count)
                ordered[np.argsort(mixed)] = np.sort(shares)
            yield name, _values(self.laws[name], ordered)

    def _shares(self, name: str, count: int, stream: str) -> Floats:
        """One share of probability from each of ``count`` equal parts of 0..1, in random order."""
        key = blake2b(f"{self.seed}\n{stream}\n{name}".encode(), digest_size=16).digest()
        generator = Generator(PCG64(int.from_bytes(key, "big")))
        shares: Floats = (generator.permutation(count) + generator.random(count)) / count
        return np.clip(shares, 2**-53, 1 - 2**-53)


def prepare(
    inputs: Mapping[str, float | Range | Samples],
    bounds: Bounds = MappingProxyType({}),
    seed: int = 0,
    correlations: Sequence[Correlation] = (),
) -> Uncertain:
    """Fit every range and find what depends on what.

    ``bounds`` are the least and largest value of an input, −∞..∞ where it is not named. Raises
    InputError for ranges that cannot be fitted and correlations that cannot be.
    """
    known = {name: value for name, value in inputs.items() if not isinstance(value, Range | Samples)}
    laws: dict[str, Distribution | Samples] = {}
    for name, value in inputs.items():
        if isinstance(value, Range):
            laws[name] = fit(value, bounds.get(name, UNBOUNDED), name)
        elif isinstance(value, Samples):
            laws[name] = value
    return Uncertain(known, laws, tuple(_factors(laws, correlations)), seed)


def draw(
    inputs: Mapping[str, float | Range | Samples],
    bounds: Bounds,
    count: int,
    seed: int,
    correlations: Sequence[Correlation] = (),
) -> dict[str, Number]:
    """Return ``count`` draws of every input that varies, and the others as floats: ``prepare`` and draw."""
    return prepare(inputs, bounds, seed, correlations).draw(count)


def _values(law: Distribution | Samples, shares: Floats) -> Floats:
    return law.quantile(shares) if isinstance(law, Distribution) else _pick(np.sort(_replicates(law)), shares)


def _replicates(law: Distribution | Samples) -> Floats:
    if isinstance(law, Distribution):
        raise TypeError("a distribution has no replicates")
    return np.array(law.values, dtype=np.float64)


def _pick(replicates: Floats, shares: Floats) -> Floats:
    """Return the smallest replicate that a share of them do not exceed, for sorted ones."""
    ranks = np.ceil(shares * replicates.size - 1e-9).astype(np.intp)
    chosen: Floats = replicates[np.maximum(ranks, 1) - 1]
    return chosen


def _factors(
    laws: Mapping[str, Distribution | Samples], correlations: Sequence[Correlation]
) -> Iterator[Factor]:
    groups: dict[str, list[str]] = {}
    for name, law in laws.items():
        if isinstance(law, Samples) and law.group:
            groups.setdefault(law.group, []).append(name)
    grouped = {name for names in groups.values() for name in names}
    ranks = _ranks(laws, grouped, correlations)
    together: dict[str, set[str]] = {name: {name} for name in laws}
    for pair in ranks:
        first, second = pair
        joined = together[first] | together[second]
        together.update(dict.fromkeys(joined, joined))
    done: set[str] = set()
    for name in laws:
        if name not in done and name not in grouped:
            names = tuple(n for n in laws if n in together[name])
            done.update(names)
            yield Factor(names, _cholesky(names, ranks))
    for group, members in groups.items():
        if len({_replicates(laws[name]).size for name in members}) > 1:
            raise ValueError(f"samples of {', '.join(members)} are of one group, but not equally many")
        yield Factor(tuple(members), group=group)


def _ranks(
    laws: Mapping[str, Distribution | Samples], grouped: set[str], correlations: Sequence[Correlation]
) -> dict[frozenset[str], float]:
    ranks: dict[frozenset[str], float] = {}
    for one in correlations:
        place = f"correlation of {one.first} and {one.second}"
        for name in (one.first, one.second):
            if name not in laws:
                raise InputError(
                    f"{place}: {name} does not vary", "correlate figures that are ranges or measured"
                )
            if name in grouped:
                raise InputError(
                    f"{place}: {name} was measured together with others", "their correlation is measured, too"
                )
        pair = frozenset((one.first, one.second))
        if len(pair) < 2 or pair in ranks:
            raise InputError(f"{place} is stated of one figure or twice", "state it once for two figures")
        if not -1 < one.rank < 1:
            raise InputError(
                f"{place} is {one.rank:g}; expected more than -1 and less than 1", "for example 0.5"
            )
        ranks[pair] = one.rank
    return ranks


def _cholesky(names: tuple[str, ...], ranks: Mapping[frozenset[str], float]) -> tuple[tuple[float, ...], ...]:
    """Return weights that make independent normal scores correlated; one row per input.

    The normal scores' own correlation for Spearman's ρ is 2 sin(πρ/6) (K. Pearson 1907).
    """
    scores = np.eye(len(names))
    for i, first in enumerate(names):
        for j, second in enumerate(names[:i]):
            rank = ranks.get(frozenset((first, second)), 0.0)
            scores[i, j] = scores[j, i] = 2 * math.sin(math.pi * rank / 6)
    try:
        factor = np.linalg.cholesky(scores)
    except np.linalg.LinAlgError as error:
        raise InputError(
            f"the correlations of {', '.join(names)} contradict each other",
            "if A goes with B and B with C, A goes with C to some degree: state that, too",
        ) from error
    return tuple(tuple(float(w) for w in row[: i + 1]) for i, row in enumerate(factor))
