"""Waiting: how long messages wait for a busy server, and how many servers keep the wait short.

A Node.js process runs one event loop, so it is one server, M/G/1, and a broadcast is a batch of
writes that arrives at once: averages over many cores (M/M/c) promise too much. Where work is
shared between c equal servers, such as the cores of a load balancer, Erlang C says how often a
task waits. All functions are textbook results; L. Kleinrock, "Queueing Systems", volume 1, 1975,
unless another source is named.
"""

import math

import msgspec

from siotool.errors import InputError
from siotool.plan.numbers import Number, ceil, divide, log, maximum, minimum, sqrt, where

#: Erlang's recursion takes a step for each server; past this many it would take seconds.
_MOST_SERVERS = 10_000_000


def occupancy(arrivals_per_s: Number, stay_s: Number) -> Number:
    """Little's law: how many are present on average, arriving at a rate and staying so long.

    J. D. C. Little, "A Proof for the Queuing Formula L = λW", 1961. With 500 new connections
    per second for two hours each, 3,600,000 connections are open at once.
    """
    return arrivals_per_s * stay_s


def wait_probability(servers: int, load: float) -> float:
    """Erlang C: the share of tasks that wait, ``load`` (in servers' worth of work) offered to M/M/c.

    1 when the load is as large as the servers or larger. A. K. Erlang, 1917; by the recursion of
    Erlang B, which neither overflows nor cancels.
    """
    if servers < 1:
        raise InputError(f"servers is {servers}; expected 1 or more")
    if load <= 0:
        return 0.0
    if load >= servers:
        return 1.0
    inverse_blocking = 1.0
    for count in range(1, servers + 1):
        inverse_blocking = 1.0 + count / load * inverse_blocking
        if math.isinf(inverse_blocking):
            return 0.0  # blocking below 1e-308, and it only falls from here on
    blocking = 1.0 / inverse_blocking
    return blocking / (1.0 - load / servers * (1.0 - blocking))


def utilization_for(servers: int, wait: float) -> float:
    """Return the utilisation 0…1 of ``servers`` at which a share ``wait`` of tasks waits (Erlang C)."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if wait_probability(servers, middle * servers) < wait else (low, middle)
    return (low + high) / 2


def servers_for_wait(load: float, wait: float) -> int:
    """Return the fewest servers that keep the share of waiting tasks at ``wait`` or less (Erlang C)."""
    if not 0 < wait <= 1:
        raise InputError(f"share of waiting tasks is {wait:g}; expected more than 0, up to 1 (100%)")
    if not 0 <= load < _MOST_SERVERS:
        raise InputError(f"load is {load:g} servers; expected 0 to {_MOST_SERVERS:,}")
    servers = max(1, math.ceil(load))
    inverse_blocking = 1.0
    for count in range(1, servers):
        inverse_blocking = 1.0 + count / load * inverse_blocking
    while True:
        inverse_blocking = 1.0 + servers / load * inverse_blocking if load > 0 else math.inf
        blocking = 1.0 / inverse_blocking
        if load < servers and blocking / (1.0 - load / servers * (1.0 - blocking)) <= wait:
            return servers
        servers += 1


def halfin_whitt_wait(quality: float) -> float:
    """Share of tasks that wait when a large load a is given a + ``quality``·√a servers.

    1 / (1 + β Φ(β) / φ(β)); S. Halfin, W. Whitt, "Heavy-traffic limits for queues with many
    exponential servers", Operations Research 29, 1981.
    """
    if quality <= 0:
        return 1.0
    phi = math.exp(-quality * quality / 2) / math.sqrt(2 * math.pi)
    return 1.0 / (1.0 + quality * 0.5 * math.erfc(-quality / math.sqrt(2)) / phi) if phi > 0 else 0.0


def square_root_staffing(load: Number, quality: Number) -> Number:
    """Servers for ``load`` servers' worth of work: a + β√a, rounded up; β is ``quality``."""
    return ceil(load + quality * sqrt(load))


class LoopDelay(msgspec.Struct, frozen=True, kw_only=True):
    """Delays on one event loop, in seconds; infinite when it has more work than time.

    ``wait_s``: mean time until the loop turns to a batch. ``mean_s``: until the mean recipient
    of a batch has been written to. ``last_s``: until the last one has, on average.
    ``quantile_s``: not exceeded by the last recipient for the share asked about.
    """

    utilization: Number
    wait_s: Number
    mean_s: Number
    last_s: Number
    quantile_s: Number


def loop_delay(
    batches_per_s: Number,
    batch_size: Number,
    write_s: Number,
    *,
    other_utilization: Number = 0.0,
    other_task_s: Number = 0.0,
    quantile: float = 0.99,
) -> LoopDelay:
    """Return how long broadcasts take on one event loop.

    Batches of ``batch_size`` writes arrive at random, each write takes ``write_s`` of CPU; the
    loop spends ``other_utilization`` of its time on tasks of ``other_task_s`` each (heartbeats,
    inbound messages). A batch is one job of M/G/1, so its mean wait is that of Pollaczek and
    Khinchine, Σ λ E[S²] / 2(1 − ρ), with E[S²] = S² for a batch and 2 S² for other tasks (taken
    as exponential). The wait is 0 with probability 1 − ρ and else about exponential, which is
    exact in heavy traffic (J. F. C. Kingman, 1961); hence the upper quantile.
    """
    if not 0 < quantile < 1:
        raise InputError(f"quantile is {quantile:g}; expected more than 0 and less than 1 (100%)")
    batch_s = batch_size * write_s
    rho = batches_per_s * batch_s + other_utilization
    residual = batches_per_s * batch_s * batch_s / 2.0 + other_utilization * other_task_s
    wait = where(rho < 1, divide(residual, 1.0 - rho), math.inf)
    # P[wait > t] = rho exp(-t rho / E[wait])
    excess = maximum(log(minimum(rho, 1.0) / (1.0 - quantile)), 0.0)
    tail = divide(where(rho < 1, wait, 0.0) * excess, rho)
    return LoopDelay(
        utilization=rho,
        wait_s=wait,
        mean_s=wait + (batch_size + 1.0) / 2.0 * write_s,
        last_s=wait + batch_s,
        quantile_s=where(rho < 1, tail, math.inf) + batch_s,
    )


def largest_batch(goal_s: Number, write_s: Number) -> Number:
    """Most recipients one loop writes to within ``goal_s``, even when it has nothing else to do.

    The last recipient of a broadcast waits for all others, whatever the average CPU.
    """
    return -ceil(-divide(goal_s, write_s) * (1 + 1e-9))
