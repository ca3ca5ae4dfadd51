"""The interface of a transport, which carries packets: one file for each transport."""

from typing import Protocol


class Transport(Protocol):
    """Carries one connection's Engine.IO packets; used in the thread of its loop.

    It calls the connection for packets (``receive_text``, ``receive_binary``), errors (``failed``),
    a socket that fills up (``pause_writing``), and its end (``lost``).
    """

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""

    def send(self, packet: bytes) -> None:
        """Send a text packet."""

    def close(self) -> None:
        """Close once what was sent has left."""

    def cut(self) -> None:
        """Close at once; what was still to be sent is lost."""

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP has carried since the last call."""
