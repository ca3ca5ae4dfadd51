"""Reads an identity as options write it. InputError says what is wrong, and repeats no value."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siotool.client.identity import Identity, with_queries
from siotool.errors import InputError

#: Parameters of a request that Engine.IO itself sets.
ENGINE_PARAMETERS = ("EIO", "transport", "sid")


def identity(
    auth_text: str | None, headers: Sequence[str], queries: Sequence[str], namespaces: Sequence[str]
) -> Identity:
    """What --auth, --header, --query and --namespace say."""
    for namespace in namespaces:
        check_namespace(namespace)
    found = with_queries(
        Identity(
            auth=auth(auth_text),
            headers=tuple(map(header, headers)),
            query=tuple(map(query, queries)),
            namespaces=tuple(dict.fromkeys(namespaces)) or ("/",),
        )
    )
    if len(set(found.namespaces)) < len(found.namespaces):
        raise InputError("--namespace names one namespace twice", "a client joins each of them once")
    return found


def check_namespace(namespace: str) -> None:
    """Raise InputError for what cannot be a namespace."""
    if not is_namespace(namespace):
        raise InputError(f"--namespace {namespace!r}: expected one that begins with / and has no comma")


def is_namespace(text: str) -> bool:
    """Whether a text can be a namespace, with or without a query."""
    return text.startswith("/") and "," not in text


def auth(text: str | None) -> Any:
    """The payload of --auth, a JSON object in the text itself or in @FILE."""
    if text is None:
        return None
    try:
        data = json.loads(Path(text[1:]).read_bytes() if text.startswith("@") else text)
    except OSError as error:
        raise InputError(
            f"cannot read {Path(text[1:])}: {error.strerror}", "check the file's name"
        ) from error
    except ValueError as error:
        raise InputError(f"--auth is not JSON: {error}", """write it '{"token": "…"}'""") from None
    if not isinstance(data, dict):
        raise InputError("--auth is not a JSON object", """write it '{"token": "…"}'""")
    return data


def header(text: str) -> tuple[str, str]:
    """Name and value of an HTTP header."""
    name, colon, value = text.partition(":")
    if not colon or not is_header(name.strip(), value):
        shown = f"{name!r}" if colon else "…"
        raise InputError(f"--header {shown} is not a header", "write it 'NAME: VALUE', without line breaks")
    return name.strip(), value.strip()


def is_header(name: str, value: str) -> bool:
    """Whether a header can be sent: its name is a token of RFC 9110 §5.6.2, its value printable ASCII."""
    known = re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
    return known is not None and value.isprintable() and value.isascii()


def query(text: str) -> tuple[str, str]:
    """Name and value of a query parameter."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError("--query has no name or no value", "write it --query KEY=VALUE")
    if name in ENGINE_PARAMETERS:
        raise InputError(f"--query {name}: Engine.IO itself uses it", "use --eio and --transport")
    return name, value
