"""From which figures on the generator, not the target, may have shaped what was measured."""

from collections import Counter

from siotool.runfile import Interval, WorkerHealth
from siotool.units import format_byte_rate

CPU_LIMIT = 0.85
CPU_WAIT_LIMIT = 0.25
LOOP_LAG_LIMIT_S = 0.1
FILES_LIMIT = 0.9
#: A link also carries what is around the bytes that are counted here: headers, acknowledgements.
LINK_LIMIT = 0.85
ACHIEVED_LEAST = 0.99
#: A run may end just before an operation or two: that is no doubt.
FEW_OPERATIONS = 2
#: Kinds of failures that are the generator's, not the target's, and what helps.
OWN_FAILURES = {
    "no_files": "raise its open-file limit with ulimit -n, or use more --processes",
    "no_local_port": "this machine has no local port left for the target's address",
    "memory": "it had no memory left: use fewer users or smaller messages",
    "internal_error": "a bug in siotool: its message is above",
}
_CONNECTING = frozenset({"connect", "reconnect"})


def limits_reached(interval: Interval, link_bytes_per_s: float | None = None) -> list[str]:
    """What of the generator was at its limit in an interval, in words; empty where nothing was.

    ``link_bytes_per_s`` is what its network link carries one way, None where that is not known.
    """
    found = [text for worker in interval.generator for text in _of_worker(worker)]
    possible = sum(one.offered - one.withheld for one in interval.user_classes)
    issued = sum(one.issued for one in interval.user_classes)
    if issued < ACHIEVED_LEAST * possible and possible - issued > FEW_OPERATIONS:
        found.append("it did not issue the operations that were due")
    moved = max(interval.bytes.wire_in, interval.bytes.wire_out) / interval.duration_s
    if link_bytes_per_s is not None and moved > LINK_LIMIT * link_bytes_per_s:
        found.append(f"its network link of {format_byte_rate(link_bytes_per_s)} had no bandwidth left")
    found += map(own_failure, own_failures(interval))
    return list(dict.fromkeys(found))


def own_failures(interval: Interval) -> Counter[str]:
    """How many failures of an interval were the generator's own, by their kind."""
    counts: Counter[str] = Counter()
    for kinds in (
        interval.connections.failed,
        interval.connections.closed,
        *(operation.errors for operation in interval.operations if operation.op not in _CONNECTING),
    ):
        counts.update({kind: count for kind, count in kinds.items() if count and kind in OWN_FAILURES})
    return counts


def own_failure(kind: str) -> str:
    """A kind of them in words, and what helps."""
    return f"failures were its own ({kind}): {OWN_FAILURES[kind]}"


def _of_worker(worker: WorkerHealth) -> list[str]:
    found = []
    if worker.cpu_cores > CPU_LIMIT * worker.cpu_allowed:
        found.append("a worker had no CPU left")
    if worker.cpu_wait > CPU_WAIT_LIMIT:
        found.append("a worker waited for a CPU")
    if worker.loop_lag_s > LOOP_LAG_LIMIT_S:
        found.append("a worker's loop was late")
    if worker.files_limit and worker.files_open > FILES_LIMIT * worker.files_limit:
        found.append("a worker had no files left")
    return found
