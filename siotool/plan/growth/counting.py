"""How many servers inputs need, and how many connections a fleet holds: the model, evaluated many times.

For comparisons of shapes, forecasts and diffs: counts only, without constraints in words,
chances or sensitivities.
"""

import math
from collections.abc import Callable, Mapping

from siotool.plan.demand.service import peak_connections
from siotool.plan.evaluation.evaluate import Evaluation, count, evaluate
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.model import Fleet
from siotool.plan.numbers import Condition, Number, anywhere, is_array, single, where

#: The most times today's connections that are tried; a fleet that holds these holds any number.
_MOST_TIMES = 2.0**20

#: Halvings between two powers of two: within a part in 30,000.
_HALVINGS = 15


def values_of(inputs: Inputs, draws: int, seed: int) -> Mapping[str, Number]:
    """Return a value for each figure that is a number: single, or one per draw where it is a range."""
    if inputs.uncertain():
        # numpy, for ranges only
        from siotool.plan.uncertainty.worlds import uncertain  # noqa: PLC0415

        return uncertain(inputs, seed).draw(draws)
    return middles(inputs)


def fleet_of(servers: Number) -> Fleet:
    """Return the quantiles of drawn counts; of a single count, three times the same."""
    if is_array(servers):
        from siotool.plan.uncertainty import outcomes  # noqa: PLC0415  (an array is here, so numpy is)

        found = outcomes.summary(servers)
        return Fleet(p50=count(found.p50), p90=count(found.p90), p95=count(found.p95))
    known = count(single(servers))
    return Fleet(p50=known, p90=known, p95=known)


def servers(inputs: Inputs, draws: int, seed: int) -> Fleet:
    """Return the fleet that complete ``inputs`` need. Raises InputError as ``evaluate`` does."""
    return fleet_of(evaluate(inputs, values_of(inputs, draws, seed)).fleet)


def today(inputs: Inputs) -> Inputs:
    """Return the inputs without the growth until ``workload.ahead``: the peak as it is now."""
    return inputs.replaced({"workload.ahead": Figure(0.0, Provenance("default"))})


def mean_day(inputs: Inputs) -> Inputs:
    """Return the inputs at the mean of the day: no daily peak, no event, no growth."""
    one = Figure(1.0, Provenance("default"))
    return today(inputs).replaced({"workload.peak_factor": one, "workload.event_factor": one})


def holds(
    inputs: Inputs,
    values: Mapping[str, Number],
    most_servers: int,
    shards: int | None = None,
    balancers: int | None = None,
) -> Number:
    """Return the most connections at once, peaks and spikes included, that a fleet carries.

    The connections with which the plan asks for no more than ``most_servers``, bad days and
    spares included, and no more ``shards`` and ``balancers`` than there are (None: as many as
    it takes); to a part in 30,000, draw by draw. A session does as much as now. Infinite where
    a million times as many still fit. Counts never fall with connections, so halving finds it.
    """
    now = values["workload.connections"]
    start = where(now > 0, now, 1.0)

    def fits(factor: Number, some: Condition | None = None) -> Condition:
        """Whether so many times today's connections fit: all draws, or ``some`` of them."""
        changed = {key: _of(value, some) for key, value in values.items()}
        changed["workload.connections"] = _of(start, some) * factor
        return _fits(evaluate(inputs, changed), most_servers, shards, balancers)

    low, high = 0.0 * start, 0.0 * start + 1.0
    fitting = fits(high)
    while anywhere(fitting & (high < _MOST_TIMES)):
        low = where(fitting, high, low)
        high = where(fitting, high * 2, high)
        fitting = fits(high)
    endless = fitting
    each = where(fitting, 0.0, 0.0)  # draw by draw, also where all of today's connections are too many
    low, high = low + each, high + each
    too_many = low == 0
    low, high = _halved(fits, low, high, _HALVINGS)
    if anywhere(too_many):
        # even today's connections are: the fraction that fits may be tiny
        some = too_many if is_array(low) else None
        less, _ = _halved(lambda factor: fits(factor, some), _of(low, some), _of(high, some), 2 * _HALVINGS)
        if is_array(low):
            low[too_many] = less
        else:
            low = less
    peak = peak_connections({**values, "workload.connections": start, "workload.ahead": 0.0})
    return where(endless, math.inf, peak * low)


def _halved(
    fits: Callable[[Number], Condition], low: Number, high: Number, times: int
) -> tuple[Number, Number]:
    """Halve between what fits and what does not, at most so often, until a part in 30,000 is known."""
    for _ in range(times):
        if not anywhere(high - low > high * 0.5**_HALVINGS):
            break
        middle_one = (low + high) / 2
        inside = fits(middle_one)
        low, high = where(inside, middle_one, low), where(inside, high, middle_one)
    return low, high


def _of(value: Number, some: Condition | None) -> Number:
    """Some draws of a figure; a single figure is the same for all."""
    return value[some] if some is not None and is_array(value) else value


def _fits(evaluation: Evaluation[Number], most: int, shards: int | None, balancers: int | None) -> Condition:
    fits = evaluation.fleet <= most
    if shards is not None:
        fits = fits & (evaluation.shards <= shards)
    if balancers is not None:
        fits = fits & (evaluation.balancers <= balancers)
    return fits
