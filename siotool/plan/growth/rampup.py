"""Whether an autoscaler keeps up with a ramp of connections.

The autoscaler looks every 15 s (--horizontal-pod-autoscaler-sync-period,
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/), at a figure as
old as the last scrape, and adds at most as many pods as there are, or four if that is more,
in 15 s (kubernetes/kubernetes, pkg/apis/autoscaling/v2/defaults.go). A pod then takes its
time to start. What is followed here is the best case: connections spread evenly over all
pods, though those that are open never move to a new one.
"""

import math
from collections.abc import Iterator

import msgspec

from siotool.errors import InputError
from siotool.plan.growth.exports import TOLERANCE, target_per_pod
from siotool.units import format_count, format_duration

SYNC_S = 15.0
LEAST_STEP = 4

#: Prometheus' default scrape_interval, and so how old a figure can be.
METRIC_AGE_S = 60.0

#: A slower change is growth, not a ramp.
MOST_RAMP_S = 30 * 86400.0


class Ramp(msgspec.Struct, frozen=True):
    """Connections go from ``start`` to ``peak``, ``per_s`` more each second."""

    start: float
    peak: float
    per_s: float


class RampCheck(msgspec.Struct, frozen=True):
    """What a ramp does to an autoscaled fleet.

    ``full_after_s`` is when the pods that are ready first hold all they may, None when they
    never do; ``short`` the most connections above that at any moment; ``capped`` that more would
    have been needed than the most there may be.
    """

    full_after_s: float | None
    short: float
    capped: bool


def check_ramp(
    ramp: Ramp,
    connections_per_pod: float,
    min_replicas: int,
    max_replicas: int,
    boot_s: float,
) -> RampCheck:
    """Follow the autoscaler through a ramp, from the replicas it has at the ramp's start.

    ``connections_per_pod`` is the most one pod may hold; ``boot_s`` the time from asking for
    a pod to its taking connections. Raises InputError for a ramp that does not go up.
    """
    if not (0 <= ramp.start <= ramp.peak and math.isfinite(ramp.peak)):
        raise InputError(f"a ramp from {ramp.start:g} to {ramp.peak:g} connections does not go up")
    if ramp.per_s < 0 or (ramp.peak - ramp.start) > ramp.per_s * MOST_RAMP_S:
        raise InputError(
            f"a ramp of {ramp.per_s:g} connections per second takes more than 30 days",
            "that is growth: the forecast says when the fleet no longer suffices",
        )
    if not 0 <= boot_s <= MOST_RAMP_S:
        raise InputError("the start of a pod takes 0 s or more, and less than 30 days")
    target = target_per_pod(connections_per_pod)
    replicas = min(max(min_replicas, math.ceil(ramp.start / target)), max_replicas)
    full_after_s, short, ready = None, 0.0, replicas
    for until_s, after in _steps(ramp, target, replicas, max_replicas, boot_s):
        room = ready * connections_per_pod
        demand = _connections(ramp, until_s)
        if demand > room:
            short = max(short, demand - room)
            if full_after_s is None:
                full_after_s = max(0.0, (room - ramp.start) / ramp.per_s) if ramp.per_s else 0.0
        ready = after
    return RampCheck(full_after_s, short, ramp.peak > max_replicas * connections_per_pod)


def _steps(ramp: Ramp, target: int, replicas: int, most: int, boot_s: float) -> Iterator[tuple[float, int]]:
    """Moments at which more pods are ready, and how many then; last, the end."""
    look = 0
    while replicas < most and ramp.peak > (tolerated := target * replicas * (1 + TOLERANCE)):
        tolerated_s = (tolerated - ramp.start) / ramp.per_s + METRIC_AGE_S
        look = max(look, math.floor(tolerated_s / SYNC_S) + 1)
        seen = _connections(ramp, look * SYNC_S - METRIC_AGE_S)
        replicas = min(math.ceil(seen / target), max(2 * replicas, replicas + LEAST_STEP), most)
        yield look * SYNC_S + boot_s, replicas
        look += 1
    yield math.inf, replicas


def _connections(ramp: Ramp, at_s: float) -> float:
    if at_s <= 0 or not ramp.per_s:
        return ramp.start
    return min(ramp.peak, ramp.start + ramp.per_s * at_s)


def ramp_warning(
    ramp: Ramp,
    connections_per_pod: float,
    min_replicas: int,
    max_replicas: int,
    boot_s: float,
) -> str | None:
    """Say how the ramp outruns the autoscaler and what would help; None when it does not."""
    check = check_ramp(ramp, connections_per_pod, min_replicas, max_replicas, boot_s)
    if not check.short or check.full_after_s is None:
        return None
    said = (
        f"{format_count(round(ramp.per_s, 1))} new connections per second outrun the autoscaler: the pods "
        f"are full after {format_duration(check.full_after_s)}, and short of room for up to "
        f"{format_count(math.ceil(check.short))} connections. "
    )
    if check.capped:
        enough = math.ceil(ramp.peak / connections_per_pod)
        return said + f"The peak needs {enough:,} pods, and {max_replicas:,} is the maximum."
    enough = _enough_from_the_start(ramp, connections_per_pod, max_replicas, boot_s)
    return said + f"Keep {enough:,} pods from the start, or scale before the ramp begins."


def _enough_from_the_start(ramp: Ramp, connections_per_pod: float, max_replicas: int, boot_s: float) -> int:
    """The fewest pods to begin with that keep up; the most there may be always do when not capped."""
    low, high = 0, max_replicas
    while high - low > 1:
        middle = (low + high) // 2
        if check_ramp(ramp, connections_per_pod, middle, max_replicas, boot_s).short:
            low = middle
        else:
            high = middle
    return high
