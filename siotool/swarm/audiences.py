"""All audiences of one worker: memberships begin and end, messages to them are sent and seen.

Lives in the loop thread. What it costs grows with the deliveries of the last minute and with the
memberships of this worker's users.
"""

import sys
from collections import deque
from collections.abc import Iterator
from math import inf

from siotool.protocol import stamp
from siotool.swarm.audience import (
    CHANGING_S,
    KNOWN_S,
    Audience,
    Place,
    RoomCounts,
    RoomMessage,
    RoomMessageByNode,
    Stray,
)
from siotool.swarm.memory_limits import NAME_CHARACTERS
from siotool.swarm.receipts_by_node import parted
from siotool.swarm.receiver import GIVE_UP_S, Receiver
from siotool.swarm.worker_report import Presence, Publication, Receipt


class Audiences:
    """Memberships, and the messages to audiences that this worker has sent or seen."""

    def __init__(self, *, by_node: bool = False) -> None:
        """``by_node``: receivers know their nodes, and receipts say of which their deliveries are."""
        self._kind = RoomMessageByNode if by_node else RoomMessage
        self.touched: list[RoomMessage] = []
        self.presence: list[Presence] = []
        self.published: list[Publication] = []
        self._audiences: dict[int, Audience] = {}
        #: Known messages by age; those sent so lately that a leaving member may miss them.
        self._ages: deque[tuple[float, RoomMessage]] = deque()
        #: When what is old was last forgotten: a message that is known anew may be older.
        self._now = 0.0
        self._young: deque[RoomMessage] = deque()
        self._own: deque[RoomMessage] = deque()
        self._strays: deque[Stray] = deque()
        self._left: deque[tuple[float, Receiver, Place]] = deque()

    # ── memberships ───────────────────────────────────────────────────────────────────

    def join(self, receiver: Receiver, number: int, now: float, settle_s: float = 0.0) -> None:
        """A receiver expects what is sent to an audience from ``settle_s`` on, unless it leaves already."""
        if receiver.gone:
            receiver.unsettled_until = inf
            return
        audience = self._audience(number)
        place = audience.places.get(receiver.slot)
        if place is None:
            place = audience.open(receiver.slot, now)
            receiver.places.append(place)
        elif place.left_at == inf:
            return
        else:
            place.past = [part for part in place.past or () if part[1] > now - KNOWN_S]
            place.past.append((place.begin, place.end))
        place.begin, place.end, place.left_at, place.cut = now + settle_s, inf, inf, False
        place.node = receiver.node
        self.presence.append(Presence(place.begin, 1, number, place.node))
        self._welcome(receiver, place, now)

    def leave(self, receiver: Receiver, number: int, now: float) -> None:
        """A receiver expects nothing more, nor what was sent shortly before and has not come.

        Where it was no member, a join that may or may not have happened is over: what comes soon
        is not held against the server.
        """
        audience = self._audience(number)
        place = audience.places.get(receiver.slot)
        if place is not None and place.left_at == inf:
            self._end(place, self._excused_since(receiver, place, now))
        else:
            if place is None:
                place = audience.open(receiver.slot, now)
                receiver.places.append(place)
                place.begin = place.end = now
            self._welcome(receiver, place, now)
        place.left_at, place.cut = now, False
        self._left.append((now, receiver, place))

    def end(self, receiver: Receiver, now: float, *, gone: bool, waiting: bool = True) -> None:
        """All memberships end with the connection, or with the user when it is ``gone``.

        A leaving user's connection stays open for a while, and what still comes there is no fault.
        ``waiting``: it has just asked for something, perhaps to join. A loss that is ``meant`` excuses what
        was under way, as ``leave`` does.
        """
        self.settle(now, final=False)
        receiver.gone = gone
        if waiting:
            receiver.unsettled_until = inf if gone else max(receiver.unsettled_until, now)
        for place in receiver.places:
            place.cut = place.left_at == inf
            if place.cut:
                end = self._excused_since(receiver, place, now) if receiver.meant else max(place.begin, now)
                self._end(place, end)
                if not gone:
                    place.left_at = now
                    self._left.append((now, receiver, place))

    def recover(self, receiver: Receiver, now: float) -> None:
        """The server has taken up the lost connection's session: what ended with it goes on."""
        for place in list(receiver.places):
            if place.cut:
                self.join(receiver, place.audience.number, now)

    def forget_receiver(self, receiver: Receiver, now: float) -> None:
        """A receiver is gone for good: its slot may be another's."""
        for place in receiver.places:
            place.audience.close(receiver.slot, place, now)
        receiver.places = []

    def _excused_since(self, receiver: Receiver, place: Place, now: float) -> float:
        """From when on nothing that was sent is expected at a place that is left now; excuses what was."""
        end = max(place.begin, now - CHANGING_S)
        for message in place.audience.recent:
            if end <= message.sent < now:
                message.excuse(receiver, place)
        return end

    def _welcome(self, receiver: Receiver, place: Place, now: float) -> None:
        for message in place.audience.straying:
            message.welcome(receiver, place, now - CHANGING_S)

    def _end(self, place: Place, end: float) -> None:
        place.end = end
        self.presence.append(Presence(end, -1, place.audience.number, place.node))

    def _audience(self, number: int) -> Audience:
        audience = self._audiences.get(number)
        if audience is None:
            audience = self._audiences[number] = Audience(number, self.touched, self._strays)
        return audience

    # ── messages ──────────────────────────────────────────────────────────────────────

    def publish(
        self, sender: Receiver, event: str, mark: stamp.Stamp, *, includes_sender: bool
    ) -> RoomMessage:
        """Begin to track a message to the audience of its stamp."""
        message = self.message(mark, event)
        place = message.audience.places.get(sender.slot)
        discount = int(not includes_sender and place is not None and place.expects(mark.sent))
        if not includes_sender:
            message.excluded = sender
        message.missing += message.audience.expecting(mark.sent) - discount
        self._own.append(message)
        self.published.append(
            Publication(mark.publisher, mark.seq, mark.sent, discount, mark.audience, sender.node)
        )
        return message

    def withdraw(self) -> None:
        """Undo the last ``publish``: its message could not be sent."""
        self.published.pop()
        message = self._own.pop()
        self._ages.pop()
        self._young.pop()
        message.audience.recent.pop()
        self._drop(message)

    def message(self, mark: stamp.Stamp, event: str) -> RoomMessage:
        """The message of a stamp."""
        audience = self._audience(mark.audience)
        stream = audience.streams.get(mark.publisher)
        if stream is None:
            stream = audience.streams[mark.publisher] = []
        place = len(stream)
        while place and stream[place - 1].seq >= mark.seq:
            place -= 1
            if stream[place].seq == mark.seq:
                return stream[place]
        message = self._kind(audience, stream, mark, sys.intern(event[:NAME_CHARACTERS]))
        stream.insert(place, message)
        audience.recent.append(message)
        self._young.append(message)
        self._ages.append((max(mark.sent, self._now), message))
        return message

    @property
    def unused(self) -> bool:
        """True while no message to an audience was sent or seen lately."""
        return not self._ages

    def caught_up(self, until: float) -> bool:
        """True when all that this worker sent before ``until`` has arrived here."""
        own = self._own
        while own and own[0].missing <= 0:
            own.popleft()
        return not any(message.missing > 0 for message in own if message.sent < until)

    # ── reports ───────────────────────────────────────────────────────────────────────

    def arrivals(self) -> Iterator[tuple[RoomMessage, RoomCounts]]:
        """Messages with what came of them since the last report."""
        return ((message, message.touch()) for message in self.touched)

    def take_receipts(self, *, timed: bool) -> list[Receipt]:
        """What arrived since the last report, by message; begins a new report."""
        receipts = []
        for message in self.touched:
            counts, message.counts = message.counts, None
            assert counts is not None
            whole = Receipt(
                message.publisher,
                message.seq,
                counts.due,
                counts.undue,
                counts.delays if timed else b"",
                counts.duplicate,
                counts.reordered,
                message.audience.number,
                counts.misdelivered,
                len(counts.expected_at),
            )
            parts = parted(whole, message.take_nodes(), counts.excused_at, counts.expected_at)
            receipts += [part for part in parts if part.says_something]
        self.touched.clear()  # the audiences have this list
        return receipts

    def settle(self, now: float, *, final: bool) -> None:
        """Decide on what came where it was not expected, once that may not change any more."""
        strays = self._strays
        while strays and (final or strays[0][0] < now - CHANGING_S):
            _, message, receiver = strays.popleft()
            message.condemn(receiver)
            message.audience.straying.remove(message)

    def forget_old(self, now: float) -> None:
        """Drop messages of which nothing more is expected, and places that were left long ago."""
        young, ages, own, left = self._young, self._ages, self._own, self._left
        self._now = now
        while young and young[0].sent < now - CHANGING_S - 1:
            message = young.popleft()
            message.audience.recent.remove(message)
        while ages and ages[0][0] < now - KNOWN_S:
            self._drop(ages.popleft()[1])
        while own and own[0].sent < now - GIVE_UP_S:
            own.popleft()
        for _ in range(len(left)):
            if left[0][0] >= now - KNOWN_S:
                break
            at, receiver, place = left.popleft()
            away = receiver.lost_at < inf or now - KNOWN_S <= receiver.away_until < inf
            if place.cut and away:  # messages wait for it, until its scenario says that it is a member again
                left.append((at, receiver, place))
            elif place.left_at == at and place in receiver.places:
                receiver.places.remove(place)
                place.audience.close(receiver.slot, place, now)
                self._drop_unused(place.audience)

    def _drop(self, message: RoomMessage) -> None:
        message.stream.remove(message)
        audience = message.audience
        if not message.stream and audience.streams.get(message.publisher) is message.stream:
            del audience.streams[message.publisher]
        self._drop_unused(audience)

    def _drop_unused(self, audience: Audience) -> None:
        if audience.unused and self._audiences.get(audience.number) is audience:
            del self._audiences[audience.number]
