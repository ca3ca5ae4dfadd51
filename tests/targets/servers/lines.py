"""What the servers in Python print, and the commands that they read: see README.md."""

import base64
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

OWN = ("port", "tls", "msgpack", "origin", "login", "quiet")

_writing = threading.Lock()


def read_options() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the command line: ours, and the server's own."""
    found = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    own = {name: found.pop(name, None) for name in OWN}
    if own["msgpack"]:
        found["serializer"] = "msgpack"
    if own["origin"]:
        found["cors_allowed_origins"] = own["origin"]
    return own, found


def say(kind: str, **fields: Any) -> None:
    """Print a line."""
    text = json.dumps({"kind": kind, **fields}, default=_spelled)
    with _writing:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def say_ready(port: int) -> None:
    """Print the first line."""
    say("ready", port=port, pid=os.getpid())


def say_request(environ: dict[str, Any], *, upgrade: bool) -> None:
    """Print the line of an HTTP request."""
    say(
        "http",
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=query_of(environ),
        headers=headers_of(environ),
        upgrade=upgrade,
    )


def query_of(environ: dict[str, Any]) -> dict[str, str]:
    """Return the query of a WSGI environment."""
    return dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))


def headers_of(environ: dict[str, Any]) -> dict[str, str]:
    """Return the headers of a WSGI environment."""
    named = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    return {name.replace("_", "-").lower(): value for name, value in named.items()}


def obey(do: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
    """Carry out the commands of standard input in a thread, and end with it."""

    def read() -> None:
        # not sys.stdin: a thread inside its lock breaks the interpreter's exit
        for line in os.fdopen(0, "rb", closefd=False):
            command = json.loads(line, object_hook=_revived)
            number, name = command.pop("number"), command.pop("do")
            try:
                say("done", number=number, **do(name, command))
            except Exception as error:
                say("done", number=number, error=repr(error))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()


def _spelled(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return repr(value)


def _revived(part: dict[str, Any]) -> Any:
    return base64.b64decode(part["base64"]) if part.keys() == {"base64"} else part
