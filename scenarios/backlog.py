"""A backlog: a share of the users goes offline, messages pile up at the store, then everybody comes back.

Users are in conversations of room_size, publish to them, and receive what the others publish. The server
keeps each message before it acknowledges it. A user that comes back shows the offset of the last message
that it has, in auth as {serverOffset: {CONVERSATION: OFFSET}}, and the server sends what is after it; so do
applications that cannot rely on a session being recovered. What was sent meanwhile and comes is replayed,
what does not is missed, and what comes twice is a duplicate; the report says how long it took until each
user had all of it. The defaults fit siotool lab with a store (docs/lab.md).

A message's text is random, so that no store can make it smaller. A user that is about to go offline says
nothing for 2 s. Of its last 2 s it shows each message that it has, as those of several servers may overtake
each other.
"""

from base64 import b64encode
from collections import deque
from time import monotonic
from typing import Any

import gevent

from siotool.swarm.user import SocketIOUser, knob, task

#: Multiples of them, modulo one, are spread evenly: so any share of a conversation is met closely.
GOLDEN, NEXT = 0.6180339887498949, 0.7548776662466927
#: Messages of a conversation do not overtake each other by more.
OVERTAKEN_S = 2.0
#: Going offline is announced so many seconds before, and what is said last has so long to arrive.
AHEAD_S, SILENT_S = 0.5, 2.0


class Backlog(SocketIOUser):
    """Publishes to a conversation, goes offline with others, and catches up."""

    rate: float = knob(0.2, "messages per second of each user", minimum=0.0001)
    size: int = knob(200, "bytes of text in each message", minimum=1, unit="bytes")
    room_size: int = knob(20, "users in each conversation", minimum=1)
    share: float = knob(0.5, "share of the users that go offline", minimum=0, maximum=1)
    leave: float = knob(10.0, "second of the run at which they do", minimum=0.5, unit="seconds")
    offline: float = knob(10.0, "how long they stay offline", minimum=1, maximum=540, unit="seconds")
    within: float = knob(0.0, "time over which they come back, evenly", minimum=0, unit="seconds")
    event: str = knob("post", "event that publishes: event(CONVERSATION, TEXT), acknowledged once it is kept")
    delivered_event: str = knob("post", "event that delivers: event(TEXT, OFFSET, …)")
    done_event: str = knob(
        "caught up", "event after what was missed: event(CONVERSATION, OFFSET); empty: none"
    )
    includes_sender: bool = knob(True, "the server sends a message back to its publisher too")

    #: All up to this offset has come; None: nothing is kept for this user yet.
    offset: int | None = None
    #: Its conversation. siotool asks for the login of a first user before any has begun.
    room = "conversation-1"

    def on_start(self) -> None:
        #: What came lately: when, and its offset.
        self.lately: deque[tuple[float, int]] = deque()
        self.room = f"conversation-{1 + (self.number - 1) // self.room_size}"
        self.goes = (self.number * GOLDEN) % 1 < self.share
        self.back_at = self.leave + self.offline + (self.number * NEXT) % 1 * self.within
        self.hear(self.delivered_event, self.heard)
        if self.done_event:
            self.hear(self.done_event, self.caught_up)
        self.leaving = gevent.spawn(self.go_offline) if self.goes else None
        super().on_start()

    def on_stop(self) -> None:
        if self.leaving is not None:
            self.leaving.kill(block=False)

    def auth(self) -> dict[str, Any]:
        offset = self.offset
        since = None if offset is None else [offset, *(at for _, at in list(self.lately) if at > offset)]
        return {"serverOffset": {self.room: since}}

    def on_connected(self) -> None:
        self.join_audience(self.room)

    def on_disconnected(self, reason: str) -> None:
        if self.goes and reason == "dropped":
            gevent.sleep(max(0.0, self.back_at - self.run_s))
            self.reconnect()

    def go_offline(self) -> None:
        """Be without a network at the same moment as the others."""
        if self.leave > self.run_s:
            gevent.sleep(max(0.0, self.leave - self.run_s - AHEAD_S))
            self.drop(at=self.leave, meant=True)

    @task
    def say(self) -> None:
        if self.goes and self.leave - SILENT_S < self.run_s < self.leave:
            return  # a message on its way is lost with its connection
        self.publish(self.event, self.size, self.composed, self.room, acknowledged=True)

    def composed(self, text: str) -> tuple[str, str]:
        """A conversation, and a text of the same length that is random but for its stamp."""
        stamp = text.rstrip(".")
        return self.room, stamp + b64encode(self.random.randbytes(len(text))).decode()[
            : len(text) - len(stamp)
        ]

    # ── in the connections' thread ────────────────────────────────────────────────────

    def heard(self, _text: str, offset: int, *_: object) -> None:
        """Remember that a message has come."""
        now, lately = monotonic(), self.lately
        lately.append((now, offset))
        while lately[0][0] < now - OVERTAKEN_S:
            self.offset = max(self.offset or 0, lately.popleft()[1])

    def caught_up(self, _conversation: str, offset: int) -> None:
        """Remember that all up to an offset has come."""
        self.offset = max(self.offset or 0, offset)
