"""Where scenarios are: those that come with siotool, and those of the user's own."""

import difflib
from pathlib import Path

from siotool.errors import ScenarioError

#: Beside the package in a checkout, inside it when installed.
_FOLDERS = (Path(__file__).parents[2] / "scenarios", Path(__file__).parents[1] / "scenarios")


def built_in() -> list[Path]:
    """Files of the scenarios that come with siotool, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return sorted(folder.glob("[!_]*.py")) if folder else []


def hidden(name: str) -> Path:
    """The file of a scenario that comes with siotool and is not for users: its name begins with ``_``."""
    return next(path for folder in _FOLDERS if (path := folder / f"{name}.py").is_file())


def find(name: str) -> Path:
    """The file of a built-in scenario, or of one of the user's own. Raises ScenarioError."""
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise ScenarioError(f"no scenario file {name}", "give a built-in name or a file that exists")
        return path.resolve()
    known = {path.stem: path for path in built_in()}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"built in: {', '.join(known)}; or give a FILE.py"
        raise ScenarioError(f"no scenario is called {name!r}", hint)
    return known[name]
