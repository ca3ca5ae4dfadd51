"""JSON Web Tokens that the servers accept, or refuse for one reason each."""

import base64
import hashlib
import hmac
import json
from typing import Any

SECRET = b"a secret of the tests"


def token(sub: str, *, secret: bytes = SECRET, **claims: Any) -> str:
    """Return a signed token for a user, such as ``token("anna", exp=0)``: one that has expired."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": sub, **claims}]
    text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_base64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
