"""A gate as a share of operations that missed it: what a search judges each second of a load by.

A percentile is one: ``p99:ack > 200ms`` allows 1 % of the calls to come later than 200 ms, or not at
all. Shares of errors and losses are what they say. A level, such as the server's CPU, has no share: its
square over the limit's stands for one, so that it meets what is allowed exactly at the limit.
"""

import math
from collections.abc import Callable
from typing import Literal

import msgspec

from siotool.histogram import later
from siotool.runfile import Interval, Operation

Kind = Literal["late", "failed", "connects", "delivery", "exceptions", "withheld", "away", "level"]

#: What a level is taken for: at its limit this share of so many operations is missed.
LEVEL_ALLOWED, LEVEL_TRIED = 0.1, 100.0
#: The run file counts operations under way for longer than this as overdue. Seconds.
OVERDUE_S = 1.0


class Objective(msgspec.Struct, frozen=True):
    """One gate, by its ``text``, as a share of operations that may be missed (``allowed``).

    ``late``: operations of ``op`` (and ``name``) later than ``limit`` seconds, or failed; ``failed``: of
    those tried, but for the names ``without``; ``connects``: connects that failed; ``delivery``: the
    counter ``name`` of the deliveries expected; ``exceptions``: raised, of the operations begun;
    ``withheld``: scheduled operations that the target kept users from; ``away``: users that are not
    connected; ``level``: the quantity ``name`` against ``limit``.
    """

    text: str
    kind: Kind
    allowed: float
    op: str = ""
    name: str = ""
    limit: float = 0.0
    without: frozenset[str] = frozenset()

    def count(
        self, interval: Interval, before: Interval | None, server_cores: float | None = None
    ) -> tuple[float, float]:
        """Return how many operations of an interval missed it, and of how many; ``before`` it was another.

        ``server_cores`` are those that all servers may fill, None where one of them was not sampled.
        """
        if self.kind == "level":
            return _level(self, interval, server_cores)
        return _COUNT[self.kind](self, interval, before)

    def unseen(self, interval: Interval, server_cores: float | None) -> bool:
        """Whether it is about a level of the server of which an interval has no sample."""
        if self.kind != "level" or not self.name.startswith("server_"):
            return False
        return _LEVELS[self.name](interval, server_cores) is None


def implied() -> list[Objective]:
    """What every search holds against a load beside its gates: the users could do what they were to do."""
    return [
        Objective("operations withheld > 1%", "withheld", 0.01),
        Objective("users not connected > 1%", "away", 0.01),
    ]


def mean_level_s(objectives: list[Objective], interval: Interval) -> float | None:
    """The mean response time of what the objectives are about, and the share of users not connected.

    It falls while a server recovers. None where nothing ended. Seconds.
    """
    ops = {one.op for one in objectives if one.kind == "late"} or {"ack", "deliver", "connect"}
    found = [one for one in interval.operations if one.op in ops]
    total = sum(one.response.sum_s + one.given_up.sum_s for one in found)
    count = sum(one.response.count + one.given_up.count for one in found)
    users = interval.connections.users
    away = max(0, users - interval.connections.open) / users if users else 0.0
    return total / count + away if count else None


def _chosen(objective: Objective, interval: Interval) -> list[Operation]:
    return [
        one
        for one in interval.operations
        if one.op == objective.op
        and (not objective.name or one.name == objective.name)
        and one.name not in objective.without
    ]


def _late(objective: Objective, interval: Interval, before: Interval | None) -> tuple[float, float]:
    """Late and failed operations; those under way for too long count when they become overdue.

    A server that answers nothing would otherwise show nothing until its calls are given up.
    """
    found = _chosen(objective, interval)
    failed = sum(sum(one.errors.values()) for one in found)
    # what was given up early, as by the user that left, is no answer that came late
    early = sum(one.given_up.count - later(one.given_up, objective.limit) for one in found)
    missed = float(sum(later(one.response, objective.limit) for one in found) + failed - early)
    ended = float(sum(one.count for one in found) + failed - early)
    named = {one.name for one in interval.operations if one.op == objective.op}
    if objective.limit >= OVERDUE_S / 10 and (not objective.name or named <= {objective.name}):
        grown = interval.overdue.get(objective.op, 0) - (before.overdue.get(objective.op, 0) if before else 0)
        missed, ended = missed + grown, ended + grown
    ended = max(0.0, ended)
    return min(max(0.0, missed), ended), ended


def _failed(objective: Objective, interval: Interval, _: Interval | None) -> tuple[float, float]:
    found = _chosen(objective, interval)
    failed = sum(sum(one.errors.values()) for one in found)
    return float(failed), float(failed + sum(one.count for one in found))


def _connects(_: Objective, interval: Interval, __: Interval | None) -> tuple[float, float]:
    failed = sum(interval.connections.failed.values())
    return float(failed), float(failed + interval.connections.established)


def _delivery(objective: Objective, interval: Interval, _: Interval | None) -> tuple[float, float]:
    expected = float(interval.delivery.expected)
    return min(float(getattr(interval.delivery, objective.name)), expected), expected


def _exceptions(_: Objective, interval: Interval, __: Interval | None) -> tuple[float, float]:
    raised = float(sum(found.count for found in interval.exceptions))
    begun = float(sum(found.begun for found in interval.user_classes))
    return min(raised, max(begun, raised)), max(begun, raised)


def _withheld(_: Objective, interval: Interval, __: Interval | None) -> tuple[float, float]:
    withheld = float(sum(found.withheld for found in interval.user_classes))
    return withheld, max(withheld, float(sum(found.offered for found in interval.user_classes)))


def _away(_: Objective, interval: Interval, __: Interval | None) -> tuple[float, float]:
    users = interval.connections.users
    return float(max(0, users - interval.connections.open)), float(users)


def _level(objective: Objective, interval: Interval, server_cores: float | None) -> tuple[float, float]:
    value = _LEVELS[objective.name](interval, server_cores)
    if value is None or not math.isfinite(value):
        return 0.0, 0.0
    share = LEVEL_ALLOWED * (value / objective.limit) ** 2 if objective.limit else float(value > 0)
    return LEVEL_TRIED * min(1.0, share), LEVEL_TRIED


def _server_cpu(interval: Interval, server_cores: float | None) -> float | None:
    return interval.server.cpu_cores if interval.server is not None and server_cores else None


def _server_share(interval: Interval, server_cores: float | None) -> float | None:
    used = _server_cpu(interval, server_cores)
    return used / server_cores if used is not None and server_cores else None


def _server_rss(interval: Interval, server_cores: float | None) -> float | None:
    return interval.server.rss_bytes if interval.server is not None and server_cores else None


#: All but levels.
_COUNT: dict[Kind, Callable[[Objective, Interval, Interval | None], tuple[float, float]]] = {
    "late": _late,
    "failed": _failed,
    "connects": _connects,
    "delivery": _delivery,
    "exceptions": _exceptions,
    "withheld": _withheld,
    "away": _away,
}
_LEVELS: dict[str, Callable[[Interval, float | None], float | None]] = {
    "server_cpu": _server_cpu,
    "server_cpu_share": _server_share,
    "server_rss": _server_rss,
    "bandwidth_in": lambda i, _: i.bytes.wire_in / i.duration_s,
    "bandwidth_out": lambda i, _: i.bytes.wire_out / i.duration_s,
}
