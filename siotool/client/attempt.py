"""A connect under way: how long it may take, and its result."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any

from siotool.client.connection import Connection
from siotool.client.deadlines import Deadlines, Expire
from siotool.client.failures import UNANSWERED, ClientFailure, classify

#: Opens a transport for a connection; raises what ``classify`` can name.
OpenTransport = Callable[[Connection[Any]], Awaitable[None]]


class Attempt:
    """One try to connect and to join the namespace."""

    def __init__(self) -> None:
        self.start = monotonic()
        self._task: asyncio.Task[Any] | None = None
        self._deadlines: Deadlines | None = None
        #: Where its deadline is, while it runs.
        self._round: set[Expire] | None = None
        self._until = self._hurried_to = inf
        self._expired = False

    def hurry(self, until: float) -> None:
        """Wait no longer than until a moment of the loop's clock."""
        self._hurried_to = min(self._hurried_to, until)
        if self._round is not None and until < self._until:
            self._wait_until(until)

    async def run(
        self, connection: Connection[Any], open_transport: OpenTransport, timeout_s: float
    ) -> ClientFailure | None:
        """Returns None once joined; otherwise why not, and the connection is given up."""
        loop = asyncio.get_running_loop()
        joined = connection.joined = loop.create_future()
        self._task, self._deadlines = asyncio.current_task(), connection.deadlines
        self._wait_until(min(loop.time() + timeout_s, self._hurried_to))
        try:
            await open_transport(connection)
            await joined
        except (Exception, asyncio.CancelledError) as error:
            connection.joined = None
            if not connection.open:  # else it succeeded just when it was given up
                failure = self._failure(connection, error)
                failure.opened = bool(connection.session.sid)
                connection.abandon(failure.kind)
                return failure
        finally:
            self._wait_no_more()
        connection.joined = None
        return None

    def _wait_until(self, moment: float) -> None:
        assert self._task is not None
        assert self._deadlines is not None
        self._wait_no_more()
        self._until = moment
        self._round = self._deadlines.add(self._task.get_loop(), moment, self._expire)

    def _wait_no_more(self) -> None:
        if self._round is not None:
            self._round.discard(self._expire)
            self._round = None

    def _expire(self) -> None:
        self._round = None
        if self._task is not None and not self._task.done():
            self._expired = True
            self._task.cancel()

    def _failure(self, connection: Connection[Any], error: BaseException) -> ClientFailure:
        if isinstance(error, asyncio.CancelledError):
            if not self._expired or self._until == self._hurried_to:
                return ClientFailure(UNANSWERED, "the run ended before there was an answer")
            error = TimeoutError()
        failure = classify(error)
        if failure.kind == "internal_error" and isinstance(error, Exception):
            connection.observer.bug(error)
        if failure.kind == "protocol_error":
            connection.observer.remark("protocol_error", f"protocol_error: {failure}")
        return failure
