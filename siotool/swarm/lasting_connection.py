"""One user's connection as long as the user lives: opened, lost, opened again as the official client does.

The official client's Manager begins to come back as soon as it has lost its connection, whatever its
application is doing. So does this one, in a greenlet of its own. What the user does meanwhile waits
until the connection is back.
"""

from typing import Protocol

import gevent
from gevent.event import Event
from gevent.hub import Waiter

from siotool.client.failures import ClientFailure
from siotool.errors import ScenarioError
from siotool.protocol.reconnection import Reconnection, Tries, comes_back
from siotool.swarm.scenario_code import ENDINGS
from siotool.swarm.user_observer import UserConnection

#: Why a user stays away that the target did not send away: its tries are used up, or it has none.
GAVE_UP, OFF = "gave_up", "no_reconnection"


class Holder(Protocol):
    """A user, as far as its connection goes: all is called in the hub's thread, in a greenlet that may wait.

    These are a user's own methods, under its own names: an object between both, which held them, took half a
    kilobyte for each user.
    """

    #: The exception that a hook raises to end its user.
    _ending: type[Exception]

    def _open(self, again: bool, /) -> UserConnection:
        """Try once to connect (``again``: after a first success). Raises ClientFailure."""

    def on_connected(self) -> None:
        """The user's own hook after each connect."""

    def on_disconnected(self, reason: str, /) -> None:
        """The user's own hook after each loss and each refusal."""

    def _stay_away(self, kind: str, /) -> None:
        """The user will not come back by itself, and why."""

    def _report_error(self, error: BaseException, /) -> None:
        """Report what a hook raised."""

    def _stop_from_beside(self) -> None:
        """End the user."""

    def _chance(self) -> float:
        """A random number from 0 to below 1."""


class LastingConnection:
    """Opens a user's connection, and opens it again after a loss; for the hub's thread."""

    __slots__ = (
        "_again",
        "_by_hand",
        "_current",
        "_holder",
        "_opened",
        "_opener",
        "_ready",
        "_tries",
        "_waiting",
        "begun",
    )

    def __init__(self, holder: Holder, rule: Reconnection) -> None:
        self._holder: Holder = holder
        self._tries = Tries(rule)
        #: Its first connect has been asked for: from then on it is waited for.
        self.begun = False
        #: Open, and the user has done what it does after each connect.
        self._current: UserConnection | None = None
        #: Open, for the greenlet that does this.
        self._opened: UserConnection | None = None
        #: The greenlet that opens it.
        self._opener: gevent.Greenlet | None = None
        self._again = self._by_hand = False
        self._ready: Event | None = None
        #: Greenlets that wait for its loss.
        self._waiting: tuple[Waiter[None], ...] = ()

    @property
    def current(self) -> UserConnection | None:
        """The open connection; None while there is none that every greenlet may use."""
        connection = self._current
        return connection if connection is not None and connection.open else None

    @property
    def usable(self) -> UserConnection | None:
        """The connection this greenlet may use now: the open one, also while it is being taken up."""
        return self._opened if self._is_opener else self.current

    @property
    def taken_up_here(self) -> bool:
        """Whether this greenlet does what the user does after each connect."""
        return self._opened is not None and self._is_opener

    def begin(self) -> None:
        """Open it for the first time, and wait until that is done or given up."""
        self.begun = True
        self._open_until("")

    def wait(self) -> UserConnection:
        """The open connection, once there is one. For a user that stays away it never returns."""
        while True:
            connection = self.usable
            if connection is not None and connection.open:
                return connection
            if self._is_opener:
                raise LostAgain
            if self._ready is None:
                self._ready = Event()
            self._ready.wait()

    def wait_lost(self) -> None:
        """Wait until the connection that is open now is lost."""
        if self.current is not None:
            waiter: Waiter[None] = Waiter()
            self._waiting += (waiter,)
            waiter.get()

    def lost(self, connection: UserConnection, reason: str) -> None:
        """The connection has ended; it must not wait."""
        if connection is self._current and self._opener is None:
            self._current = None
            self._spawn(reason)
            waiting, self._waiting = self._waiting, ()
            for waiter in waiting:
                gevent.get_hub().loop.run_callback(waiter.switch, None)

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

    @property
    def _is_opener(self) -> bool:
        """Whether this greenlet opens it."""
        return self._opener is not None and self._opener is gevent.getcurrent()

    def _spawn(self, reason: str) -> None:
        self._opener = gevent.spawn(self._open_beside, reason)

    def _open_beside(self, reason: str) -> None:
        try:
            self._open_until(reason)
        except (self._holder._ending, gevent.GreenletExit):
            self._holder._stop_from_beside()  # for a user that has left, which ended this greenlet, nothing
        except ENDINGS:
            raise
        except BaseException as error:  # nobody else would open it, and the user would wait for ever
            self._holder._report_error(error)
            self._holder._stop_from_beside()

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
                        return self._holder._stay_away(reason)
                self._tries.start_anew()
                connection = self._open(at_once)
                if isinstance(connection, str):
                    if not self._tell(connection):
                        return self._holder._stay_away(connection)
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
            self._holder.on_disconnected(reason)
        except self._holder._ending:
            raise
        except LostAgain:
            self._holder._report_error(
                ScenarioError("on_disconnected sends something, while there is no connection")
            )
        except ENDINGS:
            raise
        except BaseException as error:  # the scenario's own code
            self._holder._report_error(error)
        return self._by_hand

    def _open(self, at_once: bool) -> UserConnection | str:
        """A connection that was open, or why there is none and there will be none."""
        while True:
            if not at_once:
                wait_s = self._tries.wait_s(self._holder._chance())
                if wait_s is None:
                    return GAVE_UP if self._tries.allowed else OFF
                gevent.sleep(wait_s)
            at_once = False
            try:
                return self._holder._open(self._again)
            except ClientFailure as failure:
                if failure.kind == "client":
                    raise self._holder._ending from failure
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
                self._holder.on_connected()
        except LostAgain:
            pass
        except self._holder._ending:
            raise
        except ENDINGS:
            raise
        except BaseException as error:  # the scenario's own code
            if first:
                raise
            self._holder._report_error(error)
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


class _Nobody:
    """In place of a user that has left: what held it would be held by it, and both would stay."""

    def __init__(self) -> None:
        self._ending: type[Exception] = _HasLeft

    def _open(self, again: bool, /) -> UserConnection:
        raise ClientFailure("client", "the user has left")

    def on_connected(self, *_: object) -> None:
        pass

    on_disconnected = _stay_away = _report_error = _stop_from_beside = on_connected

    def _chance(self) -> float:
        return 0.0


_NOBODY = _Nobody()


class LostAgain(BaseException):
    """The connection was lost before the user had done what it does after a connect: it begins anew."""
