"""What a server's CPU is explained by, and which of it a set of runs can separate.

A cost can only be learnt of what the runs did in differing amounts. Work that always came in
the same proportion has one cost, that of the mixture: it is counted for the kind of work that a
planner needs most. A sentence says so, and names the run that would separate the two.

The measure is the variance inflation factor, 1 / (1 − R²) of a column on the others: above 10
a coefficient is commonly held to be undetermined (Belsley, Kuh, Welsch, "Regression
Diagnostics", 1980; Kutner et al., "Applied Linear Statistical Models", 5th ed., §10.5).
"""

import msgspec
import numpy as np

from siotool.plan.evidence.observe import Observations
from siotool.plan.inputs.costs import LEARNT, ServerCost
from siotool.runs.seconds import Floats
from siotool.units import format_size

#: Variance inflation above which two kinds of work count as one.
INFLATION_LIMIT = 10.0
#: A kind of work must be there in this many seconds.
LEAST_ROWS = 3
#: And it must have varied by this share of its most: a load that stood still shows no cost of it.
LEAST_VARIED = 0.25
#: The server's base load is learnt from seconds with less than this share of the heaviest load.
_LIGHT_SHARE = 0.25
_LEAST_LIGHT = 2


class Absorbed(msgspec.Struct, frozen=True):
    """A cost, by its key, that cannot be separated from another: it is 0 itself, and inside the other."""

    cost: str
    sentence: str


class Chosen(msgspec.Struct, frozen=True):
    """The kinds of work whose costs can be learnt, and how the others are treated.

    ``base`` says whether the server's own load, with nothing to do, can be learnt as well;
    ``light`` whether some seconds had little of everything, also in a ramp.
    ``absent`` are costs of which the runs show nothing at all, each with a sentence.
    """

    work: tuple[ServerCost, ...]
    base: bool
    light: bool
    absorbed: tuple[Absorbed, ...]
    absent: tuple[Absorbed, ...]


def choose(observations: Observations) -> Chosen:
    """Find the kinds of work whose costs these seconds can separate."""
    exercised, absent = [], []
    for work in LEARNT:
        column = observations.usable[work.column]
        if np.count_nonzero(column) < LEAST_ROWS:
            sentence = f"no run had {work.words} to learn from; try {work.try_next}"
        elif np.ptp(column) < LEAST_VARIED * column.max():
            sentence = (
                f"{work.words} stayed between {column.min():,.4g} and {column.max():,.4g}, too close to show "
                f"what they cost; ramp up from 0, or try {work.try_next}"
            )
        else:
            exercised.append(work)
            continue
        absent.append(Absorbed(work.key, sentence))
    light = _has_light_load(observations, exercised)
    base = light and _has_levels(observations, exercised)
    kept: list[ServerCost] = []
    absorbed = []
    for work in exercised:
        columns = np.array([observations.usable[other.column] for other in (*kept, work)])
        if kept and inflation(columns, centred=base) > INFLATION_LIMIT:
            absorbed.append(_absorb(work, tuple(kept), columns, centred=base))
        else:
            kept.append(work)
    return Chosen(work=tuple(kept), base=base, light=light, absorbed=tuple(absorbed), absent=tuple(absent))


def inflation(columns: Floats, *, centred: bool) -> float:
    """Return the variance inflation factor of the last row of ``columns`` on the ones before it.

    ``centred`` when a constant is fitted too. Infinity for an exact combination of the others.
    """
    scaled = columns - columns.mean(axis=1, keepdims=True) if centred else columns
    spread = np.sqrt((scaled**2).sum(axis=1, keepdims=True))
    if spread[-1] <= 1e-9 * np.abs(columns[-1]).sum():
        return float("inf")  # a column that never moves is a constant
    scaled = scaled / np.where(spread > 0, spread, 1.0)
    others, last = scaled[:-1], scaled[-1]
    solution = np.linalg.lstsq(others.T, last, rcond=None)[0]
    unexplained = float(((last - solution @ others) ** 2).sum())
    return 1 / unexplained if unexplained > 1e-12 else float("inf")


def _most_alike(columns: Floats) -> int:
    shapes = columns / columns.max(axis=1, keepdims=True)
    lengths = np.sqrt((shapes**2).sum(axis=1))
    return int(np.argmax(shapes[:-1] @ shapes[-1] / lengths[:-1]))


def _has_light_load(observations: Observations, exercised: list[ServerCost]) -> bool:
    """True when some seconds had little of everything, which is where a constant shows.

    Handshakes do not count: a ramp has as many in its first second as in its last.
    """
    columns = [observations.usable[one.column] for one in exercised if one.column != "handshakes_per_s"]
    if not columns:
        return False
    heaviest = np.max([column / column.max() for column in columns], axis=0)
    return int((heaviest <= _LIGHT_SHARE).sum()) >= _LEAST_LIGHT


def _has_levels(observations: Observations, exercised: list[ServerCost]) -> bool:
    """True when the runs held loads that differ: a ramp shows a server that warms up, not one at rest."""
    held = observations.usable.held
    runs = [held & (observations.usable.run == number) for number in range(len(observations.origins))]
    for work in exercised:
        levels = [observations.usable.mean(work.column, mine) for mine in runs if mine.any()]
        if max(levels) - min(levels) >= LEAST_VARIED * max(levels) > 0:
            return True
    return False


def _absorb(work: ServerCost, kept: tuple[ServerCost, ...], columns: Floats, *, centred: bool) -> Absorbed:
    nearest = _most_alike(columns)
    twin = kept[nearest]
    pair = columns[[nearest, -1]]
    if inflation(pair, centred=centred) > INFLATION_LIMIT:
        ratio = float(pair[1].sum() / pair[0].sum())
        amount = format_size(ratio) if work.key == "server.byte_cost" else f"{ratio:.3g}"
        how = f"{work.words} rose and fell with {twin.words} ({amount} to each)"
        whose = f"the cost of one {twin.one} includes theirs"
    else:
        how = f"{work.words} followed from {' and '.join(other.words for other in kept)} together"
        whose = "the costs of those include theirs"
    return Absorbed(work.key, f"{how}: {whose}; {work.try_next} would separate them")
