"""What a probe is asked: the target, what to show it, and how long to wait."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from siotool.workload import Target


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One probe.

    ``namespaces`` are asked for over one connection; ``auth`` goes to each of them. ``query`` and
    ``headers`` go with every request. ``origin`` is the page a browser would come from, empty for
    none. ``ca_file`` is trusted beside the system's authorities; ``insecure`` trusts any certificate.
    ``patient`` waits for a ping interval. ``timeout_s`` bounds each phase: connecting, opening, looking.
    """

    target: Target
    namespaces: list[str]
    auth: Any = None
    headers: list[tuple[str, str]] = []
    query: list[tuple[str, str]] = []
    origin: str = ""
    ca_file: str = ""
    insecure: bool = False
    patient: bool = False
    timeout_s: float = 3.0

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
    def own_origin(self) -> str:
        """The origin of a page that the target itself would serve."""
        return f"{'https' if self.secure else 'http'}://{self.address}"

    def url(self, scheme: str, revision: int, transport: str) -> str:
        """URL of a session's first request; ``scheme`` is http or ws."""
        path = "/" + self.target.path.strip("/") + "/"
        query = urlencode([*self.query, ("EIO", revision), ("transport", transport)])
        return f"{scheme}{'s' if self.secure else ''}://{self.address}{path.replace('//', '/')}?{query}"
