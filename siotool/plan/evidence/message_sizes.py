"""How large a message of a plan is on average: of those that a server delivers, receives and publishes.

A kind that is sent rarely counts rarely: a photo a day beside a key stroke a second makes 76 bytes of a
message, not half a megabyte.
"""

from collections.abc import Iterable

import msgspec

from siotool.plan.demand.service import peak_connections, streams
from siotool.plan.inputs import planfile
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles

#: Bytes of a message where a plan does not say.
UNKNOWN = 200.0
#: Sessions of a workload that does not say how many: rooms are whole then.
_MANY = 1e6


class MessageSizes(msgspec.Struct, frozen=True):
    """Mean payload in bytes of a message delivered to a session, received from one, given to the adapter."""

    delivered: float = UNKNOWN
    received: float = UNKNOWN
    published: float = UNKNOWN


def message_sizes(planned: Inputs) -> MessageSizes:
    """Return the mean sizes of the messages of a plan, defaults included; 200 bytes where it has none.

    The mean of the deliveries stands for what is not received, or not published, at all, and the other way
    round: nothing is charged for it.
    """
    known = planfile.with_defaults(planned)
    values = middles(known)
    connections = max(1.0, peak_connections(values)) if "workload.connections" in known else _MANY
    sent = [(one.message.size_bytes, one.traffic) for one in streams(known, values, connections)]
    delivered = _mean((size, traffic.deliveries_per_s) for size, traffic in sent)
    received = _mean((size, traffic.inbound_per_s) for size, traffic in sent)
    published = _mean((size, traffic.publishes_per_s) for size, traffic in sent)
    any_of_them = next((mean for mean in (delivered, received) if mean is not None), UNKNOWN)
    return MessageSizes(*(any_of_them if mean is None else mean for mean in (delivered, received, published)))


def _mean(amounts: Iterable[tuple[float, float]]) -> float | None:
    """Mean of sizes by their rates; None where nothing is sent."""
    bytes_per_s = messages_per_s = 0.0
    for size, rate in amounts:
        bytes_per_s += size * rate
        messages_per_s += rate
    return bytes_per_s / messages_per_s if messages_per_s > 0 else None
