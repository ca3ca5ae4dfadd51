"""What a server sends by itself, without a stamp: expected by a key that the scenario knows.

A user declares that it expects an event with a key. The event comes to it once: received. Not within
``GIVE_UP_S``, or before its user has left: lost. Again: duplicate. One that it did not expect, and
does not within ``CHANGING_S``: misdelivered. Lives in the loop thread.
"""

from collections import deque
from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Any

from siotool.swarm.audience import CHANGING_S, KNOWN_S
from siotool.swarm.receiver import GIVE_UP_S, Receiver
from siotool.swarm.scenario_code import ENDINGS
from siotool.swarm.worker_report import PushCounts

#: Reads an event's key from its arguments.
Read = Callable[[list[Any]], Any]
#: An event's name and key.
_Key = tuple[str, Hashable]


class _State(Enum):
    """What became of an event with a key at a user."""

    WAITING = auto()
    RECEIVED = auto()
    LOST = auto()
    #: It came before it was expected, which may still happen.
    EARLY = auto()
    MISDELIVERED = auto()


class _Expected:
    """An event with a key at one user."""

    __slots__ = ("at", "since", "state")

    def __init__(self) -> None:
        self.state = _State.WAITING
        #: When it came, or was given up.
        self.at = 0.0
        #: From when on it is waited for, for each time that it is.
        self.since: list[float] = []


class Push:
    """An event of the server whose key has been read."""

    __slots__ = ("key", "pushes")

    def __init__(self, pushes: "Pushes", key: _Key) -> None:
        self.pushes = pushes
        self.key = key

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival at a receiver that expects such events."""
        if self.key[0] in receiver.expecting:
            self.pushes.arrive(receiver, self.key, now)


class Pushes:
    """Events that users of this worker expect by keys.

    ``record`` gets the event of each that was received, and how long it took, or None.
    """

    def __init__(self, record: Callable[[str, float | None], None]) -> None:
        self._record = record
        self._readers: dict[str, tuple[Read, Callable[[BaseException], None]]] = {}
        #: What to look at again, each in the order of time: what is waited for, what came early,
        #: what is remembered for a while.
        self._waiting: deque[tuple[float, Receiver, _Key]] = deque()
        self._early: deque[tuple[float, Receiver, _Key]] = deque()
        self._done: deque[tuple[float, Receiver, _Key]] = deque()
        self._pending = 0
        self._counts = PushCounts()

    def declare(
        self, receiver: Receiver, event: str, read: Read, raised: Callable[[BaseException], None]
    ) -> None:
        """Account for an event at a receiver by the key that ``read`` finds.

        ``raised`` gets what that raises.
        """
        self._readers[event] = read, raised
        receiver.expecting |= {event}

    def recognise(self, event: str, arguments: list[Any]) -> Push | None:
        """An event with its key; None when it is not accounted for, or has none."""
        found = self._readers.get(event)
        if found is None:
            return None
        read, raised = found
        try:
            key = read(arguments)
            hash(key)
            if key is None:
                raise LookupError(f"{event} came without the key that it is expected by")
        except ENDINGS:
            raise
        except BaseException as error:  # the scenario's own code, no key, or one such as a list
            raised(error)
            return None
        return Push(self, (event, key))

    def expect(self, receiver: Receiver, event: str, key: Hashable, since: float) -> None:
        """A receiver expects an event once, from a moment on."""
        at = event, key
        found = receiver.pushes.get(at)
        if found is not None and found.state is _State.EARLY:
            self._received(receiver, at, found, found.at, None)
            return
        if found is None or found.state is not _State.WAITING:
            found = receiver.pushes[at] = _Expected()
        found.since.append(since)
        self._waiting.append((since, receiver, at))
        receiver.waits += 1
        self._pending += 1

    def arrive(self, receiver: Receiver, at: _Key, now: float) -> None:
        """An event has come to a receiver."""
        found = receiver.pushes.get(at)
        if found is None:
            found = receiver.pushes[at] = _Expected()
            found.state, found.at = _State.EARLY, now
            self._early.append((now, receiver, at))
        elif found.state is _State.WAITING:
            since = found.since.pop(0)
            receiver.waits -= 1
            self._pending -= 1
            self._received(receiver, at, found, now, max(0.0, now - since))
        elif found.state is _State.LOST:
            self._counts.late += 1
            found.state = _State.RECEIVED
        else:
            self._counts.duplicate += 1

    def settle(self, now: float, *, final: bool) -> None:
        """Give up what has not come in time; judge what was not expected in time; forget what is old."""
        waiting, early, done = self._waiting, self._early, self._done
        while waiting and (final or waiting[0][0] < now - GIVE_UP_S):
            since, receiver, at = waiting.popleft()
            found = receiver.pushes.get(at)
            if found is not None and since in found.since:
                found.since.remove(since)
                self._lose(receiver, at, found, now)
        while early and (final or early[0][0] < now - CHANGING_S):
            arrived, receiver, at = early.popleft()
            found = receiver.pushes.get(at)
            if found is not None and found.state is _State.EARLY and found.at == arrived:
                self._judge(receiver, at, found)
        while done and done[0][0] < now - KNOWN_S:
            when, receiver, at = done.popleft()
            found = receiver.pushes.get(at)
            if found is not None and not found.since and found.at == when:
                del receiver.pushes[at]

    def forget_receiver(self, receiver: Receiver, now: float) -> None:
        """A receiver is gone for good: what it still waited for is lost."""
        for at, found in list(receiver.pushes.items()):
            while found.since:
                found.since.pop()
                self._lose(receiver, at, found, now)
            if found.state is _State.EARLY:
                self._judge(receiver, at, found)
        receiver.pushes = {}

    def take_counts(self) -> PushCounts:
        """Counts since the last report, and what is waited for now."""
        counts, self._counts = self._counts, PushCounts()
        counts.pending = self._pending
        return counts

    def _received(
        self, receiver: Receiver, at: _Key, found: _Expected, now: float, took: float | None
    ) -> None:
        self._counts.received += 1
        self._record(at[0], took)
        if not found.since:
            self._close(receiver, at, found, _State.RECEIVED, now)

    def _lose(self, receiver: Receiver, at: _Key, found: _Expected, now: float) -> None:
        self._counts.lost += 1
        self._pending -= 1
        receiver.waits -= 1
        if not found.since:
            self._close(receiver, at, found, _State.LOST, now)

    def _judge(self, receiver: Receiver, at: _Key, found: _Expected) -> None:
        if found.at <= receiver.unsettled_until:  # it may have been about to expect it
            self._received(receiver, at, found, found.at, None)
        else:
            self._counts.misdelivered += 1
            self._close(receiver, at, found, _State.MISDELIVERED, found.at)

    def _close(self, receiver: Receiver, at: _Key, found: _Expected, state: _State, now: float) -> None:
        found.state, found.at = state, now
        self._done.append((now, receiver, at))


def reader(field: str | Callable[..., Any]) -> Read:
    """Read a key by a path in an event's first argument (``value_at``), or by a function of its arguments."""
    if isinstance(field, str):
        return lambda arguments: value_at(arguments, field)
    return lambda arguments: field(*arguments)


def value_at(arguments: list[Any], path: str) -> Any:
    """A value in the first argument, by dotted path (``.``: the argument itself); None where it is not."""
    value: Any = arguments[0] if arguments else None
    for key in path.split(".") if path != "." else ():
        value = value.get(key) if isinstance(value, dict) else None
    return value
