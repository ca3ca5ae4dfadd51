"""How the servers follow one input while the others stay at their medians."""

from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs.figure import Inputs
from siotool.plan.numbers import Number, maximum
from siotool.plan.uncertainty.draws import Uncertain, one_at_a_time
from siotool.plan.uncertainty.outcomes import as_draws

#: From an input's 5 % to its 95 % quantile, the ends of the range it was given as.
_FIRST, _LAST = 0.05, 0.95

#: An odd number, so that the median is among them.
POINTS = 15


class Response(msgspec.Struct, frozen=True):
    """Servers at quantiles of one input, from its 5 % to its 95 % in equal steps of probability.

    ``values`` are the input's, ascending, in its unit. ``servers`` is the fleet to have and
    ``exact`` what the constraint that asks for most needs in service, not rounded; both None
    where no number is enough.
    """

    key: str
    values: list[float]
    servers: list[float | None]
    exact: list[float | None]


def responses(inputs: Inputs, laws: Uncertain, names: Sequence[str]) -> list[Response]:
    """Return the response to each of ``names``, which are inputs that vary; one evaluation for all.

    Inputs that depend on each other are moved one at a time as well. Raises KeyError for a name
    that does not vary.
    """
    if not names:
        return []
    moved, values = one_at_a_time(laws, names, list(np.linspace(_FIRST, _LAST, POINTS)))
    evaluation = evaluate(inputs, values)
    asked = maximum(0.0, *(b.limit.servers for b in evaluation.bounds if b.constraint.tier == "servers"))
    servers, exact = _rows(evaluation.fleet, len(names)), _rows(asked, len(names))
    return [
        Response(name, [float(v) for v in moved[name]], servers[number], exact[number])
        for number, name in enumerate(names)
    ]


def _rows(servers: Number, rows: int) -> list[list[float | None]]:
    table = np.broadcast_to(as_draws(servers), (rows * POINTS,)).reshape(rows, POINTS)
    return [[float(n) if np.isfinite(n) else None for n in row] for row in table]
