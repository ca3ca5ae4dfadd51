"""What a probe is asked: the target, what to show it, and how long to wait."""

from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

import msgspec

from siotool.client.choices import TlsOptions
from siotool.client.identity import Identity
from siotool.workload import Target


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One probe.

    ``identity``: the auth payload goes to each of its namespaces, which are joined over one connection.
    ``origin`` is the page a browser would come from, empty for none. ``patient`` waits for a ping interval.
    ``timeout_s`` bounds each phase: connecting, opening, looking. ``slash`` ends the path of requests, as
    clients have it; a redirect may take it away.
    """

    target: Target
    identity: Identity = Identity()
    origin: str = ""
    tls: TlsOptions = TlsOptions()
    patient: bool = False
    timeout_s: float = 3.0
    slash: bool = True

    @property
    def secure(self) -> bool:
        """Whether the target is asked over TLS."""
        return urlsplit(self.target.url).scheme in ("https", "wss")

    @property
    def host(self) -> str:
        """The target's host, as in its URL."""
        return urlsplit(self.target.url).hostname or ""

    @property
    def port(self) -> int:
        """The target's port."""
        return urlsplit(self.target.url).port or (443 if self.secure else 80)

    @property
    def address(self) -> str:
        """Host and port, as in the URL."""
        return urlsplit(self.target.url).netloc

    @property
    def server_name(self) -> str:
        """The name that the certificate must have."""
        return self.tls.server_name or self.host

    @property
    def own_origin(self) -> str:
        """The origin of a page that the target itself would serve."""
        return f"{'https' if self.secure else 'http'}://{self.address}"

    def url(self, scheme: str, revision: int, transport: str) -> str:
        """URL of a session's first request; ``scheme`` is http or ws."""
        path = self.target.path.strip("/")
        path = f"/{path}/" if path and self.slash else f"/{path}"
        query = urlencode([*self.identity.query, ("EIO", revision), ("transport", transport)])
        return f"{scheme}{'s' if self.secure else ''}://{self.address}{path}?{query}"

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> "ProbeSettings":
        """The same with other headers."""
        shown = msgspec.structs.replace(self.identity, headers=tuple(headers))
        return msgspec.structs.replace(self, identity=shown)
