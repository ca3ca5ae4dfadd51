"""The files that a command reads: none of them is where it writes, wherever both were named."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from os.path import exists, samefile
from pathlib import Path
from typing import Any

from siotool.cli.places import check_not_read
from siotool.errors import OutputError

#: Values that name a file which is read, by what the help shows for them: FILE, RUN[@NODES], A.toml,
#: a URL as ``lab:FILE.toml``, JSON as ``@FILE``.
_NAMES_A_FILE = re.compile(r"FILE|RUN|\.toml|JSON|URL")
#: What every command writes to, by parameter; and what single commands add to, which others read.
_WRITTEN = {"output": "-o", "comment": "--comment", "summary": "--summary"}
_ADDED_TO = {"loadtest": {"history": "--history"}, "add": {"file": "--file"}}
#: Folders, and the names of what is written into them.
_FOLDERS = {
    "charts": ("*.svg", "*.png"),
    "out": ("report.html", "report.md", "report.json", "adapter.html", "adapter.md", "profile.json"),
}


def check_read_files(name: str, parameters: Iterable[Any], given: Mapping[str, Any], config: str) -> None:
    """Raise OutputError where a command writes over a file that it reads.

    ``name`` is the command's, ``parameters`` are its own, ``given`` has their values by parameter, as they
    were typed or as variables and a file gave them; ``config`` is that file, empty for none.
    """
    if given.get("dry_run"):  # nothing is written
        return
    read = {"config": [config] if config else []}
    for one in parameters:
        if one.name not in _WRITTEN and one.name != "config" and _NAMES_A_FILE.search(one.metavar or ""):
            read[one.name] = [file for text in _texts(given.get(one.name)) for file in _files(text, one)]
    added_to = _ADDED_TO.get(name, {})
    for key, shown in {**_WRITTEN, **added_to}.items():
        own = (key, "baseline") if key in added_to else (key,)  # a baseline may be this history, by a word
        others = [file for other, files in read.items() if other not in own for file in files]
        check_not_read(others, {shown: given.get(key)})
    for key, patterns in _FOLDERS.items():
        for file in (one for files in read.values() for one in files):
            _check_folder(key, given.get(key), patterns, Path(file))


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _files(text: str, parameter: Any) -> Iterator[str]:
    """The file that a value names, if it names one that is there."""
    if "|" in parameter.metavar and not (text.endswith(".py") or "/" in text):
        return  # a scenario by its name
    for name in (text, text.removeprefix("lab:"), text.removeprefix("@"), text.rpartition("@")[0]):
        if exists(name):
            yield name
            return


def _check_folder(key: str, folder: object, patterns: Iterable[str], file: Path) -> None:
    """Raise OutputError where a file that is read may be one of those that are written into a folder."""
    if folder is None or not exists(str(folder)) or not samefile(file.parent, str(folder)):
        return
    if any(fnmatch(file.name, pattern) for pattern in patterns):
        raise OutputError(
            f"--{key} {folder}: {file} is read, and may be lost: a file of such a name is written there",
            "name another folder",
        )
