"""Where a plan's figures come from: the command line, a plan file, and measured runs."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from siotool.errors import InputError
from siotool.plan.inputs.compose import from_flags, over
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.planfile import decode
from siotool.plan.sizing import replan
from siotool.plan.sizing.replan import ReadBack


def read_text(name: str, what: str) -> str:
    """Read a file the user named, ``-`` for stdin. Raises InputError with the reason."""
    try:
        if name == "-":
            return sys.stdin.read().removeprefix("\ufeff")
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {what} {name}: {error.strerror}", "check the name") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {name} is not text in UTF-8", "check the name") from error


def assigned(settings: Sequence[str]) -> dict[str, str]:
    """Return what ``--set key=value`` gives by key, the last one of a key. Raises InputError for no value."""
    given: dict[str, str] = {}
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not key:
            raise InputError(f"--set {setting!r} is not key=value", "for example --set server.processes=4")
        given[key] = text
    return given


def typed(flags: Mapping[str, tuple[str, str]], settings: Sequence[str], file: str | None) -> Inputs:
    """Return what the user gave: named flags, ``--set key=value``, and the plan file below them.

    ``flags`` are key → (the flag's name, its text).
    """
    given = dict(flags)
    for key, text in assigned(settings).items():
        if key in flags:
            raise InputError(f"{flags[key][0]} and --set {key} both say what {key} is", "give one of them")
        given[key] = (f"--set {key}", text)
    inputs = from_flags(given)
    if file is None:
        return inputs
    return over(inputs, decode(read_text(file, "the plan file"), "stdin" if file == "-" else file))


def planned(name: str) -> ReadBack:
    """Read a plan that ``siotool plan --format json`` wrote, ``-`` for stdin. Raises InputError."""
    return replan.decode(read_text(name, "the plan").encode(), "stdin" if name == "-" else name)
