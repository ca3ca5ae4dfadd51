"""One audience as a worker knows it: who is in it, and which of its messages arrived where.

A membership begins when it is declared, and ends so. What is sent while it changes is not held
against the server; ``CHANGING_S`` is how long a change may take:

=====================================================================  ==========================
a message that was sent                                                 at this member it is
=====================================================================  ==========================
from the begin of the membership on, up to ``CHANGING_S`` before the    expected: received or lost
end was declared
before the begin; within ``CHANGING_S`` of the declared end, on both    received when it comes, and
sides                                                                   nothing when it does not
later, or where it was never a member (it may still become one: a       misdelivered
message may come ``CHANGING_S`` before the begin was declared)
=====================================================================  ==========================

A user that loses its connection, or is stopped when a call of it was answered just now or not yet,
may have been about to join: what came to it in the last ``CHANGING_S`` is received.

A membership begins ``CHANGING_S`` after it was declared where the server did not acknowledge it.

Nothing is kept for each pair of members: a message keeps one bit for each member that has it.
"""

from collections import deque
from collections.abc import Sequence
from math import inf

from siotool.protocol import stamp
from siotool.swarm.receiver import GIVE_UP_S, OVERTAKEN_S, Receiver

#: How long a server may take to put a user into a room, or to take it out.
CHANGING_S = 2.0
#: A message is known for so long; so are the places that were left.
KNOWN_S = 2 * GIVE_UP_S
#: How many newer messages of its sender a message is compared with, to see whether they overtook it.
_COMPARED = 256


class Place:
    """One receiver's place in an audience: it expects what is sent from ``begin`` to ``end``."""

    __slots__ = ("audience", "begin", "bit", "cut", "end", "left_at", "node", "past")

    def __init__(self, audience: "Audience", bit: int) -> None:
        self.audience = audience
        #: Its bit in ``RoomMessage.seen``.
        self.bit = bit
        self.begin = self.end = 0.0
        #: When the membership ended; ``inf`` while it lasts, and where it ended with its user.
        self.left_at = -inf
        #: The node that its receiver was on as the membership began.
        self.node = ""
        #: It ended with the connection, not by a declaration.
        self.cut = False
        #: Begin and end of earlier memberships, while something sent then may come.
        self.past: list[tuple[float, float]] | None = None

    def expects(self, sent: float) -> bool:
        """Whether a message sent at a moment is expected here."""
        if self.begin <= sent < self.end:
            return True
        return self.past is not None and any(begin <= sent < end for begin, end in self.past)


class Audience:
    """Members of one audience, as far as they are this worker's, and its messages of the last minute."""

    __slots__ = (
        "_next",
        "_resting",
        "number",
        "places",
        "recent",
        "straying",
        "strays",
        "streams",
        "touched",
    )

    def __init__(self, number: int, touched: "list[RoomMessage]", strays: "deque[Stray]") -> None:
        """``touched`` and ``strays`` are those of all audiences of the worker."""
        self.number = number
        #: Messages with something to report.
        self.touched = touched
        #: What came where it was not expected, and may yet be.
        self.strays = strays
        #: By the receiver's slot.
        self.places: dict[int, Place] = {}
        #: By publisher: its known messages in the order they were sent.
        self.streams: dict[int, list[RoomMessage]] = {}
        #: Messages that were sent lately, which a member that leaves may have missed.
        self.recent: list[RoomMessage] = []
        #: Those of the ``strays`` that are of this audience.
        self.straying: list[RoomMessage] = []
        self._next = 0
        self._resting: deque[tuple[float, int]] = deque()

    @property
    def unused(self) -> bool:
        """Whether there is nothing to be kept."""
        return not self.places and not self.streams

    def open(self, slot: int, now: float) -> Place:
        """Give a slot a place, with a bit that no message of the last minute has."""
        resting = self._resting
        if resting and resting[0][0] <= now - KNOWN_S:
            bit = resting.popleft()[1]
        else:
            bit = 1 << self._next
            self._next += 1
        place = self.places[slot] = Place(self, bit)
        return place

    def close(self, slot: int, place: Place, now: float) -> None:
        """Take a place away."""
        if self.places.get(slot) is place:
            del self.places[slot]
        self._resting.append((now, place.bit))

    def expecting(self, sent: float) -> int:
        """How many members here expect a message sent at a moment."""
        return sum(place.expects(sent) for place in self.places.values())


class RoomCounts:
    """What came of a message since the last report; each is a number of arrivals.

    ``expected_at``: the nodes of those that expect it, though the presence of members says otherwise;
    ``excused_at``: of those for which it was due, and is not any more.
    """

    __slots__ = (
        "arrivals",
        "delays",
        "due",
        "duplicate",
        "excused_at",
        "expected_at",
        "misdelivered",
        "reordered",
        "undue",
    )

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        #: The same as it is to be reported.
        self.delays = b""
        self.due = self.undue = self.misdelivered = self.duplicate = self.reordered = 0
        self.expected_at: tuple[str, ...] = ()
        self.excused_at: tuple[str, ...] = ()


class RoomMessage:
    """One stamped message to an audience."""

    __slots__ = (
        "audience",
        "counts",
        "event",
        "excluded",
        "intended",
        "missing",
        "publisher",
        "seen",
        "sent",
        "seq",
        "strays",
        "stream",
    )

    def __init__(
        self, audience: Audience, stream: "list[RoomMessage]", mark: stamp.Stamp, event: str
    ) -> None:
        self.audience = audience
        self.stream = stream
        self.publisher = mark.publisher
        self.seq = mark.seq
        self.sent = mark.sent
        self.intended = mark.intended
        self.event = event
        self.counts: RoomCounts | None = None
        #: Bits of the places that have it.
        self.seen = 0
        #: Its sender, where the server is not to send it back.
        self.excluded: Receiver | None = None
        #: Deliveries still to come here; of a message that was sent elsewhere, it counts from 0 down.
        self.missing = 0
        #: Receivers that it came to without a place for it: when, or ``inf`` once that is misdelivered.
        self.strays: dict[Receiver, float] | None = None

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival."""
        counts = self.counts or self.touch()
        place = self.audience.places.get(receiver.slot)
        if place is None or self.sent >= place.left_at + CHANGING_S or receiver is self.excluded:
            if self._stray(receiver, now, counts, place) and place is not None:
                self._catch_up(receiver, now)
            return
        bit = place.bit
        if self.seen & bit:
            counts.duplicate += 1
            return
        self.seen |= bit
        self._catch_up(receiver, now)
        if self.stream and self.stream[-1] is not self and self._overtaken(bit):
            counts.reordered += 1
        sent = self.sent
        if place.begin <= sent < place.end or place.expects(sent):
            self.missing -= 1
            counts.due += 1
            counts.arrivals.append(now)
        else:
            counts.undue += 1
            if sent >= receiver.left_at + OVERTAKEN_S:
                receiver.overtaken = True

    def take_nodes(self) -> Sequence[str]:
        """The nodes of what was due and came since the last call; none where they are not known."""
        return ()

    def touch(self) -> RoomCounts:
        """Counts of this message for the next report."""
        counts = self.counts
        if counts is None:
            counts = self.counts = RoomCounts()
            self.audience.touched.append(self)
        return counts

    def excuse(self, receiver: Receiver, place: Place) -> None:
        """A member leaves that was to expect this message, and does not any more."""
        if receiver is self.excluded:
            self.touch().expected_at += (receiver.node_at(self.sent),)  # it was not expected to begin with
        elif self.seen & place.bit:
            counts = self.touch()
            counts.due -= 1
            counts.undue += 1
            counts.excused_at += (receiver.node_at(self.sent),)
        else:
            self.missing -= 1

    def welcome(self, receiver: Receiver, place: Place, since: float) -> None:
        """A receiver becomes a member: what came to it from ``since`` on, shortly before, is received."""
        strays = self.strays
        if strays is not None and since <= strays.get(receiver, -inf) < inf and receiver is not self.excluded:
            del strays[receiver]
            self.seen |= place.bit
            self.touch().undue += 1

    def condemn(self, receiver: Receiver) -> None:
        """A receiver has not become a member in time: what came to it is misdelivered."""
        if self.strays is not None and (arrived := self.strays.get(receiver, inf)) < inf:
            self.strays[receiver] = inf
            counts = self.touch()
            if arrived <= receiver.unsettled_until and receiver is not self.excluded:
                counts.undue += 1
            else:
                counts.misdelivered += 1

    def _catch_up(self, receiver: Receiver, now: float) -> None:
        if self.sent < receiver.away_until:
            receiver.catch_up(self.sent, now)

    def _stray(self, receiver: Receiver, now: float, counts: RoomCounts, place: Place | None) -> bool:
        """Note what came where no place expects it; False for a duplicate."""
        if self.strays is None:
            self.strays = {}
        if receiver in self.strays or (place is not None and self.seen & place.bit):
            counts.duplicate += 1
            return False
        self.strays[receiver] = now
        self.audience.straying.append(self)
        self.audience.strays.append((now, self, receiver))
        return True

    def _overtaken(self, bit: int) -> bool:
        seq = self.seq
        for newer in self.stream[: -_COMPARED - 1 : -1]:
            if newer.seq <= seq:
                return False
            if newer.seen & bit:
                return True
        return False


class RoomMessageByNode(RoomMessage):
    """The same where receivers know their nodes: it keeps that of each arrival which was due."""

    __slots__ = ("nodes",)

    def __init__(
        self, audience: Audience, stream: "list[RoomMessage]", mark: stamp.Stamp, event: str
    ) -> None:
        super().__init__(audience, stream, mark, event)
        self.nodes: list[str] = []

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival."""
        counts = self.counts or self.touch()
        before = counts.due
        RoomMessage.deliver(self, receiver, now)
        if counts.due > before:
            self.nodes.append(receiver.node_at(self.sent))

    def take_nodes(self) -> Sequence[str]:
        """The nodes of what was due and came since the last call."""
        nodes, self.nodes = self.nodes, []
        return nodes


#: When which receiver got a message that is not for it, unless it becomes a member.
Stray = tuple[float, RoomMessage, Receiver]
