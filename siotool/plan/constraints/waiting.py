"""How long a message waits for a busy event loop: M/G/1, a broadcast being one long job.

An event loop does one job after the other, in the order they came. A broadcast is a job of as
many writes as it has recipients on that process: what comes meanwhile waits for all of them.
With jobs of kind i coming at random, λi per second and Si seconds each, ρ = Σ λi Si < 1:

    E[W] = Σ λi Si² / 2(1 − ρ)                      (F. Pollaczek, 1930; A. Y. Khinchine, 1932)
    E[exp(−sW)] = (1 − ρ) s / (s − Σ λi (1 − exp(−s Si)))

The mean says little of the wait that one message in a hundred has: where a job of a second comes
once a minute, that is a part of a second, and the mean 8 ms. So the share of messages that wait
longer than t is found from the transform itself, by the Fourier series of J. Abate and W. Whitt
("Numerical inversion of Laplace transforms of probability distributions", ORSA Journal on
Computing 7, 1995) with Euler's summation. An exponential tail or a gamma distribution through
the moments misses it by several times where few long jobs meet many short ones.
"""

import math
from itertools import count
from typing import Any, Generic

import msgspec

from siotool.plan.numbers import N, anywhere, divide, exp, maximum, minimum, turned, where

#: What the series leaves out is less than exp(−_DAMPING) of all messages.
_DAMPING = 10.0
#: Terms that are summed as they are, and those that Euler's summation averages.
_PLAIN, _AVERAGED = 10, 6
#: Where the transform is looked at, in units of _DAMPING / 2t.
_POINTS: tuple[Any, ...] = tuple(
    complex(1.0, 2.0 * math.pi * k / _DAMPING) for k in range(_PLAIN + _AVERAGED + 1)
)
_WEIGHTS = tuple(
    (-1) ** k
    * (0.5 if k == 0 else 1.0)
    * sum(math.comb(_AVERAGED, j) for j in range(max(0, k - _PLAIN), _AVERAGED + 1))
    / 2**_AVERAGED
    * math.exp(_DAMPING / 2.0)
    * (2.0 / _DAMPING)
    for k in range(_PLAIN + _AVERAGED + 1)
)
_HALVINGS = 30


class Job(msgspec.Struct, Generic[N], frozen=True):
    """One kind of job: how many come per second, and how long each takes, in seconds of CPU.

    ``common``: all loops of a fleet have these to do at the same time.
    """

    per_s: N
    length_s: N
    common: bool = False


class Loop(msgspec.Struct, Generic[N], frozen=True):
    """One event loop: the jobs that come to it, and the share of its time that other work fills.

    ``busy`` is work in pieces so short that nothing waits for one to end.
    """

    jobs: tuple[Job[N], ...]
    busy: N = 0.0

    @property
    def utilization(self) -> N:
        """Share of its time that the loop works; 1 or more if it never comes to an end."""
        return self.busy + sum(job.per_s * job.length_s for job in self.jobs)

    @property
    def elsewhere(self) -> "Loop[N]":
        """What a message that comes from such a loop waits for at the next one.

        Common jobs do not count: they were done there while it waited here.
        """
        return Loop(tuple(job for job in self.jobs if not job.common), self.busy)


def mean_wait(loop: Loop[N]) -> N:
    """Return the mean seconds until the loop turns to a message; infinite if it has too much to do."""
    twice = sum(job.per_s * job.length_s * job.length_s for job in loop.jobs)
    rho = loop.utilization
    return where(rho < 1, divide(twice / 2.0, where(rho < 1, 1.0 - rho, 1.0)), math.inf)


def share_later(loop: Loop[N], than_s: N, passes: N = 0.0) -> N:
    """Return the share of messages that wait longer than ``than_s``: all of them if that is negative.

    ``passes`` is 1 for a message that then waits for another such loop, else 0. Exact to
    1 in 10,000 of all messages, near a corner of the curve to 1 in 1,000.
    """
    rho, next_rho = loop.utilization, loop.elsewhere.utilization
    # an overloaded loop has no waits to compute: another takes its place until the end
    scale = where(rho < 1, 1.0, 0.5 / maximum(rho, 1.0))
    free, next_free = 1.0 - rho * scale, 1.0 - next_rho * scale
    some = than_s > 0
    unit = _DAMPING / 2.0 / where(some, than_s, 1.0)
    idle = 1.0 - loop.busy * scale
    rates = [job.per_s * scale / unit for job in loop.jobs]
    # λ exp(−s S) at the first s, and what turns it into that at the next
    points = [rate * exp(-unit * job.length_s) for rate, job in zip(rates, loop.jobs, strict=True)]
    turns = [turned(-2.0 * math.pi / _DAMPING * unit * job.length_s) for job in loop.jobs]
    coming, common = sum(rates), [n for n, job in enumerate(loop.jobs) if job.common]
    done = sum(rates[n] for n in common)
    goes_on = anywhere(passes > 0)
    total: N = 0.0
    for s, weight in zip(_POINTS, _WEIGHTS, strict=True):
        left = sum(points, idle * s) - coming
        waiting = free / left
        if goes_on:
            left = left + done - sum(points[n] for n in common)
            waiting = waiting * (1.0 + passes * (s * next_free / left - 1.0))
        total = total + weight * (1.0 / s - waiting).real
        points = [point * turn for point, turn in zip(points, turns, strict=True)]
    at_all = 1.0 - free * (1.0 - passes * (1.0 - next_free))
    later = minimum(minimum(maximum(total, 0.0), 1.0), at_all)
    later = where(some, later, where(than_s < 0, 1.0, at_all))
    return where(rho < 1, later, 1.0)


def wait_within(loop: Loop[float], share: float, passes: float = 0.0) -> float:
    """Return the seconds within which the loop turns to this share of the messages; single figures only."""
    if loop.utilization >= 1:
        return math.inf
    late = 1.0 - share
    if share_later(loop, 0.0, passes) <= late:
        return 0.0
    mean = mean_wait(loop) + passes * mean_wait(loop.elsewhere)
    high = next(mean * 2.0**n for n in count() if share_later(loop, mean * 2.0**n, passes) <= late)
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if share_later(loop, middle, passes) > late else (low, middle)
    return high
