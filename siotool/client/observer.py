"""Who hears of what happens to connections and calls: always in the thread of their loop."""

from typing import Any, Protocol

from siotool.protocol.socket_io import Packet


class Arrival(Protocol):
    """What a packet turned out to be, to be counted again each time the same bytes arrive."""

    def deliver(self, receiver: Any, now: float) -> None:
        """Count one arrival at a connection's observer."""


class Observer(Protocol):
    """Hears of one connection after the other; times are seconds of the monotonic clock."""

    def joined(self, now: float, took: float) -> None:
        """The namespace has let us in, ``took`` seconds after it was asked."""

    def event(self, name: str, arguments: list[Any], packet: Packet, payload: bytes, now: float) -> None:
        """An event has come; ``payload`` are the bytes of its packet."""

    def ended(self, reason: str) -> None:
        """The connection, which had joined, is at its end; its calls have failed before."""

    def remark(self, kind: str, text: str) -> None:
        """Something of a ``kind`` that a report should tell."""

    def bug(self, error: Exception) -> None:
        """An exception that no server can bring about."""


class Pending(Protocol):
    """A call that waits for its acknowledgement; told once what became of it."""

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
