"""Whether a target would compress WebSocket messages for clients that offer permessage-deflate.

Our clients do not offer it, official ones do. A server that accepts uses CPU for each message over
its threshold and sends fewer bytes; a run of ours does not show this.
"""

import base64
import http.client
import secrets
from urllib.parse import urlsplit

from siotool.client.address import websocket_url
from siotool.workload import Target

#: A server that has just accepted a connection answers sooner.
_PATIENCE_S = 3.0


def would_compress(target: Target, headers: list[tuple[str, str]]) -> bool | None:
    """Ask for a WebSocket with permessage-deflate, and leave; None when the target did not say."""
    parts = urlsplit(websocket_url(target))
    kind = http.client.HTTPSConnection if parts.scheme == "wss" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE_S)
    try:
        connection.putrequest("GET", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
        for name, value in (
            *headers,
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", base64.b64encode(secrets.token_bytes(16)).decode()),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        if answer.status != http.client.SWITCHING_PROTOCOLS:
            return None
        return "permessage-deflate" in (answer.getheader("Sec-WebSocket-Extensions") or "")
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
