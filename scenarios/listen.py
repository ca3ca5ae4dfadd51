"""Subscribe only: count what the server pushes, by event name.

With sent_at the one-way time is measured from an epoch field of the payload (seconds or
milliseconds). It is as exact as the clocks of the two machines agree. Without sent_at deliveries
are counted, but have no latency.
"""

from siotool.swarm.user import SocketIOUser, knob, task


class Listen(SocketIOUser):
    """Connects and listens."""

    arrival = "constant"  # nothing is scheduled
    event: str = knob("*", "event to count; * for all")
    sent_at: str = knob("", "field of the payload with its send time in epoch seconds or milliseconds")

    def on_start(self) -> None:
        self.listen(self.event, self.sent_at)
        super().on_start()

    @task
    def wait_for_events(self) -> None:
        self.hold()
