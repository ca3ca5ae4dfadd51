"""A file with one row for each user: CSV after RFC 4180 with a header line, or JSON objects, one a line.

Errors name the file and the line, and quote no value: it may be secret.
"""

import csv
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from siotool.errors import InputError
from siotool.swarm.knobs import Knob
from siotool.swarm.own_values import OwnValues
from siotool.swarm.placeholders import NUMBER

#: A line of a file, and the values of its row by column.
Line = tuple[int, dict[str, Any]]

_BOM = b"\xef\xbb\xbf"


class UsersFile(msgspec.Struct, frozen=True):
    """The rows of a file, each a JSON object; with ``reuse`` they begin anew after the last."""

    name: str
    rows: list[bytes]
    reuse: bool = False

    def check_enough(self, users: int) -> None:
        """Raise InputError when so many users are started, and not each can have a row of its own."""
        if not self.reuse and users > len(self.rows):
            rows = f"{len(self.rows):,} row" + "s" * (len(self.rows) != 1)
            raise InputError(
                f"{self.name} has {rows}, and {users:,} users start, each with a row of its own",
                "add rows, start fewer users, or give --reuse-rows",
            )


def load(path: Path, own: OwnValues, known: Mapping[str, Knob], *, reuse: bool) -> UsersFile:
    """Read a file, and check that each row has the values that placeholders name, and they can be used.

    ``known`` are the scenario's settings. Raises InputError.
    """
    rows: list[bytes] = []
    named = list(own.names())
    for number, row in read(path):
        if not rows:
            _check_names(path, named, row)
            own.check_numbers(known, frozenset(row))
        own.check(known, row, f"{path}, line {number}")
        rows.append(msgspec.json.encode(row))
    if not rows:
        raise InputError(f"{path} has no row", "it needs one for each user")
    return UsersFile(str(path), rows, reuse)


def read(path: Path) -> Iterator[Line]:
    """The rows of a file with their lines; the end of its name says which kind it is. Raises InputError."""
    kinds = {".csv": _csv_rows, ".jsonl": _json_rows}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path} is neither .csv nor .jsonl", "name the file after what is in it")
    try:
        yield from kind(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "check the file's name") from error
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8", "save it as UTF-8") from None


def _csv_rows(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        columns: list[str] = []
        try:
            for fields in reader:
                place = f"{path}, line {reader.line_num}"
                if not fields:  # an empty line
                    continue
                if not columns:
                    columns = _header(fields, place)
                    continue
                if len(fields) != len(columns):
                    raise InputError(
                        f"{place} has {len(fields)} fields, and the header line {len(columns)}",
                        'a field with a comma or a line break is written "in quotes"',
                    )
                yield reader.line_num, dict(zip(columns, fields, strict=True))
        except csv.Error as error:
            raise InputError(f"{path}, line {reader.line_num}: {error}", "expected CSV (RFC 4180)") from None
    if not columns:
        raise InputError(f"{path} is empty", "its first line names the columns")


def _header(fields: list[str], place: str) -> list[str]:
    if not all(name.strip() for name in fields):
        raise InputError(f"{place}: a column has no name", "the first line names the columns")
    if len(set(fields)) < len(fields):
        raise InputError(f"{place}: two columns have one name", "the first line names the columns")
    return fields


def _json_rows(path: Path) -> Iterator[Line]:
    empty = True
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
            if not text:
                continue
            empty = False
            try:
                row = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                raise InputError(f"{path}, line {number} is not JSON", 'write {"token": "…"}') from None
            if not isinstance(row, dict):
                raise InputError(f"{path}, line {number} is not a JSON object", 'write {"token": "…"}')
            yield number, row
    if empty:
        raise InputError(f"{path} is empty", "it needs one JSON object a line")


def _check_names(path: Path, named: list[tuple[str, str]], row: Mapping[str, Any]) -> None:
    """Refuse placeholders that the file has no column for; one is named only when it is near.

    In a file without a header line the columns are a user's values.
    """
    for option, name in named:
        if name not in row and name != NUMBER:
            near = difflib.get_close_matches(name, list(row), 1)
            hint = (
                f"did you mean {{{near[0]}}}?" if near else "the first line of a CSV file names its columns"
            )
            raise InputError(f"{path} has no column {name!r}, which {option} names", hint)
