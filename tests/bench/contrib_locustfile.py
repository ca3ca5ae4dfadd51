"""What a user of locust.contrib.socketio writes; the bench says what to do in $BENCH."""

import json
import os
from pathlib import Path
from typing import Any

import gevent
from locust import constant_throughput, events, task
from locust.contrib.socketio import SocketIOUser

ASKED = json.loads(os.environ["BENCH"])
TEXT = "x" * 64


class Member(SocketIOUser):
    options = {"reconnection": False}
    wait_time = constant_throughput(ASKED["rate"] or 1)

    def on_start(self) -> None:
        self.sio.connect(self.host, transports=["websocket"])

    @task
    def act(self) -> None:
        if ASKED["scenario"] == "echo":
            self.sio.call("echo", TEXT)
        else:
            gevent.sleep(3600)


@events.quitting.add_listener
def count(environment: Any, **_: Any) -> None:
    received = environment.stats.get("message", "WSR")
    acked = environment.stats.get("echo", "WSC")
    counts = {
        "received": received.num_requests - received.num_failures,
        "acked": acked.num_requests - acked.num_failures,
    }
    Path(ASKED["result"]).write_text(json.dumps(counts))
