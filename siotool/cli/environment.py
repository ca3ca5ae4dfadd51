"""Options given by environment variables: ``SIOTOOL_LOADTEST_RUN_TIME=30s`` is ``--run-time 30s``."""

import json
from collections.abc import Iterator, Mapping

from siotool.cli.known_options import Given, KnownOption
from siotool.errors import InputError

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def variable(prefix: str, name: str) -> str:
    """Return the variable of an option: ``SIOTOOL_LOADTEST_`` and ``run-time``."""
    return prefix + name.upper().replace("-", "_")


def read(environment: Mapping[str, str], prefix: str, options: Mapping[str, KnownOption]) -> dict[str, Given]:
    """Return what variables give, by option. An empty variable gives nothing. Raises InputError."""
    found = {}
    for option in options.values():
        name = variable(prefix, option.name)
        if text := environment.get(name, ""):
            found[option.name] = Given(list(_values(option, name, text)), f"the variable {name}")
    return found


def unknown(
    environment: Mapping[str, str], prefix: str, options: Mapping[str, KnownOption], commands: list[str]
) -> dict[str, str]:
    """Return the variables that look like options and are none, each with the nearest known, or ``""``.

    ``commands`` are those below this one, whose variables have longer names.
    """
    import difflib

    known = [variable(prefix, name) for name in options]
    others = tuple(f"{variable(prefix, name)}_" for name in commands)
    wrong = [
        name
        for name in sorted(environment)
        if name.startswith(prefix) and name not in known and not name.startswith(others)
    ]
    nearest = {}
    for name in wrong:
        found = difflib.get_close_matches(
            name.removeprefix(prefix), [one.removeprefix(prefix) for one in known], 1
        )
        nearest[name] = prefix + found[0] if found else ""
    return nearest


def _values(option: KnownOption, name: str, text: str) -> Iterator[str]:
    if option.kind == "flag":
        if text.lower() not in (*_YES, *_NO):
            raise InputError(f"{name} is neither true nor false", f"write {name}=true")
        yield str(text.lower() in _YES).lower()
    elif not option.repeatable:
        yield text
    elif text.lstrip().startswith("["):
        yield from _array(name, text)
    else:
        yield from filter(None, map(str.strip, text.splitlines()))


def _array(name: str, text: str) -> list[str]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"{name} begins with [ and is no JSON array: {error}", "write one value a line, or a JSON array"
        ) from None
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"{name} has a value that is no text", 'write ["one", "two"]')
    return [str(value) for value in values]
