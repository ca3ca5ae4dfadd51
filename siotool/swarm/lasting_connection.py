"""One user's connection as long as the user lives: opened, lost, opened again as the official client does.

The official client's Manager begins to come back as soon as it has lost its connection, whatever its
application is doing. So does this one, in a greenlet of its own. What the user does meanwhile waits
until the connection is back.
"""

from collections.abc import Callable
from typing import NamedTuple

import gevent
from gevent.event import Event

from siotool.client.failures import ClientFailure
from siotool.protocol.reconnection import Reconnection, Tries, comes_back
from siotool.swarm.user_observer import UserConnection

#: Why a user stays away that the target did not send away: its tries are used up, or it has none.
GAVE_UP, OFF = "gave_up", "no_reconnection"


class Holder(NamedTuple):
    """What a user does with its connection: called in the hub's thread, in a greenlet that may wait.

    ``open`` tries once to connect (``again``: after a first success) and raises ClientFailure. ``opened``
    and ``lost`` are the user's own hooks; ``lost`` has the reason, of a refusal too. ``stay_away``: the
    user will not come back by itself, and why. ``failed`` reports what a hook raised; ``stop`` ends the
    user. ``chance`` gives a random number from 0 to below 1. ``ending`` is the exception that a
    hook raises to end its user.
    """

    open: Callable[[bool], UserConnection]
    opened: Callable[[], None]
    lost: Callable[[str], None]
    stay_away: Callable[[str], None]
    failed: Callable[[BaseException], None]
    stop: Callable[[], None]
    chance: Callable[[], float]
    ending: type[Exception]


class LastingConnection:
    """Opens a user's connection, and opens it again after a loss; for the hub's thread."""

    __slots__ = (
        "_again",
        "_by_hand",
        "_current",
        "_holder",
        "_lost",
        "_opened",
        "_opener",
        "_ready",
        "_tries",
    )

    def __init__(self, holder: Holder, rule: Reconnection) -> None:
        self._holder = holder
        self._tries = Tries(rule)
        #: Open, and the user has done what it does after each connect.
        self._current: UserConnection | None = None
        #: Open, for the greenlet that does this.
        self._opened: UserConnection | None = None
        #: The greenlet that opens it.
        self._opener: gevent.Greenlet | None = None
        self._again = self._by_hand = False
        self._ready: Event | None = None
        self._lost: Event | None = None

    @property
    def current(self) -> UserConnection | None:
        """The open connection; None while there is none that every greenlet may use."""
        connection = self._current
        return connection if connection is not None and connection.open else None

    @property
    def usable(self) -> UserConnection | None:
        """The connection this greenlet may use now: the open one, also while it is being taken up."""
        opening = self._opener is not None and self._opener is gevent.getcurrent()
        return self._opened if opening else self.current

    def begin(self) -> None:
        """Open it for the first time, and wait until that is done or given up."""
        self._open_until("")

    def wait(self) -> UserConnection:
        """The open connection, once there is one. For a user that stays away it never returns."""
        while True:
            connection = self.usable
            if connection is not None and connection.open:
                return connection
            if self._opener is not None and self._opener is gevent.getcurrent():
                raise _LostAgain
            if self._ready is None:
                self._ready = Event()
            self._ready.wait()

    def wait_lost(self) -> None:
        """Wait until the connection that is open now is lost."""
        if self.current is not None:
            if self._lost is None:
                self._lost = Event()
            self._lost.wait()

    def lost(self, connection: UserConnection, reason: str) -> None:
        """The connection has ended; it must not wait."""
        if connection is self._current and self._opener is None:
            self._current = None
            if self._lost is not None:
                self._lost.set()
                self._lost = None
            self._spawn(reason)

    def reopen(self) -> None:
        """Connect again by hand: at once, also where it would stay away."""
        if self._opener is not None:
            self._by_hand = True
        elif self.current is None:
            self._spawn("")

    def end(self) -> None:
        """The user has left: open it no more, and let go of the user."""
        if self._opener is not None and self._opener is not gevent.getcurrent():
            self._opener.kill(block=False)
        self._holder = _NOBODY

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _spawn(self, reason: str) -> None:
        self._opener = gevent.spawn(self._open_beside, reason)

    def _open_beside(self, reason: str) -> None:
        try:
            self._open_until(reason)
        except self._holder.ending:
            self._holder.stop()

    def _open_until(self, reason: str) -> None:
        """Open it until it stays open, or is to stay closed; ``reason`` is why it was lost."""
        self._opener = gevent.getcurrent()
        first = not self._again
        try:
            at_once = not reason
            while True:
                if reason:
                    at_once = self._tell(reason)
                    if not at_once and not comes_back(reason):
                        return self._holder.stay_away(reason)
                self._tries.start_anew()
                connection = self._open(at_once)
                if isinstance(connection, str):
                    if not self._tell(connection):
                        return self._holder.stay_away(connection)
                    reason, at_once = "", True
                    continue
                reason = self._use(connection, first)
                if not reason:
                    return None
        finally:
            self._opener = None

    def _tell(self, reason: str) -> bool:
        """Tell the user that it is not connected; whether it connects again by hand."""
        self._by_hand = False
        try:
            self._holder.lost(reason)
        except self._holder.ending:
            raise
        except Exception as error:  # the scenario's own code
            self._holder.failed(error)
        return self._by_hand

    def _open(self, at_once: bool) -> UserConnection | str:
        """A connection that was open, or why there is none and there will be none."""
        while True:
            if not at_once:
                wait_s = self._tries.wait_s(self._holder.chance())
                if wait_s is None:
                    return GAVE_UP if self._tries.allowed else OFF
                gevent.sleep(wait_s)
            at_once = False
            try:
                return self._holder.open(self._again)
            except ClientFailure as failure:
                if failure.kind == "client":
                    raise self._holder.ending from failure
                if not comes_back(failure.kind):
                    return failure.kind
                if failure.opened:
                    self._tries.start_anew()

    def _use(self, connection: UserConnection, first: bool) -> str:
        """Let the user do what it does after a connect; returns why it was lost meanwhile, if it was."""
        self._again = True
        self._opened = connection
        try:
            if connection.open:
                self._holder.opened()
        except _LostAgain:
            pass
        except self._holder.ending:
            raise
        except Exception as error:  # the scenario's own code
            if first:
                raise
            self._holder.failed(error)
        finally:
            self._opened = None
        if not connection.open:
            return connection.close_reason or "transport_close"
        self._current = connection
        if self._ready is not None:
            self._ready.set()
            self._ready = None
        return ""


class _HasLeft(Exception):
    """Nobody is there whose connection could be opened."""


def _not_opened(again: bool) -> UserConnection:
    raise ClientFailure("client", "the user has left")


def _nothing(*_: object) -> None:
    pass


#: In place of a user that has left: an object that held it would be held by it, and both would stay.
_NOBODY = Holder(_not_opened, _nothing, _nothing, _nothing, _nothing, _nothing, lambda: 0.0, _HasLeft)


class _LostAgain(BaseException):
    """The connection was lost before the user had done what it does after a connect: it begins anew."""
