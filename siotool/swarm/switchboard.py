"""What all connections of a worker share, in the loop thread.

A broadcast reaches every user as the same bytes. ``known`` keeps what a frame means, so that it is
decoded once per worker, not once per user.
"""

from collections.abc import Callable
from typing import Any

from siotool.client.observer import Arrival
from siotool.protocol.socket_io import Packet
from siotool.swarm.memory_limits import KNOWN_BYTES, KNOWN_ENTRY_BYTES
from siotool.swarm.metrics import Dated, Metrics, Untimed, epoch_seconds
from siotool.swarm.nodes import Nodes
from siotool.swarm.pushes import value_at


class Switchboard:
    """Metrics, known packets, events that are counted, and the ways to the hub.

    Packets in ``known`` are not parsed again. ``to_hub`` calls a function in the hub, ``bug`` gets
    exceptions that no server can cause, ``on_ended`` users whose connection has closed. ``nodes`` says which
    node a connection is on.
    """

    def __init__(
        self,
        metrics: Metrics,
        known: dict[bytes, Arrival],
        to_hub: Callable[..., None],
        bug: Callable[[Exception], None],
        on_ended: Callable[[Any], None],
        nodes: Nodes,
    ) -> None:
        self.metrics = metrics
        self.to_hub = to_hub
        self.bug = bug
        self.on_ended = on_ended
        self.nodes = nodes
        self._known = known
        self._known_bytes = 0
        self._listening: dict[str, str] = {}
        #: Events as which published texts are delivered; none, or an empty one: any.
        self._delivered: set[str] = set()

    def listen(self, event: str, sent_at: str) -> None:
        """Count every ``event`` (``*``: any); ``sent_at`` is the field with its send time, or empty."""
        self._listening[event] = sent_at

    def delivers_as(self, event: str) -> None:
        """What is published is delivered as this event (empty: as any)."""
        self._delivered.add(event)

    def recognise(self, name: str, arguments: list[Any], packet: Packet, payload: bytes) -> Arrival | None:
        """What an event is to be counted as; None when it is not counted."""
        tracker, delivered = self.metrics.tracker, self._delivered
        counted = not delivered or name in delivered or "" in delivered
        found: Arrival | None = tracker.seen(payload, name) if counted else None
        if not counted and tracker.stamped(payload):
            events = ", ".join(sorted(delivered))
            self.metrics.remark(
                "delivered_event", f"published texts came as {name}: only {events} is counted"
            )
        if found is None:
            found = self.metrics.pushes.recognise(name, arguments)
        if found is None:
            sent_at = self._listening.get(name, self._listening.get("*"))
            if sent_at is None:
                return None
            samples = self.metrics.samples("deliver", name)
            found = (
                Dated(samples, _send_time(arguments, sent_at), self.metrics) if sent_at else Untimed(samples)
            )
        # a packet with attachments or an ack id needs more than counting each time
        if not packet.attachments and packet.ack_id is None:
            self._remember(payload, found)
        return found

    def _remember(self, payload: bytes, found: Arrival) -> None:
        size = len(payload) + KNOWN_ENTRY_BYTES
        if size > KNOWN_BYTES:
            return
        if self._known_bytes + size > KNOWN_BYTES:
            self._known.clear()
            self._known_bytes = 0
        self._known[payload] = found
        self._known_bytes += size


def _send_time(arguments: list[Any], path: str) -> float | None:
    """An epoch time in the first argument, by dotted path (``.``: the argument itself), in seconds."""
    value = value_at(arguments, path)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**64:
        return epoch_seconds(float(value))  # JSON has whole numbers that no float can hold
    return None
