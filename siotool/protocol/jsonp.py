"""Long polling through scripts and forms, for browsers that cannot do requests across origins.

Engine.IO 3 servers, and newer ones on request, wrap a payload in a call of ``___eio[INDEX]``; the client
posts it as the field ``d`` of a form.

Source: socketio/engine.io-client, version 3, lib/transports/polling-jsonp.js.
"""

import re
from urllib.parse import urlencode

import msgspec

from siotool.protocol.faults import RemoteProtocolError

_CALL = re.compile(rb"^(?:/\*.*?\*/)?\s*___eio\[\d+\]\((.*)\);?\s*$", re.DOTALL)


def unwrap(script: bytes) -> bytes:
    """The payload in a script. Raises RemoteProtocolError for a script that calls nothing."""
    found = _CALL.match(script)
    try:
        if found is not None:
            return msgspec.json.decode(found[1], type=str).encode()
    except ValueError:  # no JSON, or no UTF-8
        pass
    raise RemoteProtocolError(f"not a JSONP answer: {script[:40]!r}")


def wrap(payload: bytes) -> bytes:
    """The form that carries a payload.

    Escaped line ends are escaped once more, then line ends themselves: some browsers change them in forms.
    """
    text = payload.decode(errors="replace").replace("\\n", "\\\n").replace("\n", "\\n")
    return urlencode({"d": text}).encode()
