"""When a client connects again by itself: the official client's rules and options.

Source: socketio/socket.io, packages/socket.io-client/lib/manager.ts (``maybeReconnectOnOpen``,
``onclose``, ``reconnect``) and lib/socket.ts (``ondisconnect``, ``onpacket``), version 4.8:

===============================================================  ===================
the connection was lost: closed, reset, silent, not understood   it comes back
an Engine.IO session could not be opened, the first one too      it tries again
the server disconnected the client's last namespace              it stays away
a namespace refused the client (a middleware, an unknown name)   it stays away
the client left by itself                                        it stays away
===============================================================  ===================
"""

import msgspec

from siotool.protocol.backoff import OFFICIAL, Backoff, delay_s

_LONGEST_S = 86_400.0
#: Ends and failures (``client.failures``) after which a client stays away.
_FINAL = frozenset({"server_disconnect", "connect_error", "client"})


class Reconnection(msgspec.Struct, frozen=True):
    """The Manager's options: ``reconnection``, ``reconnectionAttempts`` (None: no limit), backoff."""

    enabled: bool = True
    attempts: int | None = None
    backoff: Backoff = OFFICIAL

    @property
    def problem(self) -> str:
        """What is wrong with it, by the options' names; empty when nothing is."""
        backoff = self.backoff
        if self.attempts is not None and self.attempts < 1:
            return "reconnection attempts must be at least 1; no reconnection at all is an option of its own"
        if not 0.001 <= backoff.delay_s <= _LONGEST_S or not 0.001 <= backoff.delay_max_s <= _LONGEST_S:
            return "reconnection delays must be from a millisecond to a day"
        if not 0 <= backoff.jitter <= 1:
            return "the randomization factor must be from 0 to 1"
        return ""


def comes_back(kind: str) -> bool:
    """Whether a client connects again by itself after an end, or a failed connect, of this class."""
    return kind not in _FINAL


class Tries:
    """The tries of one client since it lost its connection, or since it first could not open one."""

    __slots__ = ("_failures", "_rule")

    def __init__(self, rule: Reconnection) -> None:
        self._rule = rule
        self._failures = 0

    def wait_s(self, chance: float) -> float | None:
        """Seconds until the next try; None when there is to be none. ``chance`` is ``backoff.delay_s``'s."""
        rule = self._rule
        if not rule.enabled or (rule.attempts is not None and self._failures >= rule.attempts):
            return None
        wait = delay_s(self._failures, chance, rule.backoff)
        self._failures += 1
        return wait

    @property
    def allowed(self) -> bool:
        """Whether there is to be any."""
        return self._rule.enabled

    def start_anew(self) -> None:
        """An Engine.IO session was open: the waits begin with the first one again."""
        self._failures = 0
