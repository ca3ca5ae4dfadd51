"""The file of past runs: one SQLite database, a row for each run.

Its ``application_id`` says that it is siotool's, its ``user_version`` which format it has. Writers take
turns: SQLite locks the file, and each waits for half a minute.
"""

import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from siotool.errors import InputError, OutputError
from siotool.runs.conditions import RunConditions, alike
from siotool.runs.measures import RunMeasures
from siotool.runs.past_run import PastRun

VERSION = 3
#: "SIOH" in ASCII.
_APPLICATION = 0x53494F48
_PATIENCE_S = 30.0
#: The table of a history; ``{}`` is empty, or TEMPORARY for one that is only read.
_TABLE = """
CREATE {} TABLE runs (
  run TEXT NOT NULL,
  started_at TEXT NOT NULL,
  added_at TEXT NOT NULL,
  label TEXT NOT NULL,
  code TEXT NOT NULL,
  scenario TEXT NOT NULL,
  target TEXT NOT NULL,
  alike TEXT NOT NULL,
  valid TEXT NOT NULL,
  verdict TEXT NOT NULL,
  measures BLOB NOT NULL,
  PRIMARY KEY (run, started_at)
)
"""
_COLUMNS = "run, added_at, label, code, valid, verdict, measures"


def add(path: Path, runs: Sequence[PastRun]) -> None:
    """Add runs, all or none; a run that is there already is replaced. Makes the file where there is none.

    Raises InputError for a file that is no history, or of another format, OutputError where it cannot be
    written.
    """
    with _opened(path, write=True) as database:
        for one in runs:
            measures = one.measures
            database.execute(
                f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * 11)})",
                (
                    measures.run,
                    measures.started_at,
                    one.added_at,
                    one.label,
                    one.code,
                    measures.conditions.scenario,
                    measures.conditions.target,
                    alike(measures.conditions),
                    one.valid,
                    one.verdict,
                    zlib.compress(msgspec.json.encode(measures)),
                ),
            )


def prepare(path: Path) -> None:
    """Raise what ``add`` would, before there is anything to add; makes nothing."""
    if path.exists():
        with _opened(path, write=True):
            return
    folder = next(one for one in path.absolute().parents if one.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {path}: nothing can be made in {folder}", "choose another file")


def read(path: Path, *, label: str, most: int) -> list[PastRun]:
    """Return the newest runs, of a label or (where it is empty) of any, oldest first.

    Raises InputError for a file that is missing, no history, damaged, or of another format.
    """
    with _opened(path, write=False) as database:
        query = (
            f"SELECT {_COLUMNS} FROM runs WHERE ? IN ('', label) ORDER BY started_at DESC, run DESC LIMIT ?"
        )
        return [_past_run(path, row) for row in database.execute(query, (label, most))][::-1]


def comparable(path: Path, to: RunConditions, *, label: str, same_target: bool, most: int) -> list[PastRun]:
    """Return the newest runs that are a baseline for runs under the conditions ``to``, oldest first.

    They had the same scenario, settings, users, clients and machines, and the same target unless
    ``same_target``; they were valid, and none of their gates had failed. Raises InputError, as ``read``.
    """
    with _opened(path, write=False) as database:
        query = (
            f"SELECT {_COLUMNS} FROM runs WHERE scenario = ? AND alike = ? AND (? OR target = ?) "
            "AND ? IN ('', label) AND valid = 'yes' AND verdict = 'passed' "
            "ORDER BY started_at DESC, run DESC LIMIT ?"
        )
        given = (to.scenario, alike(to), same_target, to.target, label, most)
        return [_past_run(path, row) for row in database.execute(query, given)][::-1]


@contextmanager
def _opened(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """The database within one transaction."""
    if not write and not path.exists():
        raise InputError(f"there is no history in {path}", "siotool history add RUN begins one")
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, and a history is a file", f"name a file: {path}/history.sqlite"
        )
    try:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        mode = "rwc" if write else "ro"
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, timeout=_PATIENCE_S, isolation_level=None, uri=True)) as database:
            database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            _check(path, database, write=write)
            yield database
            database.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise _explained(path, error) from error
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", "choose another file") from error


def _explained(path: Path, error: sqlite3.DatabaseError) -> InputError:
    if isinstance(error, sqlite3.OperationalError):  # locked, read-only, no place
        return OutputError(f"cannot use {path}: {error}", "look at who else has it open, and at its rights")
    return InputError(f"{path} is no siotool history, or is damaged: {error}", "choose another file")


def _check(path: Path, database: sqlite3.Connection, *, write: bool) -> None:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and application == 0:  # an empty file: for a reader a history without a run
        database.execute(_TABLE.format("" if write else "TEMPORARY"))
        if not write:
            return
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {VERSION}")
    elif application != _APPLICATION:
        raise InputError(
            f"{path} is no siotool history: it is a database of another program", "choose another file"
        )
    elif version != VERSION:
        raise InputError(
            f"{path} has history format {version}; this siotool reads {VERSION}",
            f"move it away (mv {path} {path}.{version}): the next run begins another; or read it with the "
            "siotool that wrote it",
        )


def _past_run(path: Path, row: tuple[str, str, str, str, str, str, bytes]) -> PastRun:
    run, added_at, label, code, valid, verdict, packed = row
    try:
        measures = msgspec.json.decode(zlib.decompress(packed), type=RunMeasures)
        judged = {"valid": valid, "verdict": verdict}
        return msgspec.convert(
            {"measures": measures, "added_at": added_at, "label": label, "code": code, **judged}, PastRun
        )
    except (ValueError, TypeError, zlib.error) as error:
        raise InputError(f"{path}: the run {run} is damaged: {error}", "the file was changed") from error
