"""The interface of a transport, which carries packets: one file for each transport."""

from typing import Any, Protocol

from siotool.protocol.session import Session


class Transport(Protocol):
    """Carries one connection's Engine.IO packets; used in the thread of its loop.

    It calls the connection for packets (``receive_text``, ``receive_binary``), errors (``failed``),
    a socket that fills up (``pause_writing``), and its end (``lost``).
    """

    #: Whether TCP may have carried something since ``read_wire``.
    stirred: bool

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""

    def send(self, packet: bytes) -> None:
        """Send a text packet."""

    def send_binary(self, data: bytes) -> None:
        """Send a message of bytes."""

    def close(self) -> None:
        """Close once what was sent has left."""

    def cut(self) -> None:
        """Close at once; what was still to be sent is lost."""

    def leave(self) -> None:
        """Close at once for the client's own reason; the server is told where no end of a socket tells it."""

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP has carried since the last call."""


class Receiving(Protocol):
    """What a transport calls: a connection, or what tries a transport before it carries one."""

    observer: Any
    session: Session
    known: dict[bytes, Any]
    handlers: dict[Any, Any]
    heard: float
    open: bool
    phase: str
    close_reason: str
    idle_s: float | None
    recovers: bool

    def receive_text(self, packet: bytes, now: float) -> None:
        """Take a text packet that arrived at ``now``."""

    def receive_binary(self, data: bytes, now: float) -> None:
        """Take a message of bytes that arrived at ``now``."""

    def failed(self, error: Exception) -> None:
        """End it for what was raised by something that the server sent."""

    def unopened(self, error: Exception) -> None:
        """A transport cannot be opened."""

    def violated(self, kind: str, detail: str) -> None:
        """The server broke the protocol, or a limit of ours."""

    def pause_writing(self) -> None:
        """The server does not read as fast as we write."""

    def resume_writing(self) -> None:
        """It has read on."""

    def end(self, reason: str) -> None:
        """Close for a reason."""

    def lost(self) -> None:
        """The transport is closed, by either side."""
