"""Rooms: users join one, publish to it, and receive what its members publish.

Rooms are filled by the users' numbers, room_size to each, whatever the number of workers. Every
delivery is matched to its message through a stamp inside the text: lost, duplicate, reordered, and
misdelivered where it comes to a user of another room, with the time of the first, the median and the
last receiver by the size of the room. A user is in its room from the acknowledgement of join_event on;
without one (acknowledged_join=no) only what is sent 2 s later and after is expected. With
moves_per_hour users go on to the next room: what is sent 2 s around a move is not held against the
server. The defaults fit the server that siotool starts itself.
"""

from time import monotonic

from siotool.swarm.user import SocketIOUser, knob, task


class Rooms(SocketIOUser):
    """Publishes to a room, and receives what its members publish."""

    rate: float = knob(0.1, "messages per second of each user", minimum=0.0001)
    size: int = knob(64, "bytes of text in each message", minimum=1, unit="bytes")
    room_size: int = knob(20, "users in each room", minimum=1)
    join_event: str = knob("join", "event that takes a user into a room: join_event(ROOM)")
    leave_event: str = knob("leave", "event that takes it out again: leave_event(ROOM); empty: none")
    event: str = knob("say", "event that publishes to a room: event(ROOM, TEXT)")
    delivered_event: str = knob("say", "event that delivers TEXT to the members; empty: any")
    acknowledged: bool = knob(False, "the server acknowledges what is published, which is timed too")
    acknowledged_join: bool = knob(True, "the server acknowledges join_event")
    includes_sender: bool = knob(True, "the server sends a message back to its publisher too")
    moves_per_hour: float = knob(0.0, "how often an hour each user goes on to the next room", minimum=0)

    moves = 0
    room = ""
    move_at = 0.0

    def on_start(self) -> None:
        if self.moves_per_hour:
            # users move one after the other: their first moves are spread over one period
            self.move_at = monotonic() + self.number * 0.618 % 1 * 3600 / self.moves_per_hour
        super().on_start()

    def on_connected(self) -> None:
        self.join()

    @task
    def say(self) -> None:
        if self.moves_per_hour and monotonic() >= self.move_at:
            self.move()
        if not self.room:
            self.join()
        if room := self.room:
            self.publish(
                self.event,
                size=self.size,
                compose=lambda text: (room, text),
                audience=room,
                acknowledged=self.acknowledged,
            )

    def join(self) -> None:
        """Join the room of this user's number and moves; it is in none when that was not acknowledged."""
        rooms = max(1, -(-self.population // self.room_size))
        self.room = ""
        room = f"room-{1 + ((self.number - 1) // self.room_size + self.moves) % rooms}"
        if not self.acknowledged_join:
            self.emit(self.join_event, room)
        elif self.call(self.join_event, room) is None:
            self.leave_audience(room)  # it may be in, or not
            return
        self.join_audience(room)
        self.room = room

    def move(self) -> None:
        """Go on to the next room, unless there is only one."""
        self.move_at += 3600 / self.moves_per_hour
        if not self.room or self.population <= self.room_size:
            return
        left, self.room = self.room, ""
        self.moves += 1
        self.leave_audience(left)
        if self.leave_event:
            self.emit(self.leave_event, left)
        if not self.room:  # a connection that was lost has come back in the next room already
            self.join()
