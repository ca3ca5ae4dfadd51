"""A chart of named lines over dashed rules, and the axes it takes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import msgspec

from siotool.page.chart import BARE, HEIGHT, Chart, hover, legend, spec

#: How a line gets from one point to the next: straight, with a step half-way, or with one at the end.
Line = Literal["linear", "step", "step-after"]
Points = Sequence[tuple[float, float | None]]

#: The one set of data of a chart, named, so that building the chart does not copy it.
_ROWS = "rows"


class Named(msgspec.Struct, frozen=True):
    """One line: its name in the legend, its points, and how it gets from one to the next."""

    name: str
    points: Points
    line: Line = "linear"


class Tells(msgspec.Struct, frozen=True):
    """What the pointer shows: the name of the horizontal, the Vega expression that writes ``datum.t``.

    ``unit`` writes the vertical, as in ``siotool.page.chart``.
    """

    name: str
    written: str
    unit: str


def curve(
    key: str,
    title: str,
    lines: Sequence[Named],
    *,
    x: alt.X,
    y: alt.Y,
    tells: Tells,
    rules: Sequence[Mapping[str, float]] = (),
    note: str = "",
    height: int = HEIGHT,
) -> Chart:
    """Draw lines, over dashed rules at ``t`` or at ``v``. ``x`` and ``y`` encode ``t`` and ``v``."""
    names = [line.name for line in lines]
    colour = alt.Color("s:N", sort=names, legend=legend(names, points=False), scale=alt.Scale(domain=names))
    base = alt.Chart(alt.NamedData(name=_ROWS)).transform_calculate(at=tells.written)
    base = base.encode(x=x, y=y, color=colour)
    layers: list[alt.Chart] = [_rule(rule, x, y) for rule in rules]
    for line in lines:
        own = base.transform_filter(alt.FieldEqualPredicate(field="s", equal=line.name))
        layers.append(own.mark_line(interpolate=line.line, invalid="break-paths-show-path-domains"))
    made = spec([*layers, hover(base, tells.unit, tells.name)], height=height)
    rows: list[dict[str, Any]] = [
        {"t": t, "s": line.name, "v": value} for line in lines for t, value in line.points
    ]
    made["datasets"] = {**made.get("datasets", {}), _ROWS: rows}
    return Chart(key=key, title=title, note=note, spec=made)


def _rule(rule: Mapping[str, float], x: alt.X, y: alt.Y) -> alt.Chart:
    chart = alt.Chart(alt.InlineData(values=[dict(rule)])).mark_rule()
    ruled: alt.Chart = chart.encode(x=x) if "t" in rule else chart.encode(y=y)
    return ruled


def x_axis(unit: str, ticks: Sequence[float] | None = None) -> alt.Axis:
    """Return a horizontal axis in a unit."""
    return alt.Axis(
        title=None,
        grid=False,
        tickCount=4,
        values=alt.Undefined if ticks is None else ticks,
        labelExpr=unit.format(v="datum.value"),
        labelOverlap="greedy",
        labelSeparation=8,
    )


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of each decade, or 1 alone where there are many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high <= 1000 * low else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def servers_axis() -> alt.Axis:
    """Return a vertical axis of whole servers."""
    return alt.Axis(**BARE, tickCount=4, tickMinStep=1, format=",d")
