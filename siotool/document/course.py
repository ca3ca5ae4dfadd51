"""Charts without pictures: each curve as one line of blocks, or all of them as a short table."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec

from siotool import units
from siotool.document.document import Axis, Chart, Column, Curve, Row, Table, Unit
from siotool.document.groups import NONE

#: The blocks of a bar one line high.
_BLOCKS = " ▁▂▃▄▅▆▇█"

#: Rows of a table that stands for a chart, at most.
MOST_ROWS = 20


def _day(value: float) -> str:
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}"


def _count(value: float) -> str:
    return units.format_count(round(value))


#: How a figure in SI units is written on an axis.
_WRITTEN: Mapping[Unit, Callable[[float], str]] = MappingProxyType(
    {
        "bytes": units.format_size,
        "bytes_per_s": units.format_byte_rate,
        "clock": units.format_duration,
        "cores": "{:.2f}".format,
        "count": _count,
        "day": _day,
        "factor": "{:.3g}".format,
        "per_s": lambda value: units.format_rate(round(value) if value >= 10 else value),
        "seconds": units.format_duration,
        "servers": _count,
        "share": units.format_share,
    }
)


def extent(chart: Chart) -> tuple[float, float]:
    """Return where the horizontal of a chart begins and ends."""
    places = [x for curve in chart.curves for x, _ in curve.points]
    low = min(places, default=0.0) if chart.x.low is None else chart.x.low
    high = max(places, default=1.0) if chart.x.high is None else chart.x.high
    return low, high


class Strip:
    """A curve as one line of blocks of at most ``width`` cells, each the highest of its points."""

    def __init__(self, curve: Curve, axis: Axis, width: int) -> None:
        each = max(1, -(-len(curve.points) // width))
        self._cells = [_most(curve, at, each) for at in range(0, len(curve.points), each)]
        self._top = max((value for value in self._cells if value is not None), default=0.0)
        self.name = curve.name
        self.top = f"≤ {_WRITTEN[axis.unit](self._top)}"

    def line(self) -> str:
        """Return the blocks: empty only where nothing is, full at the highest."""
        return "".join(_BLOCKS[max(1, round(8 * value / self._top)) if value else 0] for value in self._cells)


def ends(chart: Chart, width: int) -> str:
    """Return the first and the last place of the horizontal, ``width`` cells apart."""
    first, last = (_WRITTEN[chart.x.unit](place) if place else "0" for place in extent(chart))
    return f"{first}{last:>{max(1, width - len(first))}}"


def as_table(chart: Chart) -> Table:
    """Return the chart as a table of few rows: the highest of each span of the horizontal."""
    longest = max(chart.curves, key=lambda curve: len(curve.points)).points
    each = max(1, -(-len(longest) // MOST_ROWS))
    columns = [Column(chart.x.name or "from", numeric=True)]
    columns += [Column(f"{curve.name}, at most" if each > 1 else curve.name, True) for curve in chart.curves]
    rows = []
    for at in range(0, len(longest), each):
        most = [_most(curve, at, each) for curve in chart.curves]
        cells = [_written(chart, value) for value in most]
        rows.append(Row([_WRITTEN[chart.x.unit](longest[at][0]), *cells]))
    return Table(columns, rows, chart.note)


def figures_of(chart: Chart) -> Table:
    """Return the chart as a table of few rows, whatever its curves: the alternative to a picture.

    Where curves have points at different places, a row is for a span of the horizontal, with the highest
    point of each curve in it.
    """
    places = [[x for x, _ in curve.points] for curve in chart.curves]
    if all(one == places[0] for one in places) and places[0] == sorted(places[0]):
        return msgspec.structs.replace(as_table(chart), note="")
    every = sorted(x for one in places for x in one)
    each = max(1, -(-len(every) // MOST_ROWS))
    begins = sorted(set(every[::each]))
    columns = [Column(chart.x.name or "from", numeric=True)]
    columns += [Column(f"{curve.name}, at most", numeric=True) for curve in chart.curves]
    most: list[list[float | None]] = [[None] * len(chart.curves) for _ in begins]
    for number, curve in enumerate(chart.curves):
        for x, value in curve.points:
            row = most[bisect_right(begins, x) - 1]
            known = [one for one in (row[number], value) if one is not None]
            row[number] = max(known, default=None)
    rows = [
        Row([_WRITTEN[chart.x.unit](begin), *(_written(chart, value) for value in row)])
        for begin, row in zip(begins, most, strict=True)
    ]
    return Table(columns, rows)


def _written(chart: Chart, value: float | None) -> str:
    return NONE if value is None else _WRITTEN[chart.y.unit](value)


def _most(curve: Curve, at: int, each: int) -> float | None:
    return max((value for _, value in curve.points[at : at + each] if value is not None), default=None)
