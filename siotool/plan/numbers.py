"""Arithmetic that a plan of single figures and a plan of a hundred thousand draws share.

A ``Number`` is a float, or a numpy array with one float for each draw. The model's functions are
written once for both: ``N`` in their signatures is one of the two, so that single figures go in
and a single figure comes out. Python's operators work on both; what they lack is here.

numpy is imported only once there is an array: a plan of single figures starts in half the time
without it. So an array is described by the operations used on it (``Draws``), which numpy's own
types have.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeGuard, TypeVar


class Draws(Protocol):
    """A numpy array of floats, one for each draw."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many draws, in a tuple of one."""

    def __array__(self) -> Any: ...
    def __add__(self, other: "Number", /) -> "Draws": ...
    def __radd__(self, other: "Number", /) -> "Draws": ...
    def __sub__(self, other: "Number", /) -> "Draws": ...
    def __rsub__(self, other: "Number", /) -> "Draws": ...
    def __mul__(self, other: "Number", /) -> "Draws": ...
    def __rmul__(self, other: "Number", /) -> "Draws": ...
    def __truediv__(self, other: "Number", /) -> "Draws": ...
    def __rtruediv__(self, other: "Number", /) -> "Draws": ...
    def __pow__(self, other: "Number", /) -> "Draws": ...
    def __rpow__(self, other: "Number", /) -> "Draws": ...
    def __neg__(self) -> "Draws": ...
    def __lt__(self, other: "Number", /) -> "Flags": ...
    def __le__(self, other: "Number", /) -> "Flags": ...
    def __gt__(self, other: "Number", /) -> "Flags": ...
    def __ge__(self, other: "Number", /) -> "Flags": ...


class Flags(Protocol):
    """A numpy array of bools, one for each draw."""

    def __array__(self) -> Any: ...
    def __and__(self, other: "Condition", /) -> "Flags": ...
    def __rand__(self, other: "Condition", /) -> "Flags": ...
    def __or__(self, other: "Condition", /) -> "Flags": ...
    def __ror__(self, other: "Condition", /) -> "Flags": ...
    def any(self) -> Any:
        """Return whether one draw holds."""

    def all(self) -> Any:
        """Return whether all do."""


#: A float, or one for each draw.
Number: TypeAlias = float | Draws
#: A bool, or one for each draw.
Condition: TypeAlias = bool | Flags

#: Of a function: floats in and a float out, or Numbers in and a Number out. Of a record: what it holds.
N = TypeVar("N", float, Number)
#: The same for records that may be floats where Numbers are asked for.
N_co = TypeVar("N_co", float, Number, covariant=True)


def is_array(value: object) -> TypeGuard[Any]:
    """True for one value per draw, False for a single figure."""
    return bool(getattr(value, "shape", ()))


def single(value: Number) -> float:
    """Return a single figure as it is; TypeError for draws, which are many."""
    if not isinstance(value, float | int):
        raise TypeError("a single figure is needed, not draws")
    return value


def anywhere(condition: Condition) -> bool:
    """Return whether a condition holds in one draw at least."""
    return bool(condition if isinstance(condition, bool) else condition.any())


def everywhere(condition: Condition) -> bool:
    """Return whether a condition holds in every draw."""
    return bool(condition if isinstance(condition, bool) else condition.all())


def maximum(first: N, *others: N) -> N:
    """Return the largest, draw by draw."""
    return _fold("maximum", max, first, others)


def minimum(first: N, *others: N) -> N:
    """Return the smallest, draw by draw."""
    return _fold("minimum", min, first, others)


def where(condition: Condition, yes: N, no: N) -> N:
    """Return ``yes`` where the condition holds and ``no`` elsewhere."""
    if any(map(is_array, (condition, yes, no))):
        chosen: N = _numpy().where(condition, yes, no)
        return chosen
    return yes if condition else no


def ceil(value: N) -> N:
    """Round up to whole numbers, as floats; infinity stays."""
    return _apply("ceil", lambda x: float(math.ceil(x)) if math.isfinite(x) else x, value)


def log(value: N) -> N:
    """Natural logarithm; minus infinity at 0."""
    return _apply("log", lambda x: math.log(x) if x > 0 else -math.inf, value)


def exp(value: N) -> N:
    """e to the power of ``value``."""
    return _apply("exp", math.exp, value)


def sqrt(value: N) -> N:
    """Square root."""
    return _apply("sqrt", math.sqrt, value)


def turned(angle: Number) -> Any:
    """Return exp(i·angle): a complex number, or an array of them."""
    if is_array(angle):
        numpy = _numpy()
        return numpy.cos(angle) + 1j * numpy.sin(angle)
    return complex(math.cos(angle), math.sin(angle))  # type: ignore[arg-type]  # it is a float


def divide(above: N, below: N) -> N:
    """Quotient for ``above`` ≥ 0: 0/anything is 0, and anything else over 0 or less is infinity.

    A demand that nothing can carry needs infinitely many servers.
    """
    if is_array(above) or is_array(below):
        numpy = _numpy()
        with numpy.errstate(divide="ignore", invalid="ignore"):
            quotient: N = numpy.where(
                numpy.asarray(above) == 0,
                0.0,
                numpy.where(numpy.asarray(below) <= 0, math.inf, numpy.divide(above, below)),
            )
        return quotient
    if above == 0:
        return 0.0
    return above / below if below > 0 else math.inf


def whole(exact: N) -> N:
    """Round servers up, as floats; within a part in 1e9 of a whole number is that number."""
    if is_array(exact):
        finite = exact < math.inf  # infinity less infinity is no number
        rounded: N = where(finite, ceil(where(finite, exact, 0.0) * (1 - 1e-9)), exact)
        return rounded
    return ceil(exact * (1 - 1e-9))


def _fold(name: str, plain: Callable[..., Any], first: N, others: tuple[N, ...]) -> N:
    for other in others:
        both = getattr(_numpy(), name) if is_array(first) or is_array(other) else plain
        first = both(first, other)
    return first


def _apply(name: str, plain: Callable[..., Any], value: N) -> N:
    result: N
    if is_array(value):
        numpy = _numpy()
        with numpy.errstate(divide="ignore"):
            result = getattr(numpy, name)(value)
    else:
        result = plain(value)
    return result


def _numpy() -> Any:
    import numpy  # noqa: PLC0415  (half of a plan's start-up time)

    return numpy
