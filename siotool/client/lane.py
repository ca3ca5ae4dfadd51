"""One HTTP connection of a client that polls."""

from typing import Any

from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.failures import ClientFailure
from siotool.client.http import HttpAnswer, HttpConnection, IdleClosedError, open_connection
from siotool.client.observer import ByteCounts
from siotool.client.tcp import Meter


class Lane:
    """One HTTP connection of a client, opened when it is needed, and again once it was closed."""

    def __init__(self, endpoint: Endpoint, traffic: ByteCounts, connection: Connection[Any]) -> None:
        self._endpoint = endpoint
        self._traffic = traffic
        self._client = connection
        self._connection: HttpConnection | None = None
        #: Bytes per second that are read at most.
        self._bytes_per_s: float | None = None

    async def fetch(self, request: bytes) -> HttpAnswer:
        """Send a request and wait for its answer. Raises what ``failures.classify`` can name."""
        try:
            return await (await self.ready()).request(request)
        except IdleClosedError:  # it was closed just then; browsers send it again too
            pass
        try:
            return await (await self.ready()).request(request)
        except IdleClosedError as error:
            raise ClientFailure("transport_close", "closed without an answer") from error

    async def ready(self) -> HttpConnection:
        """The connection, open. Raises OSError."""
        connection = self._connection
        if connection is None or not connection.open:
            connection = await open_connection(self._endpoint, self._count, self._phase)
            self._connection = connection
            if self._bytes_per_s is not None:
                connection.slow(self._bytes_per_s)
        return connection

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return 0 if self._connection is None else self._connection.unsent

    def read_wire(self) -> None:
        """Count what TCP carried since the last call."""
        if self._connection is not None:
            self._connection.read_wire()

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second, of this socket and those after it."""
        self._bytes_per_s = bytes_per_s
        if self._connection is not None:
            self._connection.slow(bytes_per_s)

    def freeze(self) -> None:
        """Read nothing from now on."""
        if self._connection is not None:
            self._connection.freeze()

    def reset(self) -> None:
        """Close the socket at once with a TCP reset."""
        if self._connection is not None:
            self._connection.reset()

    def close(self) -> None:
        """Close the socket at once."""
        if self._connection is not None:
            self._connection.close()

    def _count(self, meter: Meter) -> None:
        received, sent, _ = meter.read()
        self._traffic.wire_in += received
        self._traffic.wire_out += sent

    def _phase(self, name: str, took: float) -> None:
        if not self._client.session.sid:
            self._client.phase = "tls" if name == "tcp" and self._endpoint.tls is not None else "open"
        self._client.observer.phase(name, took)
