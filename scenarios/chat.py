"""A chat room: users publish messages, the server broadcasts each to all.

Every delivery is matched to its publisher, sequence and send time through a stamp inside
the message's text, so it works with any server that relays the text unchanged; lost,
duplicate and reordered deliveries are counted. Deliveries grow with the square of the
users: 100 users that publish 0.1 a second are 1,000 deliveries a second.
"""

from siotool.swarm.user import SocketIOUser, knob, task


class Chat(SocketIOUser):
    """Publishes messages, and receives those of all users."""

    rate: float = knob(0.1, "messages per second of each user", minimum=0.0001)
    event: str = knob("chat message", "event that the server broadcasts")
    size: int = knob(64, "bytes of text in each message", minimum=1, unit="bytes")
    includes_sender: bool = knob(True, "the server sends a message back to its publisher too")

    @task
    def say(self) -> None:
        self.publish(self.event, size=self.size)
