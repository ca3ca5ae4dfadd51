"""Waiting where equal servers share the work, and what one event loop does in a given time.

A Node.js process runs one event loop and is a queue of its own (``siotool.plan.constraints.waiting``):
averages over many cores (M/M/c) promise too much. Where work is shared between c equal servers,
such as the cores of a load balancer, Erlang C says how often a task waits. All functions are
textbook results; L. Kleinrock, "Queueing Systems", volume 1, 1975, unless another source is named.
"""

import math

from siotool.errors import InputError
from siotool.plan.numbers import ceil, divide


def occupancy(arrivals_per_s: float, stay_s: float) -> float:
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


def halfin_whitt_wait(quality: float) -> float:
    """Share of tasks that wait when a large load a is given a + ``quality``·√a servers.

    1 / (1 + β Φ(β) / φ(β)); S. Halfin, W. Whitt, "Heavy-traffic limits for queues with many
    exponential servers", Operations Research 29, 1981.
    """
    if quality <= 0:
        return 1.0
    phi = math.exp(-quality * quality / 2) / math.sqrt(2 * math.pi)
    return 1.0 / (1.0 + quality * 0.5 * math.erfc(-quality / math.sqrt(2)) / phi) if phi > 0 else 0.0


def last_written_s(batch: float, write_s: float) -> float:
    """Return when the last of a batch has been written to, in seconds, by a loop with nothing else to do."""
    return batch * write_s


def largest_batch(goal_s: float, write_s: float) -> float:
    """Most recipients one loop writes to within ``goal_s``, even when it has nothing else to do.

    The last recipient of a broadcast waits for all others, whatever the average CPU.
    """
    return -ceil(-divide(goal_s, write_s) * (1 + 1e-9))
