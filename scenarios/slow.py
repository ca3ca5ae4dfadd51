"""Slow readers: a share of the users reads what it gets at so many bytes a second.

All users publish messages that the server broadcasts to all. What the slow ones do not read in time waits in
the server: its memory grows, and their deliveries are late. They are not lost, unless they are more than
30 s late or the server closes the connection.
"""

from siotool.swarm.user import SocketIOUser, knob, task

#: Multiples of it, modulo one, are spread evenly: so any share of the users is met closely.
GOLDEN = 0.6180339887498949


class Slow(SocketIOUser):
    """Publishes messages, and receives those of all users, perhaps slowly."""

    rate: float = knob(0.5, "messages per second of each user", minimum=0.0001)
    event: str = knob("chat message", "event that the server broadcasts")
    size: int = knob(1000, "bytes of text in each message", minimum=1, unit="bytes")
    share: float = knob(0.5, "share of the users that read slowly", minimum=0, maximum=1)
    read_rate: int = knob(2000, "bytes per second that these read", minimum=100, unit="bytes")

    def on_connected(self) -> None:
        if self.number * GOLDEN % 1 < self.share:
            self.read_slowly(self.read_rate)

    @task
    def say(self) -> None:
        self.publish(self.event, size=self.size)
