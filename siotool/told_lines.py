"""Whole lines of standard input, for processes that look at other things as well."""

import os
import select

_MOST = 65_536


class ToldLines:
    """Reads standard input, and keeps the beginning of a line until its end has come."""

    def __init__(self) -> None:
        self._poller = select.poll()
        self._poller.register(0, select.POLLIN | select.POLLHUP)
        self._unread = b""

    def within(self, seconds: float) -> list[bytes] | None:
        """Return the lines that came, none when nothing came for so long; None at the end of the input."""
        if not self._poller.poll(seconds * 1000):
            return []
        part = os.read(0, _MOST)
        if not part:
            return None
        whole, _, self._unread = (self._unread + part).rpartition(b"\n")
        return whole.splitlines()
