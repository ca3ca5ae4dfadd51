"""Figures that are not known exactly: ranges as people write them, and measured scatter.

``80MB/s..120MB/s`` says that the figure is within these bounds with 90 % probability: 5 %
below the first, 5 % above the last. ``80MB/s..100MB/s..120MB/s`` adds the most likely value.
That is how judgement is asked for in the SHELF framework (quantiles and a mode;
https://shelf.sites.sheffield.ac.uk). ``distributions`` turns a range into a distribution.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from siotool.errors import UnitError

#: The quantiles that the ends of a range are.
LOW, HIGH = 0.05, 0.95

_PLAIN = re.compile(r"[-+]?[\d._]+(?:[eE][-+]?\d+)?")
_OTHER_RANGE = re.compile(
    r"\d\s*[^\W\d_/%]*(?:/[a-z]+)?%?\s*(?:-|–|—|…|\bto\b)\s*\d"
)  # 80-120, 80MB/s to 120MB/s
_PARTS = "write 80MB/s..120MB/s, or 80MB/s..100MB/s..120MB/s with the most likely value between"


class Range(msgspec.Struct, frozen=True):
    """The central 90 % of a figure in SI units, and the most likely value where it is known.

    ``low`` and ``high`` are the 5 % and 95 % quantiles, low < high; ``likely`` is the mode.
    Raises ValueError when the three are not in order.
    """

    low: float
    likely: float | None
    high: float

    def __post_init__(self) -> None:
        """Keep the order."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"no range: {self.low}..{self.high}")
        if self.likely is not None and not self.low <= self.likely <= self.high:
            raise ValueError(f"{self.likely} is outside {self.low}..{self.high}")


class Replicates(msgspec.Struct, frozen=True):
    """A measured figure as replicates, for example of a bootstrap, in SI units.

    Replicates of one ``group`` were estimated together: the same replicate of each is drawn, so
    that what ties the estimates stays. Raises ValueError without replicates.
    """

    values: tuple[float, ...]
    group: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not self.values or not all(map(math.isfinite, self.values)):
            raise ValueError("samples are one or more finite numbers")

    def quantile(self, share: float) -> float:
        """Return the smallest replicate that at least ``share`` of them do not exceed."""
        return sorted(self.values)[max(0, math.ceil(share * len(self.values) - 1e-9) - 1)]

    @property
    def low(self) -> float:
        """The 5 % quantile."""
        return self.quantile(LOW)

    @property
    def middle(self) -> float:
        """The median."""
        return self.quantile(0.5)

    @property
    def high(self) -> float:
        """The 95 % quantile."""
        return self.quantile(HIGH)


def parse_figure(text: Any, parse: Callable[[str, str], float], what: str) -> float | Range:
    """Read a figure of a plan file: a number, a quantity, or a range of them.

    ``parse`` reads one quantity (``siotool.units``), ``what`` names the figure in errors. The
    first parts of a range may leave their unit to the last one: ``80..120MB/s``. A range
    without width is a single figure. Raises UnitError for all else.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise UnitError(f"{what} is {text!r}; expected a number, a quantity or a range", _PARTS)
    if not isinstance(text, str):
        return parse(repr(text), what)
    if ".." not in text:
        return _single(text, parse, what)
    parts = [part.strip() for part in text.split("..")]
    if len(parts) > 3 or not all(parts):
        raise UnitError(f"{what}: {text!r} is not a range", _PARTS)
    number = _PLAIN.match(parts[-1])
    unit = parts[-1][number.end() :].strip() if number else ""
    values = [parse(part + unit if _PLAIN.fullmatch(part) else part, what) for part in parts]
    low, high = values[0], values[-1]
    if low > high:
        raise UnitError(
            f"{what}: the range {text!r} is in the wrong order",
            f"the smaller figure comes first, and a part without a unit has the last one's, {unit!r}"
            if unit
            else "the smaller figure comes first",
        )
    likely = values[1] if len(values) == 3 else None
    if likely is not None and not low <= likely <= high:
        raise UnitError(f"{what}: the most likely value of {text!r} is outside the range", _PARTS)
    return Range(low, likely, high) if low < high else low


def format_figure(figure: float | Range | Replicates, show: Callable[[float], str]) -> str:
    """Write a figure as in a plan file; ``show`` writes one value (``siotool.units``).

    Replicates are written as their central 90 % around their median.
    """
    if isinstance(figure, Range | Replicates):
        likely = figure.middle if isinstance(figure, Replicates) else figure.likely
        return "..".join(show(value) for value in (figure.low, likely, figure.high) if value is not None)
    return show(figure)


def _single(text: str, parse: Callable[[str, str], float], what: str) -> float:
    try:
        return parse(text, what)
    except UnitError as error:
        if _OTHER_RANGE.search(text):
            raise UnitError(f"{what}: {text!r} is not a quantity", f"for a range, {_PARTS}") from error
        raise
