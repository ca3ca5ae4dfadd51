"""The programs that labs are made of: where each is on this machine, and how to get it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from siotool.lab.lab import Lab

#: Where programs of the system are that the path of a plain user may not name.
_SYSTEM = "/usr/sbin:/usr/local/sbin:/sbin"
#: Where Debian, Fedora and Homebrew put PostgreSQL, newest last by name.
_POSTGRES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_POSTGRES_PROGRAMS = ("initdb", "postgres", "pg_isready")


class Tool(msgspec.Struct, frozen=True):
    """A program: what a lab uses it for, how to get it, how it says its version, and the oldest that does."""

    use: str
    get: str
    version: str = "--version"
    least: int = 0


TOOLS: Mapping[str, Tool] = MappingProxyType(
    {
        "node": Tool("the servers", "apt install nodejs (18 or newer), or nodejs.org", least=18),
        "npm": Tool("installs the servers' packages", "apt install npm, or nodejs.org"),
        "nginx": Tool("balancer nginx", "apt install nginx-light", "-v"),
        "haproxy": Tool("balancer haproxy", "apt install haproxy", "-v"),
        "redis-server": Tool(
            "adapters redis, redis-sharded, redis-streams",
            "apt install redis-server (redis-sharded: 7 or newer)",
        ),
        "postgres": Tool("adapter postgres, store postgres", "apt install postgresql"),
        "mongod": Tool(
            "adapter mongo, store mongo",
            "mongodb.com/docs/manual/installation: Debian and npm do not have it",
        ),
        "toxiproxy-server": Tool(
            "toxics: latency, bandwidth, reset, timeout, slice",
            "github.com/Shopify/toxiproxy/releases (2 or newer), or brew install shopify/shopify/toxiproxy: "
            "PyPI, npm and Debian 12 do not have it",
            least=2,
        ),
        "openssl": Tool("tls", "apt install openssl", "version"),
    }
)

#: The program of an adapter or a store; PouchDB Server is an npm package.
_BACKENDS: Mapping[str, str] = MappingProxyType({"postgres": "postgres", "mongo": "mongod"})


class FoundTool(msgspec.Struct, frozen=True):
    """What labs need: ``path`` and ``version`` are empty where they are not known; ``get`` is the way to it.

    ``problem`` says that it is missing, or too old; it is empty where it will do.
    """

    name: str
    use: str
    path: str
    version: str
    problem: str
    get: str


def needed(lab: Lab) -> list[str]:
    """Return the programs that a lab needs, by name."""
    names = ["node"] if lab.runtime == "node" else []
    if lab.balancer != "none":
        names.append(lab.balancer)
    if lab.adapter.startswith("redis"):
        names += ["redis-server", *(["haproxy"] if lab.replica and lab.balancer != "haproxy" else [])]
    names += [program for name, program in _BACKENDS.items() if name in (lab.adapter, lab.store)]
    names += ["toxiproxy-server"] if lab.toxics else []
    return [*names, "openssl"] if lab.tls else names


def path_of(name: str) -> str:
    """Return where a program is; empty where it is not."""
    if name == "postgres":
        return str(folder / name) if (folder := postgres_folder()) else ""
    return shutil.which(name) or shutil.which(name, path=_SYSTEM) or ""


def postgres_folder() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest; Debian keeps them off the path."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    for pattern in _POSTGRES:
        places += sorted(Path("/").glob(pattern[1:]), key=_release, reverse=True)
    for place in places:
        if all(os.access(place / name, os.X_OK) for name in _POSTGRES_PROGRAMS):
            return place
    return None


def look_for(name: str, least: int = 0) -> FoundTool:
    """Look for a program, and ask it for its version; ``least`` is the oldest where a lab asks for more."""
    tool, path = TOOLS[name], path_of(name)
    version = _version(path, tool.version) if path else ""
    problem, wanted = "" if path else "missing", max(tool.least, least)
    if version and int(version.partition(".")[0]) < wanted:
        problem = f"too old: {wanted} or newer"
    return FoundTool(name, tool.use, path, version, problem, tool.get)


def least_of(lab: Lab, name: str) -> int:
    """Return the oldest version that a lab can do with, where it asks for more than others."""
    return 7 if (lab.adapter, name) == ("redis-sharded", "redis-server") else 0


def _version(path: str, option: str) -> str:
    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""


def _release(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]
