"""The reconnect storm that the planner predicts for a fault of a run."""

from siotool.plan.storm.simulator import Conditions, simulate
from siotool.protocol.backoff import Backoff
from siotool.runfile import Header

#: More handshakes a second than any lab completes: nobody waits in line.
_AT_ONCE = 1e6


def storm_peak(header: Header, clients: int, unreachable_s: float, *, hanging: bool) -> float | None:
    """The most connects in one second of clients that lose their connection at once; None for none.

    They find no server for ``unreachable_s``; ``hanging``: meanwhile attempts get no answer. It is
    simulated as for ``siotool plan storm``, with the run's own backoff, and servers that take in everybody.
    """
    if header.backoff is None or not clients:
        return None
    waits = header.backoff
    backoff = Backoff(delay_s=waits.delay_s, delay_max_s=waits.delay_max_s, jitter=waits.jitter)
    conditions = Conditions(_AT_ONCE, backoff, outage_s=unreachable_s, blackhole=hanging)
    return simulate(clients, 1, conditions).peak_attempts_per_s
