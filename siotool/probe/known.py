"""What every check may know: how the target was reached, and which sessions it opened."""

import msgspec

from siotool.probe.opening import Opening
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.reply import Reply
from siotool.protocol.engine_io import Revision


class Tls(msgspec.Struct, frozen=True):
    """A TLS connection. ``distrust`` says why the certificate is not accepted; empty where it is.

    ``expires_s`` is seconds since 1970; None where the certificate does not say it to us.
    """

    version: str
    subject: str = ""
    issuer: str = ""
    expires_s: float | None = None
    distrust: str = ""
    self_signed: bool = False


class Reached(msgspec.Struct, frozen=True):
    """How the connection went: ``failure`` is empty, or dns, refused, timeout, unreachable or tls."""

    addresses: list[str] = []
    seconds: float = 0.0
    failure: str = ""
    detail: str = ""
    tls: Tls | None = None


class Polled(msgspec.Struct, frozen=True):
    """A session asked for by long polling in one revision, and what came."""

    reply: Reply
    opening: Opening | None = None


class Upgraded(msgspec.Struct, frozen=True):
    """A session asked for by WebSocket in one revision; ``reply`` is a refusal.

    ``deflate``: the server accepted permessage-deflate.
    """

    opening: Opening | None = None
    reply: Reply | None = None
    deflate: bool = False
    seconds: float = 0.0


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that all checks share.

    ``hops`` are the addresses that redirects led over, the last one is asked; ``elsewhere`` is a
    redirect that is not followed: to another host, or from TLS to none. ``shown_origin`` is the
    Origin without which nothing opens, ``none`` where any is refused, and ``without_origin`` the
    refusal. ``other_path`` is where Socket.IO answered instead of the path that was asked.
    ``wants_tls``: the port speaks TLS, and was asked without.
    """

    settings: ProbeSettings
    reached: Reached
    polled: dict[int, Polled] = {}
    upgraded: dict[int, Upgraded] = {}
    hops: list[str] = []
    elsewhere: str = ""
    shown_origin: str = ""
    without_origin: Reply | None = None
    other_path: str = ""
    wants_tls: bool = False

    def polls(self, revision: int) -> Opening | None:
        """The session of a revision that long polling opened."""
        return self._of(revision, [polled.opening for polled in self.polled.values()])

    def upgrades(self, revision: int) -> Opening | None:
        """The session of a revision that a WebSocket opened."""
        return self._of(revision, [upgraded.opening for upgraded in self.upgraded.values()])

    def _of(self, revision: int, openings: list[Opening | None]) -> Opening | None:
        return next((found for found in openings if found and found.revision == revision), None)

    @property
    def opening(self) -> Opening | None:
        """The session to judge by: of the newest revision, by polling where it opened one."""
        found = [self.polls(4), self.upgrades(4), self.polls(3), self.upgrades(3)]
        return next((opening for opening in found if opening), None)

    @property
    def revision(self) -> Revision:
        """The revision the probe speaks: 4 where the target does."""
        return self.opening.revision if self.opening else 4

    @property
    def polling(self) -> bool:
        """Whether long polling opens a session in that revision."""
        return self.polls(self.revision) is not None

    @property
    def websocket(self) -> bool:
        """Whether a WebSocket opens a session in that revision."""
        return self.upgrades(self.revision) is not None

    @property
    def redirected(self) -> bool:
        """Whether the first answer sends elsewhere."""
        return 4 in self.polled and bool(self.polled[4].reply.location)

    @property
    def refusals(self) -> list[Reply]:
        """Answers that opened no session, polling's first."""
        polled = [polled.reply for polled in self.polled.values() if polled.opening is None]
        return polled + [found.reply for found in self.upgraded.values() if found.reply is not None]
