"""The npm packages of a lab's servers: installed once, in a cache folder of the user."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from siotool.errors import InputError
from siotool.lab.tools import FoundTool, path_of

#: How to get all of them.
INSTALL = "siotool lab doctor --install"
_LISTS = ("package.json", "package-lock.json")
_PROGRAMS = (
    *("server.mjs", "adapters.mjs", "adapter_counts.mjs", "metrics.mjs"),
    *("conversations.mjs", "stores.mjs"),
)


def node_modules() -> Path:
    """Return where the packages of this release of siotool are, or will be."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    cache = given if given.is_absolute() else Path.home() / ".cache"
    lock = hashlib.sha256(_own("package-lock.json").encode()).hexdigest()[:12]
    return cache / "siotool" / f"lab-{lock}" / "node_modules"


def look_for_packages() -> list[FoundTool]:
    """Look for each package."""
    found = []
    for name in json.loads(_own("package.json"))["dependencies"]:
        folder = node_modules() / name
        try:
            version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
        except (OSError, ValueError, KeyError):
            version = ""
        problem, path = ("", str(folder)) if version else ("missing", "")
        found.append(FoundTool(name, "npm package", path, version, problem, INSTALL))
    return found


def install() -> Path:
    """Install all packages as the lock file has them, and return where they are; npm speaks on stderr.

    Raises InputError where npm is missing or fails; nothing is left then.
    """
    place = node_modules()
    npm = path_of("npm")
    if not npm:
        raise InputError("npm is not installed", "apt install npm, or nodejs.org")
    place.parent.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".lab-", dir=place.parent.parent))
    try:
        for name in _LISTS:
            (draft / name).write_text(_own(name), encoding="utf-8")
        command = [npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=draft, capture_output=True, text=True, check=False)
        if done.returncode:
            words = "; ".join(line for line in done.stderr.splitlines() if line.strip())[-400:]
            raise InputError(f"npm ci failed: {words}", "is the registry of npm within reach?")
        shutil.rmtree(place.parent, ignore_errors=True)
        draft.rename(place.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def write_programs(folder: Path) -> None:
    """Write the servers' program to a folder where Node.js finds its packages."""
    for name in (*_PROGRAMS, *_LISTS):
        (folder / name).write_text(_own(name), encoding="utf-8")
    (folder / "node_modules").symlink_to(node_modules())


def _own(name: str) -> str:
    return (files("siotool.lab") / name).read_text(encoding="utf-8")
