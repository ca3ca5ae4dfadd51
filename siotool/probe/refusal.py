"""What a refused request means: one name for each cause, from the server's status and words.

Engine.IO on Node.js answers with a code and a message; python-engineio with words alone; Starlette
refuses an upgrade on an unknown path with 403; proxies answer 502, 503, 504 and 429 for their servers.
"""

import re
from types import MappingProxyType

from siotool.probe.reply import Reply

TRANSPORT = "transport"  # Engine.IO answers, and does not offer this transport
VERSION = "version"  # Engine.IO answers, and does not speak this revision
SESSION = "session"  # Engine.IO answers, and does not know the session
UPGRADE_LOST = "upgrade-lost"  # Engine.IO answers, and the Upgrade header did not reach it
ORIGIN = "origin"  # an allow-list refuses the Origin header, or that there is none
FORBIDDEN = "forbidden"  # allowRequest, or a filter in front, refuses; the cause may be an origin too
CREDENTIALS = "credentials"  # 401
PATH = "path"  # an HTTP server without Socket.IO on this path
REDIRECT = "redirect"
DOWN = "down"  # a proxy that has no server to give the request to
FAILING = "failing"  # the server itself, or its program, fails
THROTTLED = "throttled"
SILENT = "silent"  # no answer in time, or the connection was closed
OTHER = "other"

_BY_CODE = MappingProxyType({0: TRANSPORT, 1: SESSION, 2: OTHER, 3: UPGRADE_LOST, 4: FORBIDDEN, 5: VERSION})
_BY_WORDS = (
    (re.compile(r"not an accepted origin|\borigin\b|\bcors\b", re.IGNORECASE), ORIGIN),
    (re.compile(r"^Invalid transport|^Transport unknown", re.IGNORECASE), TRANSPORT),
    (re.compile(r"^Invalid websocket upgrade", re.IGNORECASE), UPGRADE_LOST),
    (re.compile(r"^Invalid session|^Session ID unknown|^Not connected", re.IGNORECASE), SESSION),
    (re.compile(r"unsupported (?:protocol )?version", re.IGNORECASE), VERSION),
)
_BY_STATUS = MappingProxyType(
    {
        401: CREDENTIALS,
        403: FORBIDDEN,
        404: PATH,
        405: PATH,
        407: CREDENTIALS,
        410: PATH,
        429: THROTTLED,
        501: PATH,
        502: DOWN,
        503: DOWN,
        504: DOWN,
        511: CREDENTIALS,
    }
)
#: Causes that only Engine.IO itself gives.
OF_ENGINE_IO = frozenset((TRANSPORT, VERSION, SESSION, UPGRADE_LOST))
#: Causes that say nothing of the path and of what Socket.IO speaks there; checks of their own name them.
NOT_OF_SOCKET_IO = frozenset((CREDENTIALS, DOWN, FAILING, FORBIDDEN, ORIGIN, REDIRECT, THROTTLED))


def cause(reply: Reply) -> str:
    """Name why a request did not get what it asked for."""
    if reply.failure:
        return SILENT
    if reply.location:
        return REDIRECT
    code = reply.code
    for pattern, found in _BY_WORDS if reply.status in (400, 403) else ():
        if pattern.search(reply.words):
            return found
    if code is not None and reply.status in (400, 403):
        return _BY_CODE[code]
    if reply.status < 300:
        return PATH  # a page, or anything else that is no Engine.IO
    return _BY_STATUS.get(reply.status, FAILING if reply.status >= 500 else OTHER)


def of_engine_io(reply: Reply) -> bool:
    """Whether Engine.IO itself refused."""
    return reply.code is not None or cause(reply) in OF_ENGINE_IO or "accepted origin" in reply.words
