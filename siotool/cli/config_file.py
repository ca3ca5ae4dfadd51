"""Options given by ``--config FILE.toml``: its keys are the options' names."""

import difflib
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from siotool.cli.known_options import Given, KnownOption, as_text, type_of
from siotool.errors import InputError


def read(name: str, options: Mapping[str, KnownOption]) -> dict[str, Given]:
    """Return what a file gives, by option. Raises InputError with the file, and where possible the line."""
    text = text_of(name)
    found = {}
    for key, value in tables(text, name).items():
        origin = place(name, text, key)
        if key not in options:
            raise unknown(key, options, origin)
        found[key] = Given(_values(options[key], value, f"{origin}: {key}"), origin)
    return found


def text_of(name: str) -> str:
    """Return what a file says. Raises InputError."""
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}", "check the file's name") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not text in UTF-8", "check the file's name") from error


def tables(text: str, name: str) -> dict[str, object]:
    """Return what TOML says; ``name`` is the file's. Raises InputError with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is not TOML: {error}", 'a line is written run-time = "30s"') from error


def place(name: str, text: str, key: str) -> str:
    """Return where a key of the top level stands: ``load.toml, line 3``; the file alone if not found."""
    word = rf"""(?:{re.escape(key)}|"{re.escape(key)}"|'{re.escape(key)}')"""
    found = re.search(rf"^[ \t]*(?:{word}[ \t]*[.=]|\[+[ \t]*{word}[ \t]*[.\]])", text, re.MULTILINE)
    return f"{name}, line {text.count(chr(10), 0, found.start()) + 1}" if found else name


def unknown(key: str, known: Collection[str], origin: str) -> InputError:
    """Return the error for a key that is none of those known, with the nearest one as a hint."""
    near = difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
    return InputError(f"{origin}: {key} is not known", hint)


def _values(option: KnownOption, value: object, where: str) -> list[str]:
    if isinstance(value, dict) and option.separator and option.repeatable:
        return [f"{key}{option.separator}{_plain(one, f'{where}.{key}')}" for key, one in value.items()]
    if isinstance(value, dict) and option.kind == "json":
        return [_json(value, where)]
    if not option.repeatable:
        return [as_text(option, value, where)]
    if not option.flag and not isinstance(value, list):  # one target, or several
        return [as_text(option, value, where)]
    if not isinstance(value, list):
        table = f", or a table [{option.name}]" if option.separator else ""
        raise InputError(
            f"{where} is {type_of(value)}; expected an array{table}", f'write {option.name} = ["…"]'
        )
    return [_one_of_several(option, one, where) for one in value]


def _one_of_several(option: KnownOption, value: object, where: str) -> str:
    if isinstance(value, dict) and option.kind == "json":
        return _json(value, where)
    return as_text(option, value, where)


def _plain(value: object, where: str) -> str:
    """Return a value of a table as it would be typed after its name."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise InputError(f"{where} is {type_of(value)}; expected text, a number, true or false")


def _json(value: object, where: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise InputError(f"{where} holds what JSON has no word for", "write dates as text") from None
