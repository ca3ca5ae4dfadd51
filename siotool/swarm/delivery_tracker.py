"""Stamped broadcasts of one worker: what it sent, and what arrived where.

Lives in the loop thread. ``StampedMessage.deliver`` runs once per delivery and is all that a
broadcast costs in Python beyond the frame itself.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from siotool.protocol import stamp
from siotool.swarm.audience import RoomMessage
from siotool.swarm.audiences import Audiences
from siotool.swarm.memory_limits import NAME_CHARACTERS
from siotool.swarm.publisher import Publisher
from siotool.swarm.receipts_by_node import parted
from siotool.swarm.receiver import GIVE_UP_S, OVERTAKEN_S, REMEMBER_S, Receiver
from siotool.swarm.run_clock import RunClock
from siotool.swarm.worker_report import Presence, Publication, Receipt, packed_delays

#: Sequence numbers fit into an array of unsigned integers; larger ones are not ours.
_LARGEST_SEQ = 0xFFFFFFFF


class StampedMessage:
    """One stamped message as this worker knows it."""

    __slots__ = (
        "arrivals",
        "delays",
        "due",
        "duplicate",
        "event",
        "intended",
        "local_due",
        "publisher",
        "reordered",
        "reported_due",
        "reported_undue",
        "sent",
        "seq",
        "tracker",
        "undue",
    )

    def __init__(
        self, tracker: "DeliveryTracker", publisher: Publisher, mark: stamp.Stamp, event: str
    ) -> None:
        self.tracker = tracker
        self.publisher = publisher
        self.seq = mark.seq
        self.sent = mark.sent
        self.intended = mark.intended
        self.event = event
        self.arrivals: list[float] = []
        #: When they arrived, as it is to be reported.
        self.delays = b""
        self.due = 0
        self.undue = 0
        self.duplicate = 0
        self.reordered = 0
        self.reported_due = 0
        self.reported_undue = 0
        self.local_due = 0

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival."""
        slot = receiver.slot
        last = self.publisher.last
        try:
            previous = last[slot]
        except IndexError:
            previous = self.publisher.previous(slot)
        seq = self.seq
        if seq == previous + 1:
            last[slot] = seq
        elif not self._out_of_line(slot, previous):
            return
        if not self.arrivals and self._untouched:
            self.tracker.touched.append(self)
        if receiver.joined_at <= self.sent < receiver.left_at:
            self.due += 1
            self.arrivals.append(now)
        elif receiver.expected_before(self.sent):
            self.due += 1
            self.arrivals.append(now)
            receiver.catch_up(self.sent, now)
        else:
            # counted, not timed: it may be history that is replayed to a newcomer
            self.undue += 1
            if self.sent < receiver.away_until:
                receiver.catch_up(self.sent, now)
            if self.sent >= receiver.left_at + OVERTAKEN_S:
                receiver.overtaken = True

    def take_nodes(self) -> Sequence[str]:
        """The nodes of what was due and came since the last call; none where they are not known."""
        return ()

    def _out_of_line(self, slot: int, previous: int) -> bool:
        """Take an unexpected sequence number; False for a duplicate."""
        if self.seq > previous:
            self.publisher.leap(slot, previous, self.seq)
            return True
        if not self.arrivals and self._untouched:
            self.tracker.touched.append(self)
        if self.publisher.fill(slot, self.seq):
            self.reordered += 1
            return True
        self.duplicate += 1
        return False

    @property
    def _untouched(self) -> bool:
        """Whether nothing came since the last report, arrivals aside."""
        return self.undue == self.reported_undue and not self.duplicate and not self.reordered


class MessageByNode(StampedMessage):
    """The same where receivers know their nodes: it keeps that of each arrival which was due."""

    __slots__ = ("nodes",)

    def __init__(
        self, tracker: "DeliveryTracker", publisher: Publisher, mark: stamp.Stamp, event: str
    ) -> None:
        super().__init__(tracker, publisher, mark, event)
        self.nodes: list[str] = []

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival."""
        before = self.due
        StampedMessage.deliver(self, receiver, now)
        if self.due > before:
            self.nodes.append(receiver.node_at(self.sent))

    def take_nodes(self) -> Sequence[str]:
        """The nodes of what was due and came since the last call."""
        nodes, self.nodes = self.nodes, []
        return nodes


class DeliveryTracker:
    """All stamped messages of one run that this worker has sent or seen.

    ``run`` is the run's secret: it distinguishes our stamps from forged ones, and from those of
    earlier runs that a server may still hold.
    """

    def __init__(self, run: int, clock: RunClock | None = None, *, by_node: bool = False) -> None:
        """``clock``: stamps are in the parent's time, all else in this machine's.

        ``by_node``: receivers know their nodes, and receipts say of which their deliveries are.
        """
        self.run = run
        self._clock = clock or RunClock()
        self._kind = MessageByNode if by_node else StampedMessage
        self.audiences = Audiences(by_node=by_node)
        self.touched: list[StampedMessage] = []
        self.published: list[Publication] = []
        self.acknowledged: list[tuple[int, int, int]] = []
        self._publishers: dict[int, Publisher] = {}
        self._messages: dict[tuple[int, int], StampedMessage] = {}
        self._ages: deque[StampedMessage] = deque()
        self._own: deque[StampedMessage] = deque()
        # the last known message of publishers that were silent when it was forgotten
        self._silent: deque[StampedMessage] = deque()

    def publish(
        self,
        publisher: int,
        event: str,
        now: float,
        intended: float,
        receivers: int,
        discount: int,
        node: str = "",
    ) -> str:
        """Begin to track a new message to all, and return its stamp.

        ``receivers`` are the local connections that are to expect it; ``discount`` of them
        (the sender itself, on servers that leave it out) are not. ``node`` is the sender's.
        """
        sender = self._publisher(publisher)
        sender.seq += 1
        text, mark = self._stamp(publisher, sender.seq, now, intended)
        message = self._message(mark, event)
        message.local_due = receivers - discount
        self._own.append(message)
        self.published.append(Publication(publisher, mark.seq, mark.sent, discount, 0, node))
        return text

    def publish_to(
        self,
        sender: Receiver,
        publisher: int,
        audience: int,
        event: str,
        now: float,
        intended: float,
        *,
        includes_sender: bool,
    ) -> str:
        """Begin to track a new message to an audience, and return its stamp."""
        sender.published += 1
        text, mark = self._stamp(publisher, sender.published, now, intended, audience)
        self.audiences.publish(sender, event, mark, includes_sender=includes_sender)
        return text

    def withdraw(self, sender: Receiver | None = None) -> None:
        """Undo the last ``publish``, or the ``sender``'s last ``publish_to``: it could not be sent."""
        if sender is not None:
            sender.published -= 1
            self.audiences.withdraw()
            return
        self.published.pop()
        message = self._own.pop()
        self._ages.pop()
        del self._messages[message.publisher.number, message.seq]
        message.publisher.seq -= 1

    def seen(self, payload: bytes, event: str) -> "StampedMessage | RoomMessage | None":
        """The message whose stamp a payload carries; None without one of this run's stamps."""
        mark = self._find(payload)
        if mark is None or not 0 < mark.seq <= _LARGEST_SEQ:
            return None
        event = event[:NAME_CHARACTERS]
        message = self.audiences.message(mark, event) if mark.audience else self._message(mark, event)
        message.event = event  # a server may relay it under another name than it was sent
        return message

    @property
    def unsure_s(self) -> float:
        """By how much a stamp may be off here, as its sender's clock and this machine's compare."""
        return self._clock.reading.between_s

    def stamped(self, payload: bytes) -> bool:
        """Whether a payload carries one of this run's stamps."""
        return stamp.find(payload, self.run) is not None

    def forget_receiver(self, slot: int) -> None:
        """Clear a slot for its next user."""
        for publisher in self._publishers.values():
            publisher.clear(slot)

    @property
    def unused(self) -> bool:
        """True while no stamped message was sent or seen lately."""
        return not self._messages and self.audiences.unused

    def caught_up(self, until: float) -> bool:
        """True when all that this worker sent before ``until`` has arrived here."""
        own = self._own
        while own and own[0].due >= own[0].local_due:
            own.popleft()
        waits = any(m.due < m.local_due for m in own if m.sent < until)
        return not waits and self.audiences.caught_up(until)

    def arrivals(self) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """Event, response times and service times of what arrived when due since the last report.

        To be asked for before the receipts, which have them too.
        """
        for message in self.touched:
            times = np.asarray(message.arrivals, dtype=np.float64)
            response = times - message.intended
            message.delays = packed_delays(response)
            yield message.event, response, times - message.sent
        for room_message, counts in self.audiences.arrivals():
            times = np.asarray(counts.arrivals, dtype=np.float64)
            response = times - room_message.intended
            counts.delays = packed_delays(response)
            yield room_message.event, response, times - room_message.sent

    def undue(self) -> Iterator[tuple[str, int]]:
        """Event and number of arrivals since the last report that were not expected."""
        for message in self.touched:
            yield message.event, message.undue - message.reported_undue
        for room_message, counts in self.audiences.arrivals():
            yield room_message.event, counts.undue

    def take_receipts(self, *, timed: bool = True) -> list[Receipt]:
        """What arrived since the last report, by message; begins a new report.

        Not ``timed``, they are without the delays.
        """
        receipts = []
        for m in self.touched:
            receipt = Receipt(
                m.publisher.number,
                m.seq,
                m.due - m.reported_due,
                m.undue - m.reported_undue,
                m.delays if timed else b"",
                m.duplicate,
                m.reordered,
            )
            receipts += parted(receipt, m.take_nodes())
            m.reported_due, m.reported_undue = m.due, m.undue
            m.duplicate = m.reordered = 0
            m.arrivals, m.delays = [], b""
        self.touched = []
        return receipts + self.audiences.take_receipts(timed=timed)

    def take_published(self) -> list[Publication]:
        """What was sent since the last report."""
        published = self.published + self.audiences.published
        self.published, self.audiences.published = [], []
        return published

    def take_acknowledged(self) -> list[tuple[int, int, int]]:
        """The messages that were acknowledged since the last report: publisher, number, audience."""
        acknowledged, self.acknowledged = self.acknowledged, []
        return acknowledged

    def take_presence(self) -> list[Presence]:
        """Changes of memberships since the last report."""
        presence, self.audiences.presence = self.audiences.presence, []
        return presence

    def forget_old(self, now: float) -> None:
        """Drop messages of which nothing more is expected."""
        self.audiences.forget_old(now)
        ages = self._ages
        while ages and ages[0].sent < now - 2 * GIVE_UP_S:
            message = ages.popleft()
            publisher = message.publisher
            del self._messages[publisher.number, message.seq]
            publisher.forgotten = max(publisher.forgotten, message.seq)
            if message.seq == publisher.newest:
                self._silent.append(message)
        own = self._own
        while own and own[0].sent < now - GIVE_UP_S:
            own.popleft()
        silent = self._silent
        while silent and silent[0].sent < now - REMEMBER_S:
            message = silent.popleft()
            if message.seq == message.publisher.newest:
                message.publisher.clear_all()

    def _stamp(
        self, publisher: int, seq: int, now: float, intended: float, audience: int = 0
    ) -> tuple[str, stamp.Stamp]:
        """The text of a new stamp, and what is read from it."""
        sent, meant = self._clock.parents(now), self._clock.parents(intended)
        text = stamp.write(self.run, publisher, seq, sent, meant, audience)
        mark = self._find(text.encode())
        assert mark is not None
        return text, mark

    def acknowledge(self, text: str) -> None:
        """The server has acknowledged a message, by its stamp."""
        mark = self._find(text.encode())
        assert mark is not None
        self.acknowledged.append((mark.publisher, mark.seq, mark.audience))

    def _find(self, payload: bytes) -> stamp.Stamp | None:
        """The stamp of a payload, with its times on this machine's clock."""
        mark = stamp.find(payload, self.run)
        ahead_s = self._clock.reading.ahead_s
        if mark is None or not ahead_s:
            return mark
        return mark._replace(sent=mark.sent + ahead_s, intended=mark.intended + ahead_s)

    def _publisher(self, number: int) -> Publisher:
        publisher = self._publishers.get(number)
        if publisher is None:
            publisher = self._publishers[number] = Publisher(number)
        return publisher

    def _message(self, mark: stamp.Stamp, event: str) -> StampedMessage:
        key = (mark.publisher, mark.seq)
        message = self._messages.get(key)
        if message is None:
            publisher = self._publisher(mark.publisher)
            publisher.newest = max(publisher.newest, mark.seq)
            message = self._kind(self, publisher, mark, event)
            self._messages[key] = message
            self._ages.append(message)
        return message
