"""Stamped broadcasts of one worker: what it sent, and what arrived where.

Lives in the loop thread. ``StampedMessage.deliver`` runs once per delivery and is all that a
broadcast costs in Python beyond the frame itself.
"""

from array import array
from collections import deque
from collections.abc import Iterator
from math import inf

import numpy as np
from numpy.typing import NDArray

from siotool.protocol import stamp
from siotool.swarm.memory_limits import NAME_CHARACTERS
from siotool.swarm.worker_report import Publication, Receipt

#: A server may let messages of different senders overtake each other by so much.
OVERTAKEN_S = 0.1
#: A delivery later than this is lost; when it comes after all, it is counted as late.
GIVE_UP_S = 30.0
#: A publisher that has sent nothing for so long begins anew at its receivers: what still comes of
#: a message that old is counted as new.
REMEMBER_S = 20 * GIVE_UP_S
#: How many sequence numbers a receiver's gap may have and still be remembered for reordering.
_GAP_REMEMBERED = 4096
#: Sequence numbers fit into an array of unsigned integers; larger ones are not ours.
_LARGEST_SEQ = 0xFFFFFFFF


class Receiver:
    """Where deliveries arrive: its slot, and when it is to expect them."""

    __slots__ = ("joined_at", "left_at", "overtaken", "slot")

    def __init__(self, slot: int) -> None:
        self.slot = slot
        #: A message has arrived that was sent well after it left: none from before is under way.
        self.overtaken = False
        self.joined_at = inf
        self.left_at = inf


class Publisher:
    """A sender, and which of its sequence numbers each receiver has seen.

    ``last`` and ``first`` hold, by slot, the highest and the lowest number seen (0: none, or
    from 1 on); ``missing`` those between them that have not come.
    """

    __slots__ = ("first", "forgotten", "last", "missing", "newest", "number", "seq")

    def __init__(self, number: int) -> None:
        self.number = number
        #: The last number this process has sent.
        self.seq = 0
        #: The highest number known, and the highest of those too old to be waited for.
        self.newest = 0
        self.forgotten = 0
        self.first = array("I")
        self.last = array("I")
        self.missing: dict[int, dict[int, None]] = {}

    def previous(self, slot: int) -> int:
        """Last sequence number seen at ``slot``; makes room for it."""
        if slot >= len(self.last):
            more = [0] * (slot + 1 - len(self.last))
            self.first.extend(more)
            self.last.extend(more)
        return self.last[slot]

    def leap(self, slot: int, previous: int, seq: int) -> None:
        """Take a number that is not the next one; those left out are missing."""
        self.last[slot] = seq
        if previous:
            self._miss(slot, previous + 1, seq)
        else:
            # the numbers before the first are unknown until one of them comes
            self.first[slot] = seq

    def fill(self, slot: int, seq: int) -> bool:
        """Take a number below the last one; False when it had been seen."""
        missing = self.missing.get(slot)
        if missing is not None and seq in missing:
            del missing[seq]
            return True
        first = self.first[slot]
        if seq < first:
            self.first[slot] = seq
            self._miss(slot, seq + 1, first)
            return True
        return False

    def clear(self, slot: int) -> None:
        """Forget a slot."""
        if slot < len(self.last):
            self.first[slot] = self.last[slot] = 0
        self.missing.pop(slot, None)

    def clear_all(self) -> None:
        """Forget all slots."""
        self.first, self.last, self.missing = array("I"), array("I"), {}

    def _miss(self, slot: int, begin: int, end: int) -> None:
        if not 0 < end - begin <= _GAP_REMEMBERED:
            return
        missing = self.missing.setdefault(slot, {})
        # the oldest come first; what is too old is lost, not late
        while missing and (oldest := next(iter(missing))) <= self.forgotten:
            del missing[oldest]
        missing.update(dict.fromkeys(range(begin, end)))


class StampedMessage:
    """One stamped message as this worker knows it."""

    __slots__ = (
        "arrivals",
        "due",
        "event",
        "intended",
        "local_due",
        "publisher",
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
        self.due = 0
        self.undue = 0
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
        if not self.arrivals and self.undue == self.reported_undue:
            self.tracker.touched.append(self)
        if receiver.joined_at <= self.sent < receiver.left_at:
            self.due += 1
            self.arrivals.append(now)
        else:
            # counted, not timed: it may be history that is replayed to a newcomer
            self.undue += 1
            if self.sent >= receiver.left_at + OVERTAKEN_S:
                receiver.overtaken = True

    def _out_of_line(self, slot: int, previous: int) -> bool:
        """Take an unexpected sequence number; False for a duplicate."""
        if self.seq > previous:
            self.publisher.leap(slot, previous, self.seq)
            return True
        if self.publisher.fill(slot, self.seq):
            self.tracker.reordered += 1
            return True
        self.tracker.duplicate += 1
        return False


class DeliveryTracker:
    """All stamped messages of one run that this worker has sent or seen.

    ``run`` is the run's secret: it distinguishes our stamps from forged ones, and from those of
    earlier runs that a server may still hold.
    """

    def __init__(self, run: int) -> None:
        self.run = run
        self.duplicate = 0
        self.reordered = 0
        self.touched: list[StampedMessage] = []
        self.published: list[Publication] = []
        self._publishers: dict[int, Publisher] = {}
        self._messages: dict[tuple[int, int], StampedMessage] = {}
        self._ages: deque[StampedMessage] = deque()
        self._own: deque[StampedMessage] = deque()
        # the last known message of publishers that were silent when it was forgotten
        self._silent: deque[StampedMessage] = deque()

    def publish(
        self, publisher: int, event: str, now: float, intended: float, receivers: int, discount: int
    ) -> str:
        """Begin to track a new message and return its stamp.

        ``receivers`` are the local connections that are to expect it; ``discount`` of them
        (the sender itself, on servers that leave it out) are not.
        """
        sender = self._publisher(publisher)
        sender.seq += 1
        text = stamp.write(self.run, publisher, sender.seq, now, intended)
        mark = stamp.find(text.encode(), self.run)
        assert mark is not None
        message = self._message(mark, event)
        message.local_due = receivers - discount
        self._own.append(message)
        self.published.append(Publication(publisher, mark.seq, mark.sent, discount))
        return text

    def withdraw(self) -> None:
        """Undo the last ``publish``: its message could not be sent."""
        self.published.pop()
        message = self._own.pop()
        self._ages.pop()
        del self._messages[message.publisher.number, message.seq]
        message.publisher.seq -= 1

    def seen(self, payload: bytes, event: str) -> StampedMessage | None:
        """The message whose stamp a payload carries; None without one of this run's stamps."""
        mark = stamp.find(payload, self.run)
        if mark is None or not 0 < mark.seq <= _LARGEST_SEQ:
            return None
        event = event[:NAME_CHARACTERS]
        message = self._message(mark, event)
        message.event = event  # a server may relay it under another name than it was sent
        return message

    def forget_receiver(self, slot: int) -> None:
        """Clear a slot for its next user."""
        for publisher in self._publishers.values():
            publisher.clear(slot)

    @property
    def unused(self) -> bool:
        """True while no stamped message was sent or seen lately."""
        return not self._messages

    def caught_up(self, until: float) -> bool:
        """True when all that this worker sent before ``until`` has arrived here."""
        own = self._own
        while own and own[0].due >= own[0].local_due:
            own.popleft()
        return not any(m.due < m.local_due for m in own if m.sent < until)

    def arrivals(self) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """Event, response times and service times of what arrived when due since the last report."""
        for message in self.touched:
            times = np.asarray(message.arrivals, dtype=np.float64)
            yield message.event, times - message.intended, times - message.sent

    def undue(self) -> Iterator[tuple[str, int]]:
        """Event and number of arrivals since the last report that were not expected."""
        for message in self.touched:
            yield message.event, message.undue - message.reported_undue

    def take_receipts(self) -> list[Receipt]:
        """What arrived since the last report, by message; begins a new report."""
        receipts = []
        for m in self.touched:
            receipts.append(
                Receipt(m.publisher.number, m.seq, m.due - m.reported_due, m.undue - m.reported_undue)
            )
            m.reported_due, m.reported_undue = m.due, m.undue
            m.arrivals = []
        self.touched = []
        return receipts

    def take_published(self) -> list[Publication]:
        """What was sent since the last report."""
        published, self.published = self.published, []
        return published

    def forget_old(self, now: float) -> None:
        """Drop messages of which nothing more is expected."""
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
            message = StampedMessage(self, publisher, mark, event)
            self._messages[key] = message
            self._ages.append(message)
        return message
