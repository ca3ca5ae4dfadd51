"""Which metrics show which figure of a server: the usual names, and expressions where names differ.

| figure | unit | usual names, the first that is there |
|---|---|---|
| ``cpu`` | seconds, or cores | process_cpu_seconds_total |
| ``memory`` | bytes | process_resident_memory_bytes, process_working_set_bytes |
| ``files`` | count | process_open_fds, process_open_handles |
| ``loop_utilization`` | share | nodejs_eventloop_utilization, nodejs_eventloop_utilization_ratio, … |
| ``loop_active``, ``loop_idle`` | seconds | nodejs_eventloop_time_seconds_total by state (OpenTelemetry) |
| ``loop_lag`` | seconds | nodejs_eventloop_lag_p99_seconds, …_max_…, …_mean_…, nodejs_eventloop_lag_seconds |
| ``connections`` | count | socket_io_connected, … |
| ``events_received``, ``events_sent`` | count | socket_io_events_received_total, …_sent_total |
| ``store_messages``, ``store_dead`` | count | siotool_store_messages, siotool_store_dead_messages |
| ``store_bytes`` | bytes | siotool_store_bytes |
| ``adapter_published``, ``adapter_received`` | count | socket_io_adapter_published_total, …_received_total |
"""

import re
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from siotool.errors import InputError

Joining = Literal["sum", "max", "min", "avg"]
Unit = Literal["s", "bytes", "share", "count"]


class Expression(msgspec.Struct, frozen=True):
    """Samples of one metric with some labels, as one number: ``cpu_seconds_total{pod="a"}``.

    ``wanted`` are labels and whether they are to have the value, or not to have it. ``scale`` makes SI
    units of it.
    """

    name: str
    wanted: tuple[tuple[str, bool, str], ...] = ()
    joining: Joining | None = None
    scale: float = 1.0

    def takes(self, labels: dict[str, str]) -> bool:
        """Whether a sample with such labels is one of them."""
        return all((labels.get(name, "") == value) is equal for name, equal, value in self.wanted)


class Metric(msgspec.Struct, frozen=True):
    """A figure: its name in ``--metric``, its unit, the metrics that usually show it, and what they make.

    ``counter`` names the counter of a ``Reading`` that growing metrics become, ``gauge`` the gauge that
    others become; empty where a metric of that kind is none.
    """

    figure: str
    unit: Unit
    usual: tuple[Expression, ...]
    joining: Joining
    counter: str = ""
    gauge: str = ""
    words: str = ""


def _named(*names: str) -> tuple[Expression, ...]:
    return tuple(map(Expression, names))


def _state(state: str) -> tuple[Expression, ...]:
    return (Expression("nodejs_eventloop_time_seconds_total", (("nodejs_eventloop_state", True, state),)),)


METRICS = (
    Metric("cpu", "s", _named("process_cpu_seconds_total"), "sum", "cpu_s", "cpu_cores", "CPU"),
    Metric(
        "memory",
        "bytes",
        _named("process_resident_memory_bytes", "process_working_set_bytes"),
        "sum",
        gauge="rss_bytes",
        words="memory",
    ),
    Metric(
        "files",
        "count",
        _named("process_open_fds", "process_open_handles"),
        "sum",
        gauge="files_open",
        words="open files",
    ),
    Metric(
        "loop_utilization",
        "share",
        _named(
            "nodejs_eventloop_utilization",
            "nodejs_eventloop_utilization_ratio",
            "nodejs_event_loop_utilization",
            "nodejs_eventloop_utilization_percent",
            "event_loop_utilization",
        ),
        "avg",
        gauge="loop_utilization",
        words="event-loop utilization",
    ),
    Metric(
        "loop_active", "s", _state("active"), "sum", "loop_active_s", words="active time of the event loop"
    ),
    Metric("loop_idle", "s", _state("idle"), "sum", "loop_idle_s", words="idle time of the event loop"),
    Metric(
        "loop_lag",
        "s",
        _named(
            "nodejs_eventloop_lag_p99_seconds",
            "nodejs_eventloop_lag_max_seconds",
            "nodejs_eventloop_lag_mean_seconds",
            "nodejs_eventloop_lag_seconds",
            "nodejs_eventloop_delay_p99_seconds",
        ),
        "max",
        gauge="loop_lag_s",
        words="event-loop lag",
    ),
    Metric(
        "connections",
        "count",
        _named(
            "socket_io_connected",
            "socketio_connected_clients",
            "socket_io_clients_connected",
            "socketio_connections",
        ),
        "sum",
        gauge="connections",
        words="connections",
    ),
    Metric(
        "events_received",
        "count",
        _named("socket_io_events_received_total", "socketio_events_received_total"),
        "sum",
        "events_received",
        words="events received",
    ),
    Metric(
        "events_sent",
        "count",
        _named("socket_io_events_sent_total", "socketio_events_sent_total"),
        "sum",
        "events_sent",
        words="events sent",
    ),
    Metric(
        "store_messages",
        "count",
        _named("siotool_store_messages"),
        "sum",
        gauge="store_messages",
        words="messages kept",
    ),
    Metric(
        "store_dead",
        "count",
        _named("siotool_store_dead_messages"),
        "sum",
        gauge="store_dead",
        words="deleted messages kept",
    ),
    Metric(
        "store_bytes", "bytes", _named("siotool_store_bytes"), "sum", gauge="store_bytes", words="bytes kept"
    ),
    Metric(
        "adapter_published",
        "count",
        _named("socket_io_adapter_published_total"),
        "sum",
        "adapter_published",
        words="messages given to the adapter",
    ),
    Metric(
        "adapter_received",
        "count",
        _named("socket_io_adapter_received_total"),
        "sum",
        "adapter_received",
        words="messages received from the adapter",
    ),
)
BY_FIGURE = {metric.figure: metric for metric in METRICS}

_EXPRESSION = re.compile(
    r"(?:(?P<joining>sum|max|min|avg)\s*\(\s*)?(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)\s*"
    r"(?:\{(?P<labels>.*)\})?\s*(?P<closed>\))?"
)
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*(!?=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_EXAMPLE = 'write it as cpu=my_cpu_seconds_total{pod="a"}; several series are added up'

#: How names end, and what that makes in SI.
_SUFFIXES: dict[str, tuple[Unit, float]] = {
    "hours": ("s", 3600.0),
    "minutes": ("s", 60.0),
    "seconds": ("s", 1.0),
    "milliseconds": ("s", 1e-3),
    "ms": ("s", 1e-3),
    "microseconds": ("s", 1e-6),
    "us": ("s", 1e-6),
    "nanoseconds": ("s", 1e-9),
    "ns": ("s", 1e-9),
    "bytes": ("bytes", 1.0),
    "kilobytes": ("bytes", 1e3),
    "kb": ("bytes", 1e3),
    "kib": ("bytes", 1024.0),
    "megabytes": ("bytes", 1e6),
    "mb": ("bytes", 1e6),
    "mib": ("bytes", 2.0**20),
    "gigabytes": ("bytes", 1e9),
    "gb": ("bytes", 1e9),
    "gib": ("bytes", 2.0**30),
    "kibibytes": ("bytes", 1024.0),
    "mebibytes": ("bytes", 2.0**20),
    "gibibytes": ("bytes", 2.0**30),
    "cores": ("share", 1.0),
    "millicores": ("share", 1e-3),
    "ratio": ("share", 1.0),
    "percent": ("share", 0.01),
}
_WORDS: dict[Unit, str] = {"s": "seconds", "bytes": "bytes", "share": "a share", "count": "a count"}


def parse(text: str) -> tuple[Metric, Expression]:
    """Read ``FIGURE=EXPRESSION``, as ``--metric`` has it. Raises InputError."""
    figure, equals, written = text.partition("=")
    metric = BY_FIGURE.get(figure.strip())
    if metric is None or not equals:
        raise InputError(
            f"--metric {text!r}: {figure.strip()!r} is no figure of a server",
            f"one of {', '.join(BY_FIGURE)}, as cpu=my_cpu_seconds_total",
        )
    return metric, expression(metric, written.strip())


def expression(metric: Metric, text: str) -> Expression:
    """Read an expression for a figure. Raises InputError."""
    found = _EXPRESSION.fullmatch(text)
    if found is None or bool(found["joining"]) != bool(found["closed"]):
        raise InputError(f"--metric {metric.figure}={text}: not a metric's name with labels", _EXAMPLE)
    return Expression(
        found["name"],
        _labels(metric, text, found["labels"] or ""),
        _joined(found["joining"]),
        _scale(metric, found["name"]),
    )


def _joined(word: str | None) -> Joining | None:
    return next((one for one in get_args(Joining) if one == word), None)


def _labels(metric: Metric, text: str, labels: str) -> tuple[tuple[str, bool, str], ...]:
    wanted, at = [], 0
    while at < len(labels):
        found = _LABEL.match(labels, at)
        if found is None:
            raise InputError(
                f"--metric {metric.figure}={text}: cannot read the labels at {labels[at:]!r}",
                'labels are NAME="VALUE" or NAME!="VALUE", with commas between them',
            )
        wanted.append((found[1], found[2] == "=", re.sub(r"\\(.)", r"\1", found[3])))
        at = found.end()
    return tuple(wanted)


def unit_of(name: str) -> tuple[Unit, float] | None:
    """Return the unit that a metric's name ends in, and its size in SI; None where it names none."""
    return _SUFFIXES.get(name.removesuffix("_total").rpartition("_")[2].lower())


def _scale(metric: Metric, name: str) -> float:
    """What makes SI units of a metric; its name says the unit, or it is taken for SI."""
    known = unit_of(name)
    if known is None:
        return 1.0
    unit, scale = known
    # CPU may be a share of a core instead of seconds
    if unit == metric.unit or (metric.figure == "cpu" and unit == "share"):
        return scale
    raise InputError(
        f"--metric {metric.figure}={name}: the name ends in {_WORDS[unit]}, and {metric.figure} is "
        f"{_WORDS[metric.unit]}",
        "name another metric",
    )


def usual_scale(one: Expression) -> float:
    """The same for a usual name, which fits."""
    known = unit_of(one.name)
    return known[1] if known is not None else 1.0


def overridden(texts: Sequence[str]) -> dict[str, Expression]:
    """Read all ``--metric`` options. Raises InputError; also for a figure that is named twice."""
    found: dict[str, Expression] = {}
    for text in texts:
        metric, wanted = parse(text)
        if metric.figure in found:
            raise InputError(f"--metric {metric.figure} is given twice", "several series are added up")
        found[metric.figure] = wanted
    return found
