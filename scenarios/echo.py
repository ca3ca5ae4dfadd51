"""Call an event to be acknowledged, at a steady rate for each user.

The server is to acknowledge the event; what it answers does not matter. A call does not
wait for the answer to the one before, so that a slow server gets as many calls as a fast
one; with ``wait_for_ack=yes`` it does. In both cases response times count from when a call
was due, so a stall of the server shows in every call that it delayed.
"""

from siotool.swarm.user import SocketIOUser, knob, task


class Echo(SocketIOUser):
    """Calls at a steady rate."""

    rate: float = knob(1.0, "calls per second of each user", minimum=0.001)
    event: str = knob("echo", "event to call")
    size: int = knob(64, "bytes of text in each call", minimum=0, unit="bytes")
    wait_for_ack: bool = knob(False, "call again only once the call before was answered or given up")

    @task
    def echo(self) -> None:
        self.call(self.event, "x" * self.size, wait=self.wait_for_ack)
