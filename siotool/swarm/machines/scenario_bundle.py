"""A scenario on its way to another machine: its file, and the modules that it imports from its folder.

What it imports is found in two ways. Python's modulefinder reads the imports in the source, also those
within functions. What was loaded with the scenario here may have been imported by a name made at run time.
"""

import os
import sys
from collections.abc import Iterator
from modulefinder import _PKG_DIRECTORY, ModuleFinder  # type: ignore[attr-defined]  # its sign for a package
from pathlib import Path, PurePosixPath
from typing import Any

from siotool.errors import ScenarioError
from siotool.swarm.machines.machine_messages import Bundle

_INIT = "__init__.py"
#: More than a scenario and its modules have.
MOST_BYTES = 64 << 20


def packed(scenario: Path) -> Bundle:
    """Return a scenario that was loaded in this process with what it imports from its folder.

    Raises ScenarioError when that is more than ``MOST_BYTES``, or cannot be read.
    """
    scenario = scenario.resolve()
    folder = scenario.parent
    paths = {scenario, *_written_down(scenario), *_loaded(folder)}
    try:
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
    except OSError as error:
        raise ScenarioError(
            f"cannot read {error.filename}: {error.strerror}", "the scenario needs it"
        ) from None
    if (size := sum(map(len, files.values()))) > MOST_BYTES:
        raise ScenarioError(
            f"{scenario} and what it imports from its folder are {size / 1e6:,.0f} MB",
            f"at most {MOST_BYTES >> 20} MiB are sent to other machines",
        )
    return Bundle(scenario.name, files)


def unpacked(bundle: Bundle, folder: Path) -> Path:
    """Write a bundle into a folder; returns the scenario's path. Raises ScenarioError for a path outside."""
    for name, contents in bundle.files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ScenarioError(f"a scenario's file named {name!r}", "it would lie outside its folder")
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents)
    return folder / bundle.scenario


def _written_down(scenario: Path) -> Iterator[Path]:
    """Modules of its folder that its source imports, and those that these import."""
    finder = _Finder(path=[str(scenario.parent)])
    finder.run_script(str(scenario))
    for module in finder.modules.values():
        file = getattr(module, "__file__", None)
        if file is not None and (path := _in_folder(file, scenario.parent)) is not None:
            yield path


class _Finder(ModuleFinder):
    """Python's, which knows no package without an ``__init__.py``: it raises AttributeError for one."""

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        for folder in self.path if path is None else path:
            place = Path(folder) / name
            if place.is_dir() and not (place / _INIT).exists() and not place.with_suffix(".py").exists():
                return None, str(place), ("", "", _PKG_DIRECTORY)
        return super().find_module(name, path, parent)

    def load_package(self, fqname: str, pathname: str) -> Any:
        if Path(pathname, _INIT).exists():
            return super().load_package(fqname, pathname)
        module: Any = self.add_module(fqname)
        module.__path__ = [pathname]
        return module


def _loaded(folder: Path) -> Iterator[Path]:
    """Modules of a folder that are loaded: under the name that they have there, not as installed in it."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        path = _in_folder(file, folder)
        if path is not None and path.suffix == ".py":
            place = path.relative_to(folder).with_suffix("")
            if name.split(".") == [*(place.parent if place.name == "__init__" else place).parts]:
                yield path


def _in_folder(file: str, folder: Path) -> Path | None:
    """A file's place in a folder, None outside of it. A link is sent under its own name."""
    named = Path(os.path.abspath(file))
    return next((path for path in (named, named.resolve()) if path.is_relative_to(folder)), None)
