"""A chart as a Vega-Lite specification: shapes and data, no colours.

Colours, fonts and the dark scheme are the page's business (``page.js`` reads them from the
style sheet), so every chart follows the reader's scheme. Units stand on the axes. Tests hold each
specification against Vega-Lite's schema.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from msgspec import structs

from siotool.document.course import extent
from siotool.document.document import Chart, Curve, Unit
from siotool.printable import printable

_SECONDS = (
    "{v} == 0 ? '0' : {v} >= 1 ? format({v}, '.3~g') + ' s' : {v} >= 0.001 ? "
    "format({v} * 1000, '.3~g') + ' ms' : format({v} * 1e6, '.3~g') + ' µs'"
)
#: What Vega writes for a figure: expressions in which ``{v}`` is the figure in SI units.
_WRITTEN: Mapping[Unit, str] = MappingProxyType(
    {
        "bytes": "{v} == 0 ? '0' : replace(format({v}, '.3~s'), regexp('([kMGTP]?)$'), ' $1B')",
        "bytes_per_s": "{v} == 0 ? '0' : replace(format({v}, '.3~s'), regexp('([kMGTP]?)$'), ' $1B/s')",
        "clock": _SECONDS,
        "cores": "format({v}, '.2~f')",
        "count": "format({v}, {v} < 1 ? '.2~g' : '.3~s')",
        "day": "utcFormat({v}, '%Y-%m-%d')",
        "factor": "format({v}, '.3~g')",
        "per_s": "format({v}, {v} < 1 ? '.2~g' : '.3~s') + '/s'",
        "seconds": _SECONDS,
        "servers": "format({v}, ',.3~f')",
        "share": "format({v} * 100, '.3~g') + ' %'",
    }
)
#: Seconds between the labels of a clock.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
#: The one set of data of a chart's curves; its rows come apart from the specification.
_ROWS = "rows"
#: The selection of the point that is nearest to the pointer.
_NEAR = "near"
#: Styles of shaded spans, which the page gives their colours: where figures are from, and where something was
#: broken.
HOLD, TROUBLE = "hold", "trouble"
#: More dots than this are small and pale.
_FEW_DOTS = 300
#: A part of a specification.
_Part = dict[str, Any]
#: The vertical of what has no axis of its own.
_VERTICAL: _Part = {"field": "v", "type": "quantitative"}


def spec(chart: Chart) -> dict[str, Any]:
    """Return what Vega-Lite draws, as wide as its place."""
    made = without_rows(chart)
    rows = [
        {"t": t, "s": name, "v": v}
        for name, places, values in columns_of(chart)
        for t, v in zip(places, values, strict=True)
    ]
    made["datasets"][_ROWS] = rows
    return made


def columns_of(chart: Chart) -> list[tuple[str, list[float], list[float | None]]]:
    """Return the data of each curve: its name, the places of its points as Vega counts, their values.

    Curves at the same places share one list of them.
    """
    known: dict[tuple[float, ...], list[float]] = {}
    found = []
    for curve in _named(chart):
        at, values = zip(*curve.points, strict=True) if curve.points else ((), ())
        places = known.setdefault(at, [_place(chart, t) for t in at])
        found.append((printable(curve.name), places, list(values)))
    return found


def without_rows(chart: Chart) -> dict[str, Any]:
    """Return the specification without the data of its curves, which are the set ``rows``."""
    named = [structs.replace(curve, name=printable(curve.name)) for curve in chart.curves]
    chart = structs.replace(chart, curves=named)
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": chart.height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": _ROWS},
        "datasets": {_ROWS: []},
        "layer": list(_layers(chart)),
    }


def _layers(chart: Chart) -> Iterator[_Part]:
    yield from _across(chart)
    named = _named(chart)
    names = [curve.name for curve in named]
    colour = {"field": "s", "type": "nominal", "sort": names, "scale": {"domain": names}}
    encoding = {"x": _x(chart), "y": _y(chart), "color": colour | {"legend": _legend(named)}}
    rows: list[_Part] = [{"calculate": _written(chart, "datum.t"), "as": "at"}]
    if chart.y.log:
        rows.append({"filter": "datum.v > 0"})
    for drawn in dict.fromkeys(curve.drawn for curve in named):
        alike = [curve for curve in named if curve.drawn == drawn]
        own = {"filter": {"field": "s", "oneOf": [curve.name for curve in alike]}}
        chosen = [*rows, own] if len(alike) < len(named) else rows
        yield {"mark": _mark(drawn, alike), "transform": chosen, "encoding": encoding}
    yield _hover(chart, encoding, rows)


def _mark(drawn: str, alike: Sequence[Curve]) -> _Part:
    """How curves are drawn that are drawn alike."""
    if drawn != "dots":
        return {"type": "line", "interpolate": drawn, "invalid": "break-paths-show-path-domains"}
    few = sum(len(curve.points) for curve in alike) <= _FEW_DOTS
    size, opacity = (24, 0.9) if few else (18, 0.45)
    return {"type": "point", "filled": True, "size": size, "opacity": opacity, "invalid": "filter"}


def _named(chart: Chart) -> list[Curve]:
    return [curve for curve in chart.curves if curve.drawn != "dashed"]


def _place(chart: Chart, place: float) -> float:
    """A place of the horizontal as Vega counts: days in milliseconds."""
    return 1000 * place if chart.x.unit == "day" else place


def _written(chart: Chart, value: str) -> str:
    """A Vega expression that writes a place of the horizontal."""
    if chart.x.unit == "clock":
        return _clock(extent(chart)[1], value)
    return _WRITTEN[chart.x.unit].format(v=value)


def _clock(end_s: float, value: str) -> str:
    """Write a time: ``45 s``, from two minutes on ``1:30``, ``1:05:00``."""
    if end_s < 120:
        return f"format({value}, '.3~g') + ' s'"
    seconds = f"format(floor({value} % 60), '02d')"
    if end_s < 3600:
        return f"floor({value} / 60) + ':' + {seconds}"
    return f"floor({value} / 3600) + ':' + format(floor({value} / 60) % 60, '02d') + ':' + {seconds}"


def _x(chart: Chart) -> _Part:
    low, high = extent(chart)
    labels: dict[str, Any] = {"labelExpr": _written(chart, "datum.value")}
    kind: Literal["log", "utc", "linear"] = "log" if _is_log(chart) else "linear"
    if chart.x.unit == "clock":
        labels |= {"values": _clock_ticks(high), "labelFlush": False}
    elif chart.x.unit == "day":
        labels, kind = {"tickCount": 6, "format": "%b %Y", "labelSeparation": 8}, "utc"
    elif chart.x.unit == "servers":
        labels = {"tickCount": 8, "tickMinStep": 1, "format": ",d", "labelSeparation": 8}
    elif _is_log(chart):
        labels |= {"values": [t for t in _log_ticks(low, high) if low <= t <= high], "labelSeparation": 8}
    else:
        labels |= {"tickCount": 4, "labelSeparation": 8}
    scale = {"type": kind, "domain": [_place(chart, low), _place(chart, high)], "nice": False}
    axis = {"title": None, "grid": False, "labelOverlap": "greedy"} | labels
    return _horizontal(chart) | {"axis": axis, "scale": scale}


def _is_log(chart: Chart) -> bool:
    """Whether the horizontal is logarithmic: one that begins at 0 has no decade to begin with."""
    return chart.x.log and extent(chart)[0] > 0


def _y(chart: Chart) -> _Part:
    unit, low, high = chart.y.unit, chart.y.low, chart.y.high
    labels: dict[str, Any] = {"tickCount": 5, "labelExpr": _WRITTEN[unit].format(v="datum.value")}
    scale: _Part = {"zero": True} if low is None or high is None else {"domain": [low, high]}
    known = [v for curve in chart.curves for _, v in curve.points if v is not None and v > 0]
    if unit == "servers":
        labels = {"tickCount": 4, "tickMinStep": 1, "format": ",d"}
    elif chart.y.log and known:
        ticks = _log_ticks(min(known), max(known))
        labels = {"values": ticks, "labelExpr": labels["labelExpr"]}
        scale = {"type": "log", "domain": [ticks[0], ticks[-1]]}
    axis = {"title": None, "domain": False, "ticks": False} | labels
    return _VERTICAL | {"axis": axis, "scale": scale}


def _clock_ticks(end_s: float) -> list[float]:
    step = next((step for step in _STEPS if end_s / step <= 6), math.ceil(end_s / 6 / 86400) * 86400)
    return [float(tick) for tick in range(0, math.floor(end_s) + 1, step)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each whole decade around, fewer where there are many."""
    first = math.floor(math.log10(low))
    last = max(first + 1, math.ceil(math.log10(high)))
    steps = (1, 2, 5) if last - first < 3 else (1, 3) if last - first < 4 else (1,)
    return [step * 10.0**decade for decade in range(first, last) for step in steps] + [10.0**last]


def _legend(named: Sequence[Curve]) -> _Part | None:
    """The legend of named curves; none for one."""
    if len(named) < 2:
        return None
    found: _Part = {"title": None}
    if all(curve.drawn == "dots" for curve in named):
        found["symbolType"] = "circle"
    if sum(len(curve.name) for curve in named) <= 24:
        found["columns"] = len(named)
    return found


def _across(chart: Chart) -> Iterator[_Part]:
    """What is drawn with the curves: shades, rules, and dashed curves, on the axes of the others."""
    x = _horizontal(chart)
    if chart.x.unit != "day" and not _is_log(chart):
        # Vega-Lite joins the scales of all layers, and has one that says nothing begin at 0
        x |= {"scale": {"zero": False}}
    for spans, style in ((chart.shades, HOLD), (chart.troubles, TROUBLE)):
        if spans:
            rows = [{"t": _place(chart, begin), "end": _place(chart, end)} for begin, end in spans]
            yield _own(rows, {"type": "rect", "style": style}, {"x": x, "x2": {"field": "end"}})
    for rule in chart.rules:
        if rule.x is None:
            yield _own([{"v": rule.y}], {"type": "rule"}, {"y": _VERTICAL})
        else:
            yield _own([{"t": _place(chart, rule.x)}], {"type": "rule"}, {"x": x})
    for curve in chart.curves:
        if curve.drawn == "dashed":
            points = [{"t": _place(chart, t), "v": v} for t, v in curve.points]
            line = {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1}
            yield _own(points, line, {"x": x, "y": _VERTICAL})


def _own(rows: Sequence[_Part], mark: _Part, encoding: _Part) -> _Part:
    """A layer with data of its own."""
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _horizontal(chart: Chart) -> _Part:
    return {"field": "t", "type": "temporal" if chart.x.unit == "day" else "quantitative"}


def _hover(chart: Chart, encoding: _Part, rows: Sequence[_Part]) -> _Part:
    """Points that tell, under the pointer, what is drawn there."""
    told = {"at": chart.x.name or "at", "s": "what", "text": "value"}
    shown = {"condition": {"param": _NEAR, "empty": False, "value": 1}, "value": 0}
    tips = [{"field": field, "title": title, "type": "nominal"} for field, title in told.items()]
    nearest = {"type": "point", "nearest": True, "on": "pointerover", "fields": ["t", "s"]}
    return {
        "params": [{"name": _NEAR, "select": nearest}],
        "mark": {"type": "point", "filled": True, "size": 60},
        "transform": [
            *rows,
            {"filter": "isValid(datum.v)"},
            {"calculate": _WRITTEN[chart.y.unit].format(v="datum.v"), "as": "text"},
        ],
        "encoding": encoding | {"opacity": shown, "tooltip": tips},
    }
