"""A connect under way: how long it may take, and its result."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any

from siotool.client.connection import Connection
from siotool.client.failures import UNANSWERED, ClientFailure, classify

#: Opens a transport for a connection; raises what ``classify`` can name.
OpenTransport = Callable[[Connection[Any]], Awaitable[None]]


class Attempt:
    """One try to connect and to join the namespace."""

    def __init__(self) -> None:
        self.start = monotonic()
        self._limit: asyncio.Timeout | None = None
        self._hurried_to = inf

    def hurry(self, until: float) -> None:
        """Wait no longer than until a moment of the loop's clock."""
        self._hurried_to = min(self._hurried_to, until)
        limit = self._limit
        if limit is not None and not limit.expired() and until < (limit.when() or inf):
            limit.reschedule(until)

    async def run(
        self, connection: Connection[Any], open_transport: OpenTransport, timeout_s: float
    ) -> ClientFailure | None:
        """Returns None once joined; otherwise why not, and the connection is given up."""
        joined = connection.joined = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s) as self._limit:
                self.hurry(self._hurried_to)
                await open_transport(connection)
                await joined
        except (Exception, asyncio.CancelledError) as error:
            connection.joined = None
            if not connection.open:  # else it succeeded just when it was given up
                failure = self._failure(connection, error)
                failure.opened = bool(connection.session.sid)
                connection.abandon(failure.kind)
                return failure
        connection.joined = None
        return None

    def _failure(self, connection: Connection[Any], error: BaseException) -> ClientFailure:
        limit = self._limit
        hurried = limit is not None and limit.expired() and limit.when() == self._hurried_to
        if hurried or isinstance(error, asyncio.CancelledError):
            return ClientFailure(UNANSWERED, "the run ended before there was an answer")
        failure = classify(error)
        if failure.kind == "internal_error" and isinstance(error, Exception):
            connection.observer.bug(error)
        if failure.kind == "protocol_error":
            connection.observer.remark("protocol_error", f"protocol_error: {failure}")
        return failure
