"""Charts as Vega-Lite specifications: shapes and data, no colours.

Colours, fonts and the dark scheme are the page's business (``page.js`` reads them from the
style sheet), so every chart follows the reader's scheme. Units stand on the axes.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import altair as alt
import msgspec
from altair.utils.schemapi import debug_mode

#: What Vega writes for a figure: expressions in which ``{v}`` is the figure in SI units.
SECONDS = (
    "{v} == 0 ? '0' : {v} >= 1 ? format({v}, '.3~g') + ' s' : {v} >= 0.001 ? "
    "format({v} * 1000, '.3~g') + ' ms' : format({v} * 1e6, '.3~g') + ' µs'"
)
PER_SECOND = "format({v}, {v} < 1 ? '.2~g' : '.3~s') + '/s'"
BYTES = "{v} == 0 ? '0' : replace(format({v}, '.3~s'), regexp('([kMGTP]?)$'), ' $1B')"
BYTE_RATE = "{v} == 0 ? '0' : replace(format({v}, '.3~s'), regexp('([kMGTP]?)$'), ' $1B/s')"
COUNT = "format({v}, '.3~s')"
CORES = "format({v}, '.2~f')"
SHARE = "format({v} * 100, '.3~g') + ' %'"

HEIGHT = 190


class Chart(msgspec.Struct, frozen=True):
    """``key`` names the place on the page; ``spec`` is what Vega-Lite draws there."""

    key: str
    title: str
    note: str
    spec: dict[str, Any]


#: An axis that shows its labels only, not itself.
BARE: Mapping[str, Any] = MappingProxyType({"title": None, "domain": False, "ticks": False})


def unchecked() -> AbstractContextManager[None]:
    """Within it altair does not hold each part of a chart against its schema, which takes half of the time.

    The charts are the same each time but for their figures; the tests hold them against it.
    """
    return debug_mode(False)


def axis(unit: str) -> alt.Axis:
    """Return the axis of figures in a unit."""
    return alt.Axis(**BARE, tickCount=5, labelExpr=unit.format(v="datum.value"))


def time_axis(end_s: float) -> alt.Axis:
    """Return an axis of seconds from 0, labelled as a clock."""
    return alt.Axis(
        title=None,
        values=_ticks(end_s),
        labelExpr=clock(end_s, "datum.value"),
        grid=False,
        labelOverlap="greedy",
        labelFlush=False,
    )


def legend(named: Collection[str], *, points: bool) -> alt.Legend | None:
    """Return the legend of named lines, or points; none for one."""
    if len(named) < 2:
        return None
    short = sum(map(len, named)) <= 24
    return alt.Legend(
        title=None,
        symbolType="circle" if points else alt.Undefined,
        columns=len(named) if short else alt.Undefined,
    )


def hover(base: alt.Chart, unit: str, at: str = "time") -> alt.Chart:
    """Return points that tell, under the pointer, what ``base`` draws there.

    Its rows have ``t`` (written ``at`` by a transform of ``base``), ``s`` the name and ``v``.
    """
    near = alt.selection_point(nearest=True, on="pointerover", fields=["t", "s"], empty=False)
    points: alt.Chart = (
        base.transform_filter("isValid(datum.v)")
        .transform_calculate(text=unit.format(v="datum.v"))
        .mark_point(filled=True, size=60)
        .encode(
            # alt.condition says the same, and takes a tenth of a page's time to look itself up
            opacity=alt.OpacityValue(0, condition={"param": near.name, "empty": False, "value": 1}),
            tooltip=[
                alt.Tooltip("at:N", title=at),
                alt.Tooltip("s:N", title="what"),
                alt.Tooltip("text:N", title="value"),
            ],
        )
        .add_params(near)
    )
    return points


def spec(layers: Sequence[alt.Chart], *, height: int = HEIGHT) -> dict[str, Any]:
    """Return layers as one specification, as wide as its place."""
    chart = alt.layer(*layers).properties(
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    made.pop("config", None)  # altair's default theme: the page has its own
    return made


_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def _ticks(end_s: float) -> list[float]:
    step = next((step for step in _STEPS if end_s / step <= 6), math.ceil(end_s / 6 / 86400) * 86400)
    return [float(tick) for tick in range(0, math.floor(end_s) + 1, step)]


def clock(end_s: float, value: str) -> str:
    """Return a Vega expression that writes a time: ``45 s``, from two minutes on ``1:30``, ``1:05:00``."""
    if end_s < 120:
        return f"format({value}, '.3~g') + ' s'"
    seconds = f"format(floor({value} % 60), '02d')"
    if end_s < 3600:
        return f"floor({value} / 60) + ':' + {seconds}"
    return f"floor({value} / 3600) + ':' + format(floor({value} / 60) % 60, '02d') + ':' + {seconds}"
