"""A reconnect storm: a share of the users loses its connection at once, on all workers.

Until then, and afterwards, each user calls an event at a steady rate. They come back as the official
client does, with its waits; the report has the outage: how long users were away, and how many connects a
second the server had to take. how=close closes the TCP connections and how=reset resets them: a server on
Node.js calls both "transport close". With how=silence nothing is said nor read any more, and both sides
find out by their ping timeouts.
"""

from math import floor

import gevent

from siotool.swarm.user import SocketIOUser, knob, task

#: Multiples of it, modulo one, are spread evenly: so any share of the users is met closely.
GOLDEN = 0.6180339887498949
#: Of each storm other users are struck.
NEXT = 0.7548776662466927
#: A drop is announced so many seconds before it.
AHEAD_S = 0.5
#: A user is struck no more often.
REST_S = 0.1


class Storm(SocketIOUser):
    """Calls at a steady rate, and loses its connection with others."""

    rate: float = knob(1.0, "calls per second of each user", minimum=0.001)
    event: str = knob("echo", "event to call")
    size: int = knob(64, "bytes of text in each call", minimum=0, unit="bytes")
    share: float = knob(0.5, "share of the users that lose their connection", minimum=0, maximum=1)
    how: str = knob("close", "how it is lost", choices=("close", "reset", "silence"))
    when: float = knob(10.0, "second of the run at which it is lost", minimum=0, unit="seconds")
    every: float = knob(0.0, "and again so often; 0: once", minimum=0, unit="seconds")

    def on_start(self) -> None:
        self.storms = gevent.spawn(self.be_struck)
        super().on_start()

    def on_stop(self) -> None:
        self.storms.kill(block=False)

    def be_struck(self) -> None:
        if not self.share:
            return
        storm = 0
        while True:
            if self.every:  # those that are over by now struck others
                storm = max(storm, floor((self.run_s - self.when) / self.every) + 1)
            at = self.when + storm * self.every
            struck = (self.number * GOLDEN + storm * NEXT) % 1 < self.share and at > self.run_s
            gevent.sleep(max(0.0, at - self.run_s - AHEAD_S))
            if struck:  # who wakes late is struck late
                self.drop(self.how, at)  # type: ignore[arg-type]  # one of the choices
            if not self.every:
                return
            storm += 1
            gevent.sleep(REST_S)

    @task
    def echo(self) -> None:
        self.call(self.event, "x" * self.size, wait=False)
