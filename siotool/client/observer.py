"""What is called when something happens to connections and calls: always in the thread of their loop."""

from collections.abc import Callable
from typing import Any, Protocol

from siotool.protocol.socket_io import Packet


class Arrival(Protocol):
    """A recognised packet, counted each time the same bytes arrive."""

    def deliver(self, receiver: Any, now: float) -> None:
        """Count one arrival at a connection's observer."""


class Observer(Protocol):
    """Observes one connection after the other; times are seconds of the monotonic clock."""

    def phase(self, name: str, took: float) -> None:
        """A phase of connecting has succeeded, ``took`` seconds after it began."""

    def opening_answer(self, header: Callable[[str], list[str]]) -> None:
        """The answer has come that opens the session; ``header`` gives a header's values by its name."""

    def upgraded(self, took: float) -> None:
        """The connection has moved to WebSocket, ``took`` seconds after it was tried."""

    def upgrade_failed(self, kind: str, detail: str) -> None:
        """It could not move to WebSocket, and stays on long polling; ``kind`` is one of ``failures``."""

    def namespace(self, name: str, took: float) -> None:
        """A namespace is joined, ``took`` seconds after it was asked."""

    def cookies(self, values: list[str]) -> None:
        """The server has set cookies; their values may be secret."""

    def joined(self, now: float, recovered: bool) -> None:
        """All namespaces are joined; the last with the session that was lost before, if ``recovered``."""

    def left(self, namespace: str) -> None:
        """The server has closed one namespace of several."""

    def event(self, name: str, arguments: list[Any], packet: Packet, payload: bytes, now: float) -> None:
        """An event has come; ``payload`` are the bytes of its packet."""

    def ended(self, reason: str) -> None:
        """The connection, which had joined, has ended; its calls have failed before."""

    def remark(self, kind: str, text: str) -> None:
        """Something of a ``kind`` that a report should say."""

    def bug(self, error: Exception) -> None:
        """An exception that no server can cause."""


class Pending(Protocol):
    """A call that waits for its acknowledgement; one of its methods is called, once."""

    def answered(self, arguments: list[Any], now: float) -> None:
        """The server has acknowledged it."""

    def failed(self, kind: str) -> None:
        """There will be no answer; ``kind`` is one of ``failures``."""


class ByteCounts:
    """Bytes since they were last taken, over many connections.

    ``payload``: Engine.IO packets. ``wire``: what TCP carried.
    """

    __slots__ = ("payload_in", "payload_out", "wire_in", "wire_out")

    def __init__(self) -> None:
        self.payload_in = self.payload_out = self.wire_in = self.wire_out = 0
