"""What a calibration's profile says of a run's workload, for a report: capacity of one server, and costs."""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from siotool.plan.evidence.calibrated import CPU_BETWEEN_STARTS, CalibratedProfile
from siotool.plan.evidence.curve import CostCurve, terms
from siotool.plan.evidence.full_server import full_times
from siotool.plan.evidence.holds import LOAD
from siotool.report.capacity_estimate import CapacityEstimate
from siotool.report.contents import format_cores
from siotool.report.cost_figures import Cost, CostFigures
from siotool.runfile import Run
from siotool.runs.seconds import seconds_of
from siotool.units import format_share

#: More times a run's load than this fill no server.
_MOST_TIMES = 1e6
_HALVINGS = 60
#: Terms of the curve that do not grow with the load of a busy server.
_STILL = ("base", "turn")
#: Standard deviations of a 95 % interval.
_WITHIN = 1.96
#: What a report calls it → the costs of a profile that it is the sum of.
_ONE = (
    ("connection", ("idle",)),
    ("delivery", ("delivery",)),
    ("acknowledged call", ("inbound", "ack")),
    ("handshake", ("connect",)),
)


def capacity_by_profile(profile: CalibratedProfile, runs: Sequence[Run]) -> CapacityEstimate | None:
    """As much of the runs' load as fills a server at the profile's costs; None where nothing travelled.

    Where the calibration climbed until the server did not keep up, it is as much as a full server does.
    A server of the runs that may use less than the calibrated one did, as under a quota, is full earlier.
    """
    profile = _of_cores(profile, runs)
    seconds = seconds_of(runs)
    load = {column: seconds.mean(column, seconds.held) for column in LOAD}
    wire = seconds.mean("bytes_per_s", seconds.held)
    if not (wire > 0 and all(math.isfinite(value) for value in load.values())):
        return None
    full = full_times(profile.full, profile.curve, load)
    filled = format_cores(round(profile.server_cores, 2))
    most = profile.server_cores * (full.value if full is not None else 1.0)
    seen = min(profile.cores_most / profile.server_cores, 1.0)
    times = _times(profile.curve, load, most)
    if times is None:
        return None
    low, high = (wire * times * one for one in _spread(profile, load, times, most))
    value = wire * times
    how = f"its calibration took up to {format_share(seen)} of them"
    if full is not None:
        low, high = low * full.low / full.value, high * full.high / full.value
        how = f"in a full server that is {full.value:.2f} times what its costs say, as its calibration saw"
    return CapacityEstimate(
        value,
        min(low, value),
        max(high, value),
        "profile",
        f"by the profile {profile.run}: as much of this load as fills {filled}; {how}, and the network's "
        "limit is not in it",
    )


def _of_cores(profile: CalibratedProfile, runs: Sequence[Run]) -> CalibratedProfile:
    """The profile of a server that may fill as much as those of the runs, where that is less.

    Its ``server_cores`` are those of a full server.
    """
    sampled = [server.cores for run in runs for server in run.header.servers if not server.beside]
    part = min([profile.server_cores, *sampled]) / profile.server_cores if profile.server_cores > 0 else 1.0
    cores = profile.full_cores * part
    return msgspec.structs.replace(
        profile, server_cores=cores, loop_cores=None, cores_most=min(profile.cores_most, cores)
    )


def _spread(
    profile: CalibratedProfile, load: Mapping[str, float], times: float, most: float
) -> tuple[float, float]:
    """The ends of the interval, as shares of what fills the server with ``most`` cores: costs may be others.

    Near the full server the load counts straight; what does not grow with it is the server at rest, and the
    turns of its loop.
    """
    shape = profile.curve.shape
    amounts = terms({column: times * amount for column, amount in load.items()}, shape.turns_most)
    rows = {name: np.asarray(row) for name, row in zip(profile.names, profile.replicates, strict=True)}
    still = sum((rows[name] * amounts[name] for name in _STILL if name in rows), np.zeros(1))
    still = still + shape.waking_cores
    work = sum((row * amounts[name] for name, row in rows.items() if name not in _STILL), np.zeros(1))
    shares = np.maximum(most - still, 0.0) / np.maximum(work, 1e-9)
    low, high = (float(one) for one in np.quantile(shares, (0.025, 0.975)))
    # a phase that the fit had not seen, of a server started again
    more = math.exp(_WITHIN * math.hypot(profile.error_cv, CPU_BETWEEN_STARTS))
    return low / more, high * more


def _times(curve: CostCurve, load: Mapping[str, float], most: float) -> float | None:
    """How many times a load takes ``most`` cores; None where no number does, or a server at rest does."""

    def cores(times: float) -> float:
        return curve.cores({column: times * amount for column, amount in load.items()})

    low, high = 0.0, 1.0
    if cores(low) >= most:
        return None
    while cores(high) < most:
        low, high = high, 2 * high
        if high > _MOST_TIMES:
            return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if cores(middle) < most else (low, middle)
    return high


def costs_by_profile(profile: CalibratedProfile) -> list[CostFigures]:
    """The CPU of one of each, and the memory of a connection, as the calibration found them."""
    return [_row(profile, of, names) for of, names in _ONE]


def _row(profile: CalibratedProfile, of: str, names: Sequence[str]) -> CostFigures:
    rows = [np.asarray(profile.replicates[profile.names.index(one)]) for one in names if one in profile.names]
    missing = "" if rows and names[0] in profile.names else "the calibration did not separate it"
    for cost in profile.costs:
        if cost.name in names and not cost.separable:
            missing = missing or cost.sentence
    cpu = None
    if rows and names[0] in profile.names:
        value = sum(profile.curve.costs.get(one, 0.0) for one in names)
        low, high = (float(one) for one in np.quantile(np.sum(rows, axis=0), (0.05, 0.95)))
        cpu = Cost(value, min(low, value), max(high, value))
    memory = None
    if of == "connection" and profile.memory is not None and profile.memory.per_connection_bytes > 0:
        known = profile.memory
        memory = Cost(known.per_connection_bytes, known.per_connection_low, known.per_connection_high)
    return CostFigures(of, cpu, memory, None, missing)
