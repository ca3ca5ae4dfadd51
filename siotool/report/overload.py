"""Whether a run shows what a server can carry: not when the load was more than that.

A server that answers half of its calls does half of the work. Sized by its CPU, it looks as if it
had room. So no number of servers comes from a run in which more than these shares went wrong:

=======================================================  ======
operations of a kind (calls, checks) that failed            1 %
connects that failed                                        1 %
expected deliveries that were lost                        0.1 %
scheduled operations that the target withheld               1 %
expected deliveries still under way at the end              1 %
users that were not connected, at the peak                  1 %
=======================================================  ======
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from siotool.report.contents import (
    ConnectionFigures,
    OperationFigures,
    UserClassFigures,
)
from siotool.report.delivery_figures import DeliveryFigures
from siotool.units import format_share

FAILED = CONNECTS_FAILED = WITHHELD = PENDING = UNCONNECTED = 0.01
LOST = 0.001

#: Connects are counted with the connections.
_CONNECTING = frozenset({"connect", "reconnect", "upgrade", "namespace"})


def overload(
    operations: Sequence[OperationFigures],
    connections: ConnectionFigures,
    delivery: DeliveryFigures,
    user_classes: Sequence[UserClassFigures],
) -> str:
    """Return why the run is no evidence of what a server can carry; empty when it may be."""
    found = [*_operations(operations), *_connections(connections), *_deliveries(delivery)]
    found += _withheld(user_classes)
    if not found:
        return ""
    return f"the load was beyond this server ({'; '.join(found)}): run it again with less"


_NAMES = {"ack": "calls", "deliver": "broadcasts", "custom": "operations"}


def _operations(operations: Sequence[OperationFigures]) -> Iterator[str]:
    tried: Counter[str] = Counter()
    errors: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in operations:
        if row.op not in _CONNECTING:
            tried[row.op] += row.count + row.failed
            errors[row.op].update(row.errors)
    for op, kinds in errors.items():
        if kinds.total() > FAILED * tried[op]:
            share, most = format_share(kinds.total() / tried[op]), kinds.most_common(1)[0][0]
            yield f"{share} of {tried[op]:,} {_NAMES.get(op, op)} failed, by {most} most"


def _connections(connections: ConnectionFigures) -> Iterator[str]:
    failed = sum(connections.failed.values())
    attempted = max(connections.attempted, failed)  # a run file may say otherwise
    if failed > CONNECTS_FAILED * attempted:
        yield f"{format_share(failed / attempted)} of {attempted:,} connects failed"
    users, peak = connections.users_peak or 0, connections.peak or 0
    if users - peak > max(1, UNCONNECTED * users):
        yield f"{users - peak:,} of {users:,} users were not connected"


def _deliveries(delivery: DeliveryFigures) -> Iterator[str]:
    for count, share, what in (
        (delivery.lost, LOST, "were lost"),
        (delivery.pending, PENDING, "were still under way at the end"),
    ):
        if count > share * delivery.expected:
            of = f"{format_share(count / delivery.expected)} of " if delivery.expected else ""
            yield f"{of}{delivery.expected:,} expected deliveries {what}"


def _withheld(user_classes: Sequence[UserClassFigures]) -> Iterator[str]:
    offered = sum(found.offered for found in user_classes)
    withheld = sum(found.withheld for found in user_classes)
    if withheld > WITHHELD * offered:
        yield f"users could not begin {format_share(withheld / max(offered, withheld))} of their operations"
