"""Where a load test's run and reports go: looked at before the load, so that none is lost."""

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from siotool.errors import InputError, OutputError

#: A run within its folder, as ``siotool.runfile`` calls it, which is slow to import.
_RUN = "run.jsonl"
#: What a calibration keeps in its folder, and ``siotool lab measure``; as above.
_PROFILE = "profile.json"

#: Where runs are kept that name no folder.
REPORTS = Path("reports")


def run_folder(out: Path | None, scenario: str, *, written: bool) -> Path:
    """Where the run is kept, by default a folder of its own; raises InputError where there is one already."""
    folder = out or REPORTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario.removeprefix('_')}"
    if written and folder.is_symlink() and not folder.exists():
        raise InputError(
            f"{folder} is a link to {folder.readlink()}, which is not there",
            "make that folder, or choose another --out folder",
        )
    if written and (folder / _RUN).exists():
        raise InputError(f"{folder} already holds a run", "choose another --out folder")
    return folder


def check_places(places: Mapping[str, str | Path | None], made: Path | None, out: Path | None = None) -> None:
    """Raise OutputError for a file of the report, by its option, that nothing can be written to.

    It may lie in a folder that is ``made`` before, or in one above that. ``out`` is the folder of a run to
    come, where one was named: its file is no place. A summary is written behind what a file has, as is a
    device or a pipe; any other file is replaced.
    """
    for option, place in places.items():
        if place is not None and str(place) != "-" and not is_stdout(str(place)):
            _check(option, Path(place), made, out)


def is_stdout(where: str) -> bool:
    """Whether a place is stdout by another name: what it was redirected to is not to be replaced."""
    if not Path(where).is_relative_to("/dev") and not Path(where).is_relative_to("/proc"):
        return False
    try:
        return os.path.samestat(os.stat(where), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False


def check_not_read(read: Iterable[str | Path | None], places: Mapping[str, str | Path | None]) -> None:
    """Raise OutputError for a place, by its option, that is a file which is read: it would be lost.

    What is read may be the folder of a run or of a profile, and a run may have its number of nodes behind
    it (``reports/x@4``). None and ``-`` are no files.
    """
    names = [str(one) for one in read if one is not None and str(one) != "-"]
    found = [Path(one) if Path(one).exists() else Path(one.rpartition("@")[0] or one) for one in names]
    files = [file for one in found for file in ((one / _RUN, one / _PROFILE) if one.is_dir() else (one,))]
    for option, place in places.items():
        if place is None or str(place) == "-" or not Path(place).is_file():
            continue
        if any(one.is_file() and one.samefile(place) for one in files):
            lost = "would be lost" if option in ("-o", "--comment") else "nothing is added to it"
            raise OutputError(f"{option} {place}: this file is read, and {lost}", "name another file")


def _real(place: Path) -> Path:
    """Where links lead; Path.resolve raises before Python 3.13 where they lead in a circle."""
    return Path(os.path.realpath(place))


def _check(option: str, place: Path, made: Path | None, out: Path | None) -> None:
    try:
        path = _real(place)
        if out is not None and path == _real(out) / _RUN:
            raise FileExistsError(None, "it is the run's own")
        if place.is_dir():
            raise IsADirectoryError(None, "is a folder")
        coming: tuple[Path, ...] = () if made is None else (_real(made), *_real(made).parents)
        if path.parent in coming and not path.parent.exists():
            return
        # by the name as it was given: what a pipe's resolves to is no file
        if place.exists() and (option == "--summary" or not place.is_file()):
            if not os.access(place, os.W_OK):
                raise PermissionError(None, "may not be written")
        else:
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            draft.touch(exist_ok=False)
            draft.unlink()
    except OSError as error:
        raise OutputError(
            f"{option} {place}: nothing can be written there: {error.strerror}", "name another file"
        ) from error
