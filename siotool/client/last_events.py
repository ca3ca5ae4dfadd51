"""Connection state recovery: what a client must remember to be given its session back.

A server that recovers sessions gives each a private id, and appends an offset to each of its events
as their last argument. A client that comes back shows both. The official client takes any text that is
the last of an event's arguments, of which its name is the first; to those of an event that is to be
answered it has appended what answers it, so none of them is a text. Source: socketio/socket.io-client,
lib/socket.ts (``onevent``, ``emitEvent``, ``_sendConnectPacket``), version 4.8.
"""

from collections.abc import Mapping
from typing import Any

from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.session import Recoverable
from siotool.protocol.socket_io import Parser


class LastEvents:
    """The last text that ended an event of a connection, by namespace."""

    __slots__ = ("_offsets", "_packet", "_parser")

    def __init__(self, parser: Parser, before: Mapping[str, Recoverable]) -> None:
        """``before``: what is known from the connection before."""
        self._parser = parser
        self._offsets = {namespace: session.offset for namespace, session in before.items()}
        #: A packet that came last, and is not read yet.
        self._packet: bytes | None = None

    def seen(self, packet: bytes) -> None:
        """A text packet came that need not be parsed to be counted."""
        if packet.endswith(b'"]'):
            before = self._packet
            if before is not None and before.partition(b"[")[0] != packet.partition(b"[")[0]:
                self._read()  # it is of another namespace
            self._packet = packet

    def heard(self, namespace: str, arguments: list[Any]) -> None:
        """An event came that is not to be answered, and was parsed: its name and arguments."""
        if isinstance(arguments[-1], str):
            self._read()
            self._offsets[namespace] = arguments[-1]

    def recoverable(self, pids: Mapping[str, str]) -> dict[str, Recoverable]:
        """The sessions that were joined, with their last offsets."""
        self._read()
        return {name: Recoverable(pid, self._offsets.get(name, "")) for name, pid in pids.items()}

    def _read(self) -> None:
        packet, self._packet = self._packet, None
        if packet is None:
            return
        try:
            header = self._parser.parse(packet[1:])
            data = self._parser.decode(header.data)
        except RemoteProtocolError:
            return
        if header.ack_id is None and isinstance(data, list) and data and isinstance(data[-1], str):
            self._offsets[header.namespace] = data[-1]
