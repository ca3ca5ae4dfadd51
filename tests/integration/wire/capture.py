"""A packet capture of a server's port on the loopback, as ``tcpdump -i lo tcp port …`` makes it."""

import contextlib
import ctypes
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator

from siotool.plan.wire.framing import Direction


class Capture:
    """IP packets of a server's port on the loopback, by an AF_PACKET socket that only sees headers."""

    ALL, OUTGOING = 0x0003, 4
    PACKET_STATISTICS, ATTACH_FILTER, FORCE_RECEIVE_BUFFER = 6, 26, 33

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, self.FORCE_RECEIVE_BUFFER, 64 << 20)
        self._filter(port)
        self._socket.bind(("lo", self.ALL))
        self._socket.setblocking(False)
        #: IP bytes and packets by (client's port, direction).
        self.link: Counter[tuple[int, Direction]] = Counter()
        self.packets: Counter[tuple[int, Direction]] = Counter()

    def _filter(self, port: int) -> None:
        """Classic BPF: keep 64 bytes of what comes from the port or goes to it, over IPv4."""
        code = b"".join(
            struct.pack("=HBBI", *line)
            for line in (
                (0xB1, 0, 0, 0),  # X = length of the IP header
                (0x48, 0, 0, 0),  # A = source port
                (0x15, 2, 0, port),
                (0x48, 0, 0, 2),  # A = destination port
                (0x15, 0, 1, port),
                (0x06, 0, 0, 64),
                (0x06, 0, 0, 0),
            )
        )
        kept = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("HP", len(code) // 8, ctypes.addressof(kept))
        self._socket.setsockopt(socket.SOL_SOCKET, self.ATTACH_FILTER, program)

    def read(self) -> None:
        """Count what has come by now."""
        while True:
            try:
                packet, (_, protocol, kind, *_) = self._socket.recvfrom(64)
            except BlockingIOError:
                break
            if kind == self.OUTGOING or protocol != 0x0800 or packet[9] != socket.IPPROTO_TCP:
                continue  # the loopback shows each packet twice
            (size,) = struct.unpack_from("!H", packet, 2)
            source, destination = struct.unpack_from("!HH", packet, 4 * (packet[0] & 15))
            to_client = source == self._port
            key = (
                destination if to_client else source,
                Direction.TO_CLIENT if to_client else Direction.TO_SERVER,
            )
            self.link[key] += size
            self.packets[key] += 1
        seen = self._socket.getsockopt(263, self.PACKET_STATISTICS, 8)  # 263: SOL_PACKET
        assert struct.unpack("II", seen)[1] == 0, "the capture lost packets"

    def close(self) -> None:
        """End it."""
        self._socket.close()


@contextlib.contextmanager
def captured(url: str) -> Iterator[Capture | None]:
    """A packet capture of a server's port, where one may be made: by root."""
    if os.geteuid() != 0:
        yield None
        return
    with contextlib.closing(Capture(int(url.rpartition(":")[2]))) as capture:
        yield capture
