"""JSON Web Tokens for the servers in Python: what lib/token.mjs does for those on Node.js."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from lines import headers_of, query_of
from socketio.exceptions import ConnectionRefusedError as Refused

SECRET = b"a secret of the tests"


def login(environ: dict[str, Any], auth: Any) -> str:
    """Return the user of a handshake. Raises Refused with a message and data."""
    token = auth.get("token") if isinstance(auth, dict) else None
    token = token or query_of(environ).get("token")
    token = token or headers_of(environ).get("authorization", "").removeprefix("Bearer ")
    if not token:
        raise Refused("a token is missing", {"code": "TOKEN_MISSING"})
    text, _, signature = token.rpartition(".")
    expected = base64.urlsafe_b64encode(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())
    if not hmac.compare_digest(expected.rstrip(b"="), signature.encode()):
        raise Refused("the token's signature is wrong", {"code": "TOKEN_INVALID"})
    body = text.rpartition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if claims.get("exp", time.time() + 1) <= time.time():
        raise Refused("the token has expired", {"code": "TOKEN_EXPIRED", "expired_at": claims["exp"]})
    return str(claims["sub"])
