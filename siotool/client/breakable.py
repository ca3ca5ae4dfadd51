"""What a transport can do besides, so that a scenario can lose its connection, or read it slowly."""

from typing import Literal, Protocol, runtime_checkable

#: How a connection is lost: closed without a word, reset, or by saying and reading nothing any more.
DropKind = Literal["close", "reset", "silence"]

#: How a connection ends that its own user has dropped (``failures``).
DROPPED = "dropped"


@runtime_checkable
class Breakable(Protocol):
    """A transport of our own."""

    def reset(self) -> None:
        """Close at once with a TCP reset."""

    def freeze(self) -> None:
        """Read and send nothing from now on, without closing."""

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second."""
