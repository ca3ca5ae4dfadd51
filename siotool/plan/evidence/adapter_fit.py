"""What the work of a fleet with an adapter costs: CPU of a server and of the backend, a sum over its work.

A loop wakes up for what has come, at a heavy load for many messages at once: its turns saturate
(``siotool.plan.evidence.curve``).

Costs are not negative (non-negative least squares, C. L. Lawson, R. J. Hanson, "Solving Least Squares
Problems", 1974, ch. 23). A phase counts by its relative error, as the errors of CPU grow with it. A cost that
follows from others, which the phases cannot separate, is inside them. Intervals are of 90 %, from errors
whose signs are drawn anew (C. F. J. Wu, Annals of Statistics 14, 1986).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec
import numpy as np
from numpy.random import Generator
from scipy.optimize import nnls

from siotool.errors import InputError
from siotool.plan.evidence.adapter_profile import TURNS
from siotool.plan.evidence.calibrated import CostFigure
from siotool.plan.evidence.curve import saturating
from siotool.plan.evidence.fleet_phases import Work
from siotool.plan.evidence.regressors import inflation
from siotool.runs.seconds import Floats

#: Replicates of every cost, and the interval that is shown of them.
REPLICATES = 400
LOW, HIGH = 0.05, 0.95
Side = Literal["server", "backend"]

#: CPU below which an error counts as it is, not as a share: so much is done beside the work, at rest too.
FLOOR_CORES: Mapping[Side, float] = MappingProxyType({"server": 0.01, "backend": 0.003})
#: Turns per second that a loop makes at most. Messages that come at the same moment share a turn, so that
#: it may be much less than a thousand. The least is taken that explains the CPU about as well as the best, as
#: then only messages cost a busy server more. All that do are behind the intervals.
TURNS_MOST = (100.0, 200.0, 300.0, 500.0, 1000.0, 3000.0)
_AS_GOOD = 1.25
#: How much larger errors of a server alone are expected to be: the same phase took its backend up to twice as
#: much in one start as in another (docs/adapters.md).
_ALONE = 2.0
#: Variance inflation above which a cost is inside others. Larger than for the seconds of any run (10): that a
#: publish is one server's, and is received by others, must be told apart to predict other fleets, though
#: its interval is up to six times as wide.
_INFLATION_MOST = 40.0
#: Phases needed beyond the number of costs.
_SPARE = 2
#: The fit follows phases: no error is widened more than by one over the root of this.
_LEAST_FREE = 0.25


class Term(msgspec.Struct, frozen=True):
    """One cost: its name, what it is of in words, and how much of that a piece of work has.

    ``of`` takes the turns per second that a loop makes at most, too.
    """

    name: str
    words: str
    of: Callable[[Work, float], float]


def _turns(work: Work, most: float) -> float:
    return float(saturating(work.inbound + work.received, most))


def _backend_turns(work: Work, most: float) -> float:
    return float(saturating(work.backend_published, most))


def _turns_for_others(work: Work, most: float) -> float:
    """Turns by the share of the servers that did not make the message: none for one, all for very many.

    With one server a turn cost Redis half of what it cost with two (docs/adapters.md).
    """
    return _backend_turns(work, most) * (1 - 1 / work.servers)


#: Those first that a planner needs most: what cannot be separated from them is inside them.
TERMS: dict[Side, tuple[Term, ...]] = {
    "server": (
        Term("base", "of a server with nothing to do", lambda work, _: 1.0),
        Term("delivery", "per message written to a client", lambda work, _: work.delivered),
        Term("inbound", "per message read from a client", lambda work, _: work.inbound),
        Term("receive", "per message received from the adapter", lambda work, _: work.received),
        Term("publish", "per message given to the adapter", lambda work, _: work.published),
        Term("turn", "per turn of the event loop", _turns),
        Term("byte", "per byte of text, from and to clients", lambda work, _: work.bytes),
        Term("adapter_byte", "per byte of text, to and from the adapter", lambda work, _: work.adapter_bytes),
        Term("encode", "per message with receivers on the server, once", lambda work, _: work.hosted),
    ),
    "backend": (
        Term("base", "of a backend with nothing to do", lambda work, _: 1.0),
        Term("receiver", "per message sent to a server", lambda work, _: work.backend_received),
        Term("message", "per message taken from a server", lambda work, _: work.backend_published),
        Term("turn", "per turn of the event loop, or of its processes", _backend_turns),
        Term(
            "turn_for_others", "more per turn, by the share of the servers that are others", _turns_for_others
        ),
        Term("byte", "per byte of text, from and to servers", lambda work, _: work.backend_bytes),
    ),
}


class AdapterFit(msgspec.Struct, frozen=True, eq=False):
    """Costs in CPU seconds (``base``: cores) by the names of ``terms``; a row of ``replicates`` for each.

    ``absorbed`` are costs that are inside others, with a sentence; ``fitted`` are the cores of the rows;
    ``turns_most`` the turns per second of a loop.
    """

    terms: tuple[Term, ...]
    values: Floats
    replicates: Floats
    absorbed: dict[str, str]
    fitted: Floats
    turns_most: float

    def cores(self, work: Work) -> float:
        """CPU that this work takes."""
        parts = (term.of(work, self.turns_most) for term in self.terms)
        return float(sum(value * part for value, part in zip(self.values, parts, strict=True)))


def fit_costs(side: Side, works: Sequence[Work], cores: Sequence[float], generator: Generator) -> AdapterFit:
    """Fit the costs of a server or a backend; raises InputError with too few phases for them."""
    seen = np.asarray(cores, dtype=float)
    tried = [_fitted(side, works, seen, most) for most in TURNS_MOST]
    least = min(one.squares for one in tried)
    as_good = [one for one in tried if one.squares <= _AS_GOOD * least]
    found = as_good[0]
    as_good = [one for one in as_good if one.terms == found.terms]
    free = max(_LEAST_FREE, 1 - len(found.terms) / len(works))
    drawn = []
    for number in range(REPLICATES):
        one = as_good[number % len(as_good)]
        errors = (seen - one.fitted) / np.sqrt(free)
        signs = np.where(generator.integers(2, size=len(works)) == 0, -1.0, 1.0)
        again = np.maximum(0.0, one.fitted + signs * errors)
        # so that all turns together stay what they cost
        scale = [one.turns_most / found.turns_most if term.name in TURNS else 1.0 for term in found.terms]
        drawn.append(_solved(one.matrix, again, one.scales) * scale)
    replicates = np.array(drawn).T
    return AdapterFit(found.terms, found.values, replicates, found.absorbed, found.fitted, found.turns_most)


class _Fitted(msgspec.Struct, frozen=True, eq=False):
    """One fit: the size of error that is expected of each phase, and the sum of the squared errors in it."""

    terms: tuple[Term, ...]
    absorbed: dict[str, str]
    turns_most: float
    matrix: Floats
    values: Floats
    fitted: Floats
    scales: Floats
    squares: float


def _fitted(side: Side, works: Sequence[Work], seen: Floats, turns_most: float) -> _Fitted:
    terms, absorbed = _separable(side, works, turns_most)
    if len(works) < len(terms) + _SPARE:
        raise InputError(
            f"{len(works)} phases are too few for the {len(terms)} costs of a {side}",
            "measure more numbers of servers, or more rounds",
        )
    matrix = np.array([[term.of(work, turns_most) for term in terms] for work in works])
    floor = FLOOR_CORES[side]
    unsure = np.array([_ALONE if work.servers == 1 else 1.0 for work in works])
    values = _solved(matrix, seen, unsure * (floor + seen))
    values = _solved(matrix, seen, unsure * (floor + matrix @ values))
    fitted = matrix @ values
    scales = unsure * (floor + fitted)
    squares = float((((seen - fitted) / scales) ** 2).sum())
    return _Fitted(terms, absorbed, turns_most, matrix, values, fitted, scales, squares)


def cost_figures(fit: AdapterFit, side: Side, works: Sequence[Work]) -> list[CostFigure]:
    """The costs of a fit for a reader, and those that are inside others."""
    figures = []
    for number, term in enumerate(fit.terms):
        value = float(fit.values[number])
        low, high = (float(one) for one in np.quantile(fit.replicates[number], (LOW, HIGH)))
        parts = np.array([value * term.of(work, fit.turns_most) for work in works]) / np.maximum(
            fit.fitted, FLOOR_CORES[side]
        )
        figures.append(
            CostFigure(
                name=term.name,
                words=term.words,
                unit="cores" if term.name == "base" else "s",
                value=value,
                low=min(low, value),
                high=max(high, value),
                share=float(np.clip(parts.max(), 0.0, 1.0)),
            )
        )
    words = {term.name: term.words for term in TERMS[side]}
    figures += [
        CostFigure(
            name=name,
            words=words[name],
            unit="s",
            value=0.0,
            low=0.0,
            high=0.0,
            share=0.0,
            separable=False,
            sentence=sentence,
        )
        for name, sentence in fit.absorbed.items()
    ]
    return figures


def _separable(
    side: Side, works: Sequence[Work], turns_most: float
) -> tuple[tuple[Term, ...], dict[str, str]]:
    """The costs that these phases can tell apart, and why the others are not among them."""
    kept: list[Term] = []
    absorbed: dict[str, str] = {}
    for term in TERMS[side]:
        column = [term.of(work, turns_most) for work in works]
        if not any(column):
            absorbed[term.name] = "no phase had any of it"
            continue
        columns = np.array([*([other.of(work, turns_most) for work in works] for other in kept[1:]), column])
        if len(kept) > 1 and inflation(columns, centred=True) > _INFLATION_MOST:
            absorbed[term.name] = "follows from the work above, whose costs include it"
            continue
        kept.append(term)
    return tuple(kept), absorbed


def _solved(matrix: Floats, cores: Floats, scale: Floats) -> Floats:
    """Costs, least squares of the relative errors; columns are brought to one size for the solver."""
    rows = matrix / scale[:, None]
    sizes = np.maximum(np.sqrt((rows**2).sum(axis=0)), 1e-300)
    found: Floats = nnls(rows / sizes, cores / scale)[0] / sizes
    return found
