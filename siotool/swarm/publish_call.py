"""A stamped message that the server is to acknowledge."""

from typing import Any

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
