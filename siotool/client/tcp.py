"""What TCP carried, as the kernel counts it.

Linux keeps per connection the payload bytes it received and sent; the offsets below are
those of ``struct tcp_info`` in linux/tcp.h, which only ever grows at its end.
"""

import socket
import struct
import sys
from contextlib import suppress
from typing import NamedTuple

#: Where ``TCP_INFO`` has byte counters.
KERNEL_COUNTS = sys.platform == "linux"
SOURCE_KERNEL = "kernel (TCP_INFO)"
SOURCE_TRANSPORT = "transport (HTTP upgrade not included)"
SOURCE = SOURCE_KERNEL if KERNEL_COUNTS else SOURCE_TRANSPORT

_SIZE = 224
#: State (at 0); bytes received (128), not sent yet (144), sent (200), and of those sent again (208).
_COUNTS = struct.Struct("=B127xQ8xI52xQQ")
_LAST_SENT_MS = struct.Struct("=I")
_AT_LAST_SENT = 44
#: States (the first byte) in which the other side's FIN has come: TIME_WAIT, CLOSE_WAIT,
#: LAST_ACK, CLOSING. The kernel counts it as a byte received.
_AFTER_FIN = frozenset((6, 8, 9, 11))
_MASK = 4
#: SO_LINGER on, for 0 seconds.
_NO_LINGER = struct.pack("ii", 1, 0)


class Transferred(NamedTuple):
    """TCP payload bytes received and sent, without retransmissions; ``waiting`` are still to leave."""

    received: int
    sent: int
    waiting: int


def transferred(sock: socket.socket) -> Transferred | None:
    """What a connection has carried since it began.

    None once closed, and where the kernel does not count.
    """
    if not KERNEL_COUNTS:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    if len(info) < _COUNTS.size:
        return None
    state, received, waiting, sent, again = _COUNTS.unpack_from(info)
    return Transferred(received - (state in _AFTER_FIN), sent - again, waiting)


class Meter:
    """Reads what one connection has carried since the last call."""

    __slots__ = ("_received", "_sent", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._received = self._sent = 0

    def reset_at_end(self) -> None:
        """Let the end of the connection be a reset (RST), not an orderly close."""
        with suppress(OSError):  # it has ended
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def shut(self) -> None:
        """End the connection at once."""
        with suppress(OSError):  # it has ended
            self.sock.shutdown(socket.SHUT_RDWR)

    def idle_s(self, unheard_s: float) -> float:
        """Seconds since something was sent or received, where ``unheard_s`` ago something was received.

        Where the kernel does not say when something was sent, that is left out.
        """
        if not KERNEL_COUNTS:
            return unheard_s
        try:
            info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
        except OSError:
            return unheard_s
        sent_ms_ago: int = _LAST_SENT_MS.unpack_from(info, _AT_LAST_SENT)[0]
        return min(unheard_s, sent_ms_ago / 1000)

    def read(self) -> Transferred:
        """What was carried since; nothing once closed, and where the kernel does not count."""
        now = transferred(self.sock)
        if now is None:
            return Transferred(0, 0, 0)
        received, sent, waiting = now
        since = Transferred(received - self._received, sent - self._sent, waiting)
        self._received, self._sent = received, sent
        return since


def frame_size(payload: int, masked: bool) -> int:
    """Bytes of a WebSocket frame with so much payload (RFC 6455 §5.2)."""
    header = 2 if payload < 126 else 4 if payload < 65536 else 10
    return header + (_MASK if masked else 0) + payload
