"""Who may speak to Locust's UI: pages of its own, and programs of this machine; no page of another site.

A page that anybody visits may send requests to loopback, and may have its own name resolve to it (DNS
rebinding). Browsers say where a request comes from: Host, Origin and Sec-Fetch-Site
(www.w3.org/TR/fetch-metadata).
"""

from collections.abc import Mapping
from typing import Any

from flask import abort, request

#: Where a request comes from that a page of the UI makes, or a person by its address bar.
_OWN = ("same-origin", "none")
_FORBIDDEN = 403


def is_stranger(headers: Mapping[str, str], port: int) -> bool:
    """Whether a request's headers say that it is of another site, or for another name of this address."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if port == 80:
        hosts |= {"127.0.0.1", "localhost"}
    origin = headers.get("Origin")
    return (
        headers.get("Host", "").lower() not in hosts
        or (origin is not None and origin.lower() not in {f"http://{host}" for host in hosts})
        or headers.get("Sec-Fetch-Site", "none").lower() not in _OWN
    )


def guard(app: Any, port: int) -> None:
    """Let a Flask application refuse strangers with 403, whatever they ask for."""

    def refuse() -> None:
        if is_stranger(dict(request.headers), port):
            abort(_FORBIDDEN)

    app.before_request_funcs.setdefault(None, []).insert(0, refuse)
