"""Options whose values may be secret: they are starred in run files, and kept out of process lists."""

import os
import re
from collections.abc import MutableMapping, Sequence

_HIDDEN = ("auth", "header", "query")
_VARIABLE = re.compile(
    rf"SIOTOOL_\w+_({'|'.join(_HIDDEN)}|namespace|target|server_metrics|server_admin)", re.IGNORECASE
)
#: A user and a password in a URL; no host with the weight of a target: ``http://localhost:3000@2``.
_USER = re.compile(r"(?<=://)(?![^/?#@:]+(?::\d{1,5})?@\d+$)[^/?#]*@")


def redacted(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command without what may be secret, such as the query of a URL and its user."""
    shown: list[str] = []
    last = ""
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if last.removeprefix("--") in _HIDDEN and last.startswith("--"):
            shown.append("***")
            last = ""
            continue
        if equals and name.removeprefix("--") in _HIDDEN:
            shown.append(f"{name}=***")
        elif "://" in argument or name == "--namespace" or last == "--namespace":
            shown.append(re.sub(r"\?.+", "?***", _USER.sub("***@", argument), flags=re.DOTALL))
        else:
            shown.append(argument)
        last = argument
    return shown


def shown_url(text: str) -> str:
    """A URL for a message, perhaps without its scheme: its user and its query are starred."""
    if "://" in text:
        return redacted([text])[0]
    return redacted([f"://{text}"])[0].removeprefix("://")


def conceal(arguments: Sequence[str]) -> None:
    """Star secrets in the process list, where everybody on the machine reads arguments and variables."""
    shown = redacted(arguments)
    if shown == list(arguments) and not any(map(_VARIABLE.fullmatch, os.environ)):
        return
    from setproctitle import setproctitle

    setproctitle(" ".join(("siotool", *shown)))


def drop_variables(environment: MutableMapping[str, str]) -> None:
    """Remove variables that were read, and that processes we start would inherit."""
    for name in list(environment):
        if _VARIABLE.fullmatch(name):
            del environment[name]
