"""What the users of a calibration do: in each phase of a timetable one thing, all of them the same.

``siotool loadtest --calibrate`` runs it; the timetable is a setting that it writes. Names of events may
be mapped to a server's own by the other settings.
"""

from functools import cache
from random import Random

from siotool.calibration.phase import Phase, Timetable, decode
from siotool.swarm.user import SocketIOUser, knob, task


@cache
def dealt(users: int) -> list[int]:
    """Places in an order by chance: the members of a room are on any of the servers of a fleet."""
    return Random(0).sample(range(users), users)


class Calibration(SocketIOUser):
    """Calls, emits, publishes or connects again, as the phase wants it."""

    rate: float = knob(1.0, "turns per second of each user until the calibration decides", minimum=0.001)
    phases: str = knob("[]", "the timetable, in JSON")
    call_event: str = knob("echo", "event that the server acknowledges")
    emit_event: str = knob("echo", "event that it takes without an acknowledgement; empty: none")
    all_event: str = knob("chat message", "event that it sends to all; empty: none")
    join_event: str = knob("join", "event that takes a user into a room: join_event(ROOM); empty: no rooms")
    room_event: str = knob("say", "event that publishes to a room: room_event(ROOM, TEXT); empty: no rooms")
    acknowledged_join: bool = knob(True, "the server acknowledges join_event")
    includes_sender: bool = knob(True, "the server sends a message back to its publisher too")

    turn = 0
    #: Seconds of the timetable that are left out, as the calibration decides.
    skipped_s = 0.0

    def on_start(self) -> None:
        self.timetable = Timetable(decode(self.phases) or [Phase("idle", 1, 1.0)])
        self.joined: set[str] = set()
        super().on_start()

    def on_connected(self) -> None:
        self.joined.clear()

    def on_disconnected(self, reason: str) -> None:
        self.reconnect()

    @task
    def take_turn(self) -> None:
        phase = self.timetable.at(self.run_s + self.skipped_s)
        wanted = phase.transport if phase.kind == "connect" else ""
        if phase.kind == "connect" or self.transport != (wanted or None):
            self.connect_again(wanted)
        elif phase.kind != "idle":
            self.turn += 1
            turn = (self.turn + self.number) % 4
            mixed = "room" if phase.room_size and not turn else "call"
            self.act(mixed if phase.kind == "mixed" else phase.kind, phase)

    def act(self, kind: str, phase: Phase) -> None:
        if kind == "call":
            self.call(self.call_event, "x" * phase.size, wait=False)
        elif kind == "emit":
            self.emit(self.emit_event, "x" * phase.size)
        elif kind == "all":
            self.publish(self.all_event, size=phase.size)
        else:
            place = dealt(phase.users)[self.number % phase.users]
            room = f"{phase.room_size}-{place % max(1, phase.users // phase.room_size)}"
            if room not in self.joined:
                self.join(room)
            self.publish(self.room_event, size=phase.size, compose=lambda text: (room, text), audience=room)

    def join(self, room: str) -> None:
        if self.acknowledged_join:
            self.call(self.join_event, room)
        else:
            self.emit(self.join_event, room)
        self.joined.add(room)
        self.join_audience(room)

    def connect_again(self, transport: str) -> None:
        self.transport = transport or None  # type: ignore[assignment]  # one of the names
        self.drop("close")
