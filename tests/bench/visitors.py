"""Users that come, talk for a while and leave: what a soak loads (tests/bench/soak.py)."""

from time import monotonic

from locust.exception import StopUser

from siotool.swarm.user import SocketIOUser, knob, task


class Visitor(SocketIOUser):
    rate = 0.5
    stay_s: float = knob(30.0, "seconds that each user stays", minimum=1)

    def on_start(self) -> None:
        self.leave_at = monotonic() + self.stay_s
        super().on_start()

    def on_connected(self) -> None:
        room = f"room-{self.number % 50}"
        self.room = room if self.call("join", room) is not None else ""
        if self.room:
            self.join_audience(self.room)

    @task
    def talk(self) -> None:
        if monotonic() > self.leave_at:
            raise StopUser
        self.call("echo", "hello")
        if room := self.room:
            self.publish("say", compose=lambda text: (room, text), audience=room)
