"""Arithmetic that a plan of single figures and a plan of a hundred thousand draws share.

A ``Number`` is a float, or a numpy array with one value for each draw. Python's operators
work on both; what they lack is here. numpy is imported only once an array has turned up:
a plan of single figures does without it and starts in half the time.
"""

import math
from collections.abc import Callable
from typing import Any

#: A float, or a numpy array of floats, one for each draw.
Number = Any


def is_array(value: Number) -> bool:
    """True for one value per draw, False for a single figure."""
    return hasattr(value, "shape") and bool(value.shape)


def maximum(first: Number, *others: Number) -> Number:
    """Return the largest, draw by draw."""
    return _fold("maximum", max, first, others)


def minimum(first: Number, *others: Number) -> Number:
    """Return the smallest, draw by draw."""
    return _fold("minimum", min, first, others)


def where(condition: Number, yes: Number, no: Number) -> Number:
    """Return ``yes`` where the condition holds and ``no`` elsewhere."""
    if any(map(is_array, (condition, yes, no))):
        return _numpy().where(condition, yes, no)
    return yes if condition else no


def ceil(value: Number) -> Number:
    """Round up to whole numbers, as floats; infinity stays."""
    if is_array(value):
        return _numpy().ceil(value)
    return float(math.ceil(value)) if math.isfinite(value) else value


def log(value: Number) -> Number:
    """Natural logarithm; minus infinity at 0."""
    return _apply("log", lambda x: math.log(x) if x > 0 else -math.inf, value)


def exp(value: Number) -> Number:
    """e to the power of ``value``."""
    return _apply("exp", math.exp, value)


def sqrt(value: Number) -> Number:
    """Square root."""
    return _apply("sqrt", math.sqrt, value)


def turned(angle: Number) -> Number:
    """Return exp(i·angle): a complex number, or an array of them."""
    if is_array(angle):
        numpy = _numpy()
        return numpy.cos(angle) + 1j * numpy.sin(angle)
    return complex(math.cos(angle), math.sin(angle))


def divide(above: Number, below: Number) -> Number:
    """Quotient for ``above`` ≥ 0: 0/anything is 0, and anything else over 0 or less is infinity.

    A demand that nothing can carry needs infinitely many servers.
    """
    if is_array(above) or is_array(below):
        numpy = _numpy()
        with numpy.errstate(divide="ignore", invalid="ignore"):
            return numpy.where(
                numpy.asarray(above) == 0,
                0.0,
                numpy.where(numpy.asarray(below) <= 0, math.inf, numpy.divide(above, below)),
            )
    if above == 0:
        return 0.0
    return above / below if below > 0 else math.inf


def whole(exact: Number) -> Number:
    """Round servers up, as floats; within a part in 1e9 of a whole number is that number."""
    if is_array(exact):
        finite = exact < math.inf  # infinity less infinity is no number
        return where(finite, ceil(where(finite, exact, 0.0) * (1 - 1e-9)), exact)
    return ceil(exact * (1 - 1e-9)) if math.isfinite(exact) else exact


def _fold(name: str, plain: Callable[..., Any], first: Number, others: tuple[Number, ...]) -> Number:
    result = first
    for other in others:
        if is_array(result) or is_array(other):
            result = getattr(_numpy(), name)(result, other)
        else:
            result = plain(result, other)
    return result


def _apply(name: str, plain: Callable[[float], float], value: Number) -> Number:
    if is_array(value):
        numpy = _numpy()
        with numpy.errstate(divide="ignore"):
            return getattr(numpy, name)(value)
    return plain(value)


def _numpy() -> Any:
    import numpy  # noqa: PLC0415  (half of a plan's start-up time)

    return numpy
