"""Reads the options for load from several machines; InputError says what is wrong with one."""

import os
from collections.abc import Mapping
from pathlib import Path

from siotool.cli import load_options
from siotool.errors import InputError
from siotool.swarm.machines.distributed import Distributed

#: Locust's own port.
PORT = 5557
_LOOPBACK = "127.0.0.1"
_WITHIN = "5min"


def wanted(
    distributed: bool,
    expect_workers: int | None,
    listen: str | None,
    token_file: Path | None,
    workers_within: str | None,
    others: Mapping[str, object],
    *,
    quiet: bool,
) -> Distributed | None:
    """Load from other machines, if it is asked for; ``others`` are options that do not go with it."""
    own = {
        "--expect-workers": expect_workers,
        "--listen": listen,
        "--token-file": token_file,
        "--workers-within": workers_within,
    }
    if not distributed:
        if given := [option for option, value in own.items() if value is not None]:
            raise InputError(f"{given[0]} is for load from other machines", "give --distributed too")
        return None
    if expect_workers is None:
        raise InputError("--distributed does not know how many workers to wait for", "--expect-workers N")
    if given := [option for option, value in others.items() if value]:
        raise InputError(
            f"--distributed and {given[0]} do not go together",
            f"give {given[0]} to siotool worker on each machine"
            if given[0] in ("--processes", "--source-ip")
            else "leave one of them out",
        )
    host, port = address(_LOOPBACK if listen is None else listen, "--listen")
    within_s = load_options.patience(workers_within or _WITHIN, "--workers-within")
    return Distributed(expect_workers, host, port, token(token_file, make=True), within_s, quiet)


def address(text: str, option: str) -> tuple[str, int]:
    """A host and a port, of ``HOST``, ``HOST:PORT``, ``[IPv6]:PORT`` or an IPv6 address."""
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise InputError(f"{option} {text} is no address", f"as 10.0.0.5 or 10.0.0.5:{PORT}")
    return host, int(port or PORT)


def token(path: Path | None, *, make: bool) -> str:
    """The token in a file; with ``make`` a new one where there is no file."""
    from siotool.swarm.join_token import SHORTEST, make_token  # ZeroMQ is not for help pages

    path = path or _default()
    try:
        found = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if not make:
            raise InputError(
                f"there is no token in {path}",
                "copy the file of the machine that runs the load test, or name it: --token-file",
            ) from None
        found = make_token()
        _keep(path, found)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read a token from {path}: {error}", "name another --token-file") from error
    if len(found) < SHORTEST or not found.isprintable():
        raise InputError(
            f"{path} holds no token of {SHORTEST} or more characters",
            "remove it, and siotool loadtest --distributed makes one",
        )
    return found


def _default() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "siotool" / "token"


def _keep(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise InputError(
            f"cannot keep a token in {path}: {error.strerror}", "name another --token-file"
        ) from error
