"""Emit an event and wait for its acknowledgement, at a steady rate for each user.

The server is to acknowledge the event; what it answers does not matter. Response times
count from when a call was due, so a server that stalls shows it in all it delayed.
"""

from siotool.swarm.user import SocketIOUser, knob, task


class Echo(SocketIOUser):
    """Calls at its own steady pace."""

    rate: float = knob(1.0, "calls per second of each user", minimum=0.001)
    event: str = knob("echo", "event to call")
    size: int = knob(64, "bytes of text in each call", minimum=0, unit="bytes")

    @task
    def echo(self) -> None:
        self.call(self.event, "x" * self.size)
