"""The single figure that stands for one that is not known exactly: the median of what is drawn for it.

The median of the law that is drawn, within the bounds of its field. So a plan of single figures and one of
draws agree on what half of the cases are above: 50 % to 90 % of a capacity is 75 %, on the scale of shares.
"""

from functools import lru_cache

from siotool.errors import InputError
from siotool.plan.inputs.fields import field_of
from siotool.plan.inputs.figure import Figure, Inputs, Value
from siotool.plan.inputs.ranges import Range, Replicates


def bounds_of(key: str) -> tuple[float, float]:
    """Return the least and the largest value that a figure can have, infinite ones included."""
    field = field_of(key)
    return field.low, field.high


def middle(key: str, value: Value) -> float:
    """Return the single figure that stands for a value of ``key``: itself, or the median of what is drawn.

    Raises InputError for a name or a flag, and for a range that nothing can be drawn from.
    """
    match value:
        case Range():
            return _median(value, bounds_of(key), key)
        case Replicates():
            return value.middle
        case str() | bool():
            raise InputError(f"{key}: {value!r} is not a number")
        case single:
            return single


def middle_of(inputs: Inputs, key: str) -> float:
    """Return what stands for one figure. Raises KeyError where there is none."""
    return middle(key, inputs.figures[key].value)


def middles(inputs: Inputs) -> dict[str, float]:
    """Return what stands for each figure that is a number, by key."""
    return {key: middle(key, figure.value) for key, figure in inputs.numbers()}


def at_middles(inputs: Inputs) -> Inputs:
    """Return the inputs with a single figure in the place of every range and measured scatter."""
    return inputs.replaced(
        {key: Figure(middle_of(inputs, key), inputs.figures[key].provenance) for key in inputs.uncertain()}
    )


@lru_cache(maxsize=4096)
def _median(stated: Range, bounds: tuple[float, float], what: str) -> float:
    # numpy, for ranges only
    from siotool.plan.inputs.distributions import fit  # noqa: PLC0415

    return fit(stated, bounds, what).at(0.5)
