"""What a user class says of its users' identity: ``auth``, ``headers``, ``query`` and ``namespaces``.

Each is an attribute, of the class or of one user, or a method without arguments. It is asked before each
connect and reconnect, in the user's own greenlet: it may take its time, and give a new token each time.
None leaves what the options say. ``auth`` replaces the options' payload, ``namespaces`` replace theirs;
``headers`` and ``query`` are added by name, and replace those of the same name.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from siotool.client.identity import Identity, Pairs, with_queries
from siotool.client.identity_options import ENGINE_PARAMETERS, is_header, is_namespace
from siotool.errors import ScenarioError
from siotool.protocol import json_parser
from siotool.protocol.faults import LocalProtocolError
from siotool.protocol.session import join_request

#: A value, or a method that returns it; None says nothing.
Pairings = Mapping[str, Any] | Callable[[], Mapping[str, Any] | None] | None
Namespaces = str | list[str] | tuple[str, ...] | Callable[[], str | list[str] | tuple[str, ...] | None] | None

#: What a user class may say.
NAMES = ("auth", "headers", "query", "namespaces")


def identity_of(user: object, base: Identity) -> Identity:
    """What a user shows at its next connect: the options' ``base``, and what its class says besides.

    Raises ScenarioError for a value that cannot be sent, and whatever the scenario's code raises.
    """
    said = {name: value for name in NAMES if (value := _asked(user, name)) is not None}
    if not said:
        return base
    changed: dict[str, Any] = {}
    if "auth" in said:
        changed["auth"] = _auth(user, said["auth"])
    if "headers" in said:
        changed["headers"] = _merged(base.headers, _headers(user, said["headers"]), str.lower)
    if "query" in said:
        changed["query"] = _merged(base.query, _query(user, said["query"]), str)
    if "namespaces" in said:
        changed["namespaces"] = _namespaces(user, said["namespaces"])
    found = with_queries(msgspec.structs.replace(base, **changed))
    if len(set(found.namespaces)) < len(found.namespaces):
        raise _wrong(user, "namespaces", "names one namespace twice", "a client joins each of them once")
    return found


def main_namespace(user: object, base: Identity) -> str:
    """The namespace that a user's events go to. Raises as ``identity_of`` does."""
    said = _asked(user, "namespaces")
    return base.namespaces[0] if said is None else _namespaces(user, said)[0].partition("?")[0]


def _asked(user: object, name: str) -> Any:
    value = getattr(user, name, None)
    return value() if callable(value) else value


def _wrong(user: object, name: str, what: str, hint: str) -> ScenarioError:
    return ScenarioError(f"{type(user).__name__}.{name} {what}", hint)


def _auth(user: object, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(user, "auth", f"is {_article(value)}, not a mapping", 'give {"token": "…"}')
    try:
        join_request("/", value, json_parser)
    except (TypeError, ValueError, LocalProtocolError) as error:
        kind = type(error).__name__  # its text may quote a value
        raise _wrong(
            user, "auth", f"cannot be written as JSON ({kind})", "use text, numbers, lists and dicts"
        ) from None
    return value


def _headers(user: object, value: object) -> Pairs:
    pairs = _pairs(user, "headers", value)
    for name, text in pairs:
        if not is_header(name, text):
            raise _wrong(
                user,
                "headers",
                f"has a header that cannot be sent: {name!r}",
                "names are HTTP tokens, values one line of printable ASCII",
            )
    return pairs


def _query(user: object, value: object) -> Pairs:
    pairs = _pairs(user, "query", value)
    for name, _ in pairs:
        if name in ENGINE_PARAMETERS:
            raise _wrong(user, "query", f"has {name!r}, which Engine.IO itself uses", "leave it out")
    return pairs


def _pairs(user: object, name: str, value: object) -> Pairs:
    if not isinstance(value, Mapping):
        raise _wrong(
            user, name, f"is {_article(value)}, not a mapping of names to values", 'give {"name": "value"}'
        )
    pairs = []
    for key, one in value.items():
        if not isinstance(key, str) or not key:
            raise _wrong(user, name, f"has {_article(key)} for a name", "names are text")
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise _wrong(user, name, f"has {_article(one)} for {key!r}", "values are text or numbers")
        pairs.append((key, str(one)))
    return tuple(pairs)


def _namespaces(user: object, value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    hint = 'give ["/chat"]'
    if not isinstance(names, list | tuple) or not names:
        raise _wrong(user, "namespaces", f"is {_article(value)}, not a list of namespaces", hint)
    for name in names:
        if not isinstance(name, str) or not is_namespace(name):
            shown = repr(name.partition("?")[0]) if isinstance(name, str) else _article(name)
            raise _wrong(user, "namespaces", f"has {shown}, which does not begin with / or has a comma", hint)
    return tuple(names)


def _merged(base: Pairs, own: Pairs, key: Callable[[str], str]) -> Pairs:
    names = {key(name) for name, _ in own}
    return (*(pair for pair in base if key(pair[0]) not in names), *own)


def _article(value: object) -> str:
    if isinstance(value, list | tuple | set) and not value:
        return f"an empty {type(value).__name__}"
    return "None" if value is None else f"a value of type {type(value).__name__}"
