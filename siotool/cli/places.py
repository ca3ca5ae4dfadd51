"""Where a load test's run and reports go: looked at before the load, so that none is lost."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from siotool.errors import InputError, OutputError

#: Where runs are kept that name no folder.
REPORTS = Path("reports")


def run_folder(
    out: Path | None, scenario: str, places: Mapping[str, str | Path | None], *, written: bool
) -> Path:
    """Where the run is kept, by default a folder of its own.

    ``places`` are files of the report, by option, which may lie in that folder. Raises InputError where
    there is a run already, OutputError for a file that cannot be written. Nothing is looked at where nothing
    is to be ``written``.
    """
    folder = out or REPORTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario.removeprefix('_')}"
    if not written:
        return folder
    if (folder / "run.jsonl").exists():
        raise InputError(f"{folder} already holds a run", "choose another --out folder")
    for option, place in places.items():
        if place is not None and str(place) != "-":
            _check(option, Path(place), folder)
    return folder


def _check(option: str, place: Path, folder: Path) -> None:
    try:
        path = place.resolve()
        if folder.resolve() in path.parents:
            return  # made with the run
        if path.is_dir():
            raise IsADirectoryError(None, "is a folder")
        if path.exists():
            if not os.access(path, os.W_OK):
                raise PermissionError(None, "may not be written")
        else:
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            draft.touch(exist_ok=False)
            draft.unlink()
    except OSError as error:
        raise OutputError(
            f"{option} {place}: nothing can be written there: {error.strerror}", "name another file"
        ) from error
