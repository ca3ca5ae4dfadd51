"""``siotool loadtest --manifest``: what runs the load where containers run, instead of running it."""

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from siotool.cli import environment
from siotool.cli.known_options import KnownOption, known
from siotool.cli.load_targets import Aimed
from siotool.cli.secret_options import redacted
from siotool.client.address import is_loopback
from siotool.deployment import image
from siotool.deployment.manifests import Deployed, Kind, LoadFile, deployed_name, manifest
from siotool.errors import InputError
from siotool.plan.sizing.generators import CONNECTION_BYTES, WORKER_BYTES
from siotool.swarm.machines.distributed import Distributed
from siotool.swarm.machines.scenario_bundle import packed
from siotool.swarm.scenario_paths import built_in

#: Options that say where things are on this machine: the containers have their own.
_OWN = {
    "config", "distributed", "expect-workers", "image", "listen", "manifest", "out", "output", "token-file"
}  # fmt: skip
#: Options whose files go along.
_FILES = ("users-file", "ca-file", "client-cert", "client-key", "plan")
#: Options that rest on something of this machine which a container has not.
_NOT_THERE = {
    "baseline": "compare the report afterwards: siotool report --baseline",
    "history": "keep the run afterwards: siotool history add RUN",
    "fault": "what breaks a service is a command of this machine",
    "comment": "it would be lost with its container: siotool report --comment",
    "restart-command": "a command of this machine",
    "server-pid": "name the server by --server-metrics or --server-admin",
    "server": "name the server by --server-metrics or --server-admin",
    "summary": "it would be lost with its container: siotool report --summary",
    "web": "use --metrics-port",
}
#: Of the run itself, which makes the report at its end.
_RUN_MB = 600


def instead(
    kind: Kind | None,
    image_name: str | None,
    command: Any,
    arguments: Sequence[str],
    aimed: Aimed,
    far: Distributed | None,
    scenario: Path,
    most_users: int,
) -> None:
    """Write the manifest of a load that was read and found right, and exit; without ``kind`` do nothing.

    ``command`` and ``arguments`` are those of ``siotool loadtest``, whatever variables and files gave among
    them. ``most_users`` is 0 where nobody knows. Raises InputError for what cannot be done in containers.
    """
    if kind is None:
        if image_name is not None:
            raise InputError("--image is named by a manifest", "give --manifest kubernetes or compose too")
        return
    if far is None:
        raise InputError("--manifest is of a load from several machines", "--distributed --expect-workers N")
    _check_places(aimed)
    options = known(command.params)
    given = dict(_given(command, arguments, options))
    for name, advice in _NOT_THERE.items():
        if given.get(name):
            raise InputError(f"--manifest and --{name} do not go together", advice)
    if given.get("output", ["-"]) != ["-"]:
        raise InputError("--manifest is written to stdout, -o is for a report", "siotool loadtest … > FILE")
    given |= {"auth": [_text_of(auth) for auth in given["auth"]]} if "auth" in given else {}
    files = []
    for name in _FILES:
        if paths := given.get(name):
            files.append(_file(name, Path(paths[0])))
            given[name] = [f"{image.LOAD}/{files[-1].path}"]
    if "scenario" in given and scenario not in built_in():
        files += _scenario_files(scenario)
        given["scenario"] = [f"{image.LOAD}/scenario/{scenario.name}"]
    typed, variables = _split({name: given[name] for name in given if name not in _OWN}, options)
    workers = ["--distributed", "--expect-workers", str(far.workers)]
    joined = ["--listen", f"0.0.0.0:{image.PORT}", "--token-file", image.TOKEN]
    if kind == "compose":
        _check_readable(files)
    share = -(-most_users // far.workers)
    deployed = Deployed(
        name=deployed_name(scenario.stem),
        image=image_name or f"siotool:{version('siotool')}",
        workers=far.workers,
        token=far.token,
        arguments=["loadtest", *typed, *workers, *joined],
        run_megabytes=_RUN_MB,
        worker_megabytes=round((WORKER_BYTES + share * CONNECTION_BYTES) / 1e6) if most_users else None,
        variables=variables,
        files=files,
    )
    sys.stdout.write(manifest(kind, deployed))
    raise typer.Exit


def _check_readable(files: Sequence[LoadFile]) -> None:
    """Refuse files that the image's user may not read: Compose mounts them as they are, with their owner."""
    for file in files:
        found = os.stat(file.source)
        group = stat.S_IRGRP if found.st_gid == image.USER else stat.S_IROTH
        if not found.st_mode & (stat.S_IRUSR if found.st_uid == image.USER else group):
            raise InputError(
                f"{file.source} may not be read by others, and the container has a user of its own",
                f"chmod o+r {file.source}; or put it into an image of your own (FROM siotool, COPY …)",
            )


def _text_of(value: str) -> str:
    """A value, or the text of the file that it names by ``@FILE``, which no container has."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {value[1:]}: {error}", "give --auth JSON or @FILE") from error


def _check_places(aimed: Aimed) -> None:
    """Refuse what is another place in each container."""
    for url in aimed.urls:
        host = urlsplit(url).hostname or ""
        if aimed.own or host == "localhost" or is_loopback(host):
            raise InputError(f"{url} is another place in each container", "name the service's address there")


def _given(
    command: Any, arguments: Sequence[str], options: Mapping[str, KnownOption]
) -> Iterator[tuple[str, list[str]]]:
    """Each option that was given, by name, and its values as text; ``true`` for a flag."""
    context = command.make_context(command.name, [], resilient_parsing=True)
    values, _, _ = command.make_parser(context).parse_args(list(arguments))
    for name, option in options.items():
        value = values.get(option.parameter)
        if value is None or value is False or value == ():
            continue
        several = isinstance(value, list | tuple)
        yield name, [str(one) for one in value] if several else ["true" if value is True else str(value)]


def _split(
    given: Mapping[str, Sequence[str]], options: Mapping[str, KnownOption]
) -> tuple[list[str], dict[str, str]]:
    """What can be typed for all to see, and in variables what may be secret."""
    typed: list[str] = []
    variables = {}
    for name, values in given.items():
        option = options[name]
        if option.kind == "flag":
            shown = [option.flag if values[0] == "true" else option.no_flag]
        elif not option.flag:
            shown = [*values]
        else:
            shown = [text for value in values for text in (option.flag, value)]
        if redacted(shown) == shown:
            typed += shown
        else:
            text = json.dumps(values) if option.repeatable else values[0]
            variables[environment.variable("SIOTOOL_LOADTEST_", name)] = text
    return typed, variables


def _file(option: str, path: Path) -> LoadFile:
    try:
        return LoadFile(f"{option}{path.suffix}", str(path.resolve()), path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", f"--{option} names it") from None


def _scenario_files(scenario: Path) -> list[LoadFile]:
    folder = scenario.resolve().parent
    return [
        LoadFile(f"scenario/{path}", str(folder / path), contents)
        for path, contents in packed(scenario).files.items()
    ]
