"""Reads a lab from its file and from options; InputError says what is wrong, and where it stands."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import msgspec

from siotool.cli import config_file
from siotool.cli.known_options import type_of
from siotool.errors import InputError
from siotool.lab.lab import (
    AdapterName,
    BalancerName,
    Lab,
    Replay,
    Runtime,
    Stickiness,
    StoreName,
    check,
    check_toxics,
)
from siotool.units import parse_duration

TABLE = "lab"
#: Balancers count whole milliseconds of an idle timeout, and take none for no timeout, or for an error.
_LEAST_S = 0.001
#: Tables of what is done to it while it is loaded.
FAULTS = "fault"
#: Each key, and the words that it takes; empty for what is no word.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "servers": (),
    "runtime": get_args(Runtime),
    "adapter": get_args(AdapterName),
    "balancer": get_args(BalancerName),
    "store": get_args(StoreName),
    "replay": get_args(Replay),
    "sticky": get_args(Stickiness),
    "tls": (),
    "recovery": (),
    "port": (),
    "tick-rate": (),
    "replica": (),
    "witness": (),
    "toxics": (),
    "behind": (),
    "idle-timeout": (),
    "accept-queue": (),
}


class _LabKey(NamedTuple):
    value: object
    origin: str


def read(file: str | None, flags: Mapping[str, object]) -> Lab:
    """Return the lab of a file, or of the options alone; an option goes before the file's key."""
    given = {} if file is None else _from_file(file)
    given |= {key: _LabKey(value, f"--{key}") for key, value in flags.items() if value is not None}
    values: dict[str, Any] = {}
    for key, (value, origin) in given.items():
        if key in ("recovery", "idle-timeout"):
            values[f"{key.replace('-', '_')}_s"] = _time(key, value, origin)
        elif key == "tick-rate":
            values["tick_rate"] = _rate(value, origin)
        else:
            values[key.replace("-", "_")] = _plain(key, value, origin)
    lab = Lab(**values)
    try:
        check(lab, sticky_given="sticky" in given)
    except InputError as error:
        raise InputError(f"{file}: {error.message}" if file else error.message, error.hint) from None
    return lab


def with_toxics(lab: Lab) -> Lab:
    """Return the same lab with Toxiproxy in front of its parts. Raises InputError for one that cannot be."""
    found = msgspec.structs.replace(lab, toxics=True)
    check_toxics(found)
    return found


def remarks(lab: Lab) -> list[str]:
    """What is worth knowing of a lab before it starts."""
    from siotool.plan.adapters.laws import ADAPTERS

    adapter = ADAPTERS[lab.adapter]
    if lab.recovery_s and adapter.recovery == "none":
        return [f"adapter {lab.adapter} recovers no connection state: {adapter.recovery_window}"]
    return []


def faults_of(file: str) -> list[str]:
    """Return the faults of a lab's file, as ``--fault`` has them. Raises InputError."""
    text = config_file.text_of(file)
    found = config_file.tables(text, file).get(FAULTS, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        where = config_file.place(file, text, FAULTS)
        raise InputError(f"{where}: fault is no table", f"write [[{FAULTS}]] above its keys")
    return [json.dumps(one, default=str) for one in found]


def _from_file(file: str) -> dict[str, _LabKey]:
    text = config_file.text_of(file)
    found = config_file.tables(text, file)
    for key in found:
        if key not in (TABLE, FAULTS):
            raise config_file.unknown(key, [TABLE, FAULTS], config_file.place(file, text, key))
    table = found.get(TABLE)
    if not isinstance(table, dict):
        raise InputError(f"{file} has no table [{TABLE}]", f"write [{TABLE}] above its keys")
    for key in table:
        if key not in _WORDS:
            raise config_file.unknown(key, _WORDS, config_file.place(file, text, key))
    return {
        key: _LabKey(value, f"{config_file.place(file, text, key)}: {key}") for key, value in table.items()
    }


def _plain(key: str, value: object, origin: str) -> object:
    words = _WORDS[key]
    if key in ("tls", "replica", "witness", "toxics"):
        if not isinstance(value, bool):
            raise InputError(f"{origin} is {type_of(value)}; expected true or false", f"write {key} = true")
    elif not words:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InputError(f"{origin} is {type_of(value)}; expected a whole number", f"write {key} = 2")
    elif value not in words:
        shown = repr(value) if isinstance(value, str) else type_of(value)
        raise InputError(f"{origin} is {shown}; expected one of {', '.join(words)}")
    return value


def _time(key: str, value: object, origin: str) -> float:
    if not isinstance(value, str):
        raise InputError(f"{origin} is {type_of(value)}; expected a time", f'write {key} = "2min"')
    found = parse_duration(value, origin)
    if key == "idle-timeout" and found < _LEAST_S:
        raise InputError(f"{origin} is {value}; expected 1 ms or more", "leave it out for the balancer's own")
    return found


def _rate(value: object, origin: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10_000:
        raise InputError(f"{origin} is out of range, or no number", "use 0 (none) to 10000 per second")
    return float(value)
