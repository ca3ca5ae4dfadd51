"""The metrics that gates compare: which there are, how their limits are written, and an example of each."""

import re
from collections.abc import Callable
from typing import Literal, get_args

from siotool import units
from siotool.errors import UnitError
from siotool.runfile import OpKind

Unit = Literal["s", "count", "share", "bytes", "bytes_per_s", "per_s", "cores"]

#: Percentiles, and the fields of ``OperationFigures`` and ``AwayFigures`` that hold them.
PERCENTILES = {
    "p50": "p50_s",
    "p90": "p90_s",
    "p95": "p95_s",
    "p99": "p99_s",
    "p99.9": "p99_9_s",
    "max": "max_s",
    "mean": "mean_s",
}
OF_OPERATIONS = (*PERCENTILES, "errors", "rate")
#: Of a comparison with a baseline.
OF_COMPARISONS = ("worse", "more_servers")
OF_THE_RUN = (
    "back_all",
    "lost",
    "duplicate",
    "reordered",
    "misdelivered",
    "connect_errors",
    "exceptions",
    "never_succeeded",
    "connections",
    "server_cpu",
    "server_rss",
    "bandwidth_in",
    "bandwidth_out",
    *OF_COMPARISONS,
)
OPS = get_args(OpKind)
#: Of what else there are percentiles: how long users were away.
AWAY = "away"
EXAMPLES = {
    **dict.fromkeys(PERCENTILES, "p99:ack:echo > 200ms"),
    "errors": "errors:ack > 1%",
    "rate": "rate:ack:echo < 100/s",
    "back_all": "back_all > 10s",
    "lost": "lost > 0.1%",
    "duplicate": "duplicate > 0",
    "reordered": "reordered > 0",
    "misdelivered": "misdelivered > 0",
    "connect_errors": "connect_errors > 1%",
    "exceptions": "exceptions > 0",
    "never_succeeded": "never_succeeded > 0",
    "connections": "connections < 1000",
    "server_cpu": "server_cpu > 80%",
    "server_rss": "server_rss > 2GB",
    "bandwidth_in": "bandwidth_in > 10MB/s",
    "bandwidth_out": "bandwidth_out > 10MB/s",
    "worse": "worse > 5%",
    "more_servers": "more_servers >= 1",
}


def quantity(metric: str, limit: str) -> tuple[float, Unit]:
    """Read the limit of a metric: its value in SI, and its unit. Raises UnitError."""
    if metric in _READ:
        read, unit = _READ[metric]
        return read(limit, "limit"), unit
    if limit.endswith("%"):
        return units.parse_share(limit, "limit"), "share"
    if metric != "server_cpu":
        return units.parse_count(limit, "limit"), "count"
    cores = re.fullmatch(r"(.*\d)\s*cores?", limit)
    if cores is None:
        raise UnitError(
            f"{limit!r} is neither a share nor cores", "80% is of the server's cores, 1.5 cores is absolute"
        )
    return units.parse_count(cores.group(1), "limit"), "cores"


def _parse_per_second(text: str, what: str) -> float:
    return units.parse_count(re.sub(r"\s*/\s*s$", "", text), what)


#: Metrics with one kind of limit; all others take a share or a count (of cores).
_READ: dict[str, tuple[Callable[[str, str], float], Unit]] = {
    **dict.fromkeys(PERCENTILES, (units.parse_duration, "s")),
    "back_all": (units.parse_duration, "s"),
    "rate": (_parse_per_second, "per_s"),
    "server_rss": (units.parse_size, "bytes"),
    "bandwidth_in": (units.parse_byte_rate, "bytes_per_s"),
    "bandwidth_out": (units.parse_byte_rate, "bytes_per_s"),
    "connections": (units.parse_count, "count"),
    "exceptions": (units.parse_count, "count"),
    "never_succeeded": (units.parse_count, "count"),
    "more_servers": (units.parse_count, "count"),
}
