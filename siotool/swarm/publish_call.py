"""A stamped message that the server is to acknowledge."""

from typing import Any

from siotool.protocol.socket_io import Body
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.user_observer import Call


class PublishCall(Call, gc=False):
    """A call that is also a message with a stamp; its answer says that the server has taken it."""

    tracker: DeliveryTracker
    stamp: str

    def answered(self, arguments: list[Any], now: float) -> None:
        """Record an answer that came at ``now``."""
        super().answered(arguments, now)
        self.tracker.acknowledge(self.stamp)


def stamped(body: Body, stamp: str) -> bool:
    """Whether the stamp is in what is sent, so that it can be found in what comes."""
    mark = stamp.encode()
    return mark in body.data or any(mark in attachment for attachment in body.attachments)
