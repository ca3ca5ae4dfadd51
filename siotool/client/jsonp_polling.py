"""JSONP polling: long polling as scripts and forms, for browsers that cannot do requests across origins."""

from siotool.client.polling import Polling
from siotool.protocol import jsonp


class JsonpPolling(Polling):
    """Long polling whose payloads are wrapped."""

    CONTENT = "application/x-www-form-urlencoded"

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The number of the script's callback: each simulated page has one."""
        return (("j", "0"),)

    def unwrap(self, body: bytes) -> bytes:
        """The payload in a script. Raises RemoteProtocolError."""
        return jsonp.unwrap(body)

    def wrap(self, body: bytes) -> bytes:
        """The form that carries a payload."""
        return jsonp.wrap(body)
