"""Users that come, talk for a while and leave: what a soak loads (tests/bench/soak.py)."""

import gc
import os
from pathlib import Path
from time import monotonic
from typing import Any

from gevent import Greenlet
from locust import events
from locust.exception import StopUser

from siotool.swarm.user import SocketIOUser, knob, task


def note_greenlets(**_: Any) -> None:
    """Add a line to the file that the soak named: this process, and how many of its greenlets live."""
    if file := os.environ.get("SOAK_GREENLETS"):
        gc.collect()
        alive = sum(isinstance(one, Greenlet) and not one.dead for one in gc.get_objects())
        with Path(file).open("a") as lines:
            lines.write(f"{os.getpid()} {alive}\n")


events.test_start.add_listener(note_greenlets)
events.quitting.add_listener(note_greenlets)


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
