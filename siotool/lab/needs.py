"""What a lab needs of this machine; what is missing is said before anything starts."""

import socket
from pathlib import Path

from siotool.errors import InputError, OutputError
from siotool.lab.lab import Lab
from siotool.lab.packages import INSTALL, look_for_packages
from siotool.lab.python_packages import look_for_redis
from siotool.lab.tools import TOOLS, FoundTool, least_of, look_for, needed


def everything() -> list[FoundTool]:
    """Look for all that any lab may need."""
    return [*(look_for(name) for name in TOOLS), look_for_redis(), *look_for_packages()]


def of_lab(lab: Lab) -> list[FoundTool]:
    """Look for what one lab needs."""
    programs = [look_for(name, least_of(lab, name)) for name in needed(lab)]
    if lab.runtime == "node":
        return [*programs, *look_for_packages()]
    return [*programs, *([look_for_redis()] if lab.adapter == "redis" else [])]


def check_machine(lab: Lab) -> None:
    """Raise InputError for a program or a package that is missing or too old, or a port in use."""
    wrong = [one for one in of_lab(lab) if one.problem]
    packages = [one.name for one in wrong if one.get == INSTALL]
    for one in wrong:
        if one.get != INSTALL:
            state = "not installed" if one.problem == "missing" else one.problem
            raise InputError(f"{one.name} is {state}, and the lab needs it ({one.use})", one.get)
    if packages:
        raise InputError(
            f"the servers' npm packages are not installed ({', '.join(packages)})", f"run {INSTALL}, once"
        )
    if lab.port:
        _check_port(lab.port)


def check_folder(folder: Path) -> None:
    """Raise InputError for a folder that holds something already, OutputError for what cannot be one."""
    try:
        filled = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise no_folder(folder, error) from error
    if filled:
        raise InputError(f"{folder} is not empty", "choose another folder for the lab's files")


def no_folder(folder: Path, error: OSError) -> OutputError:
    """Return what to say where a lab's files cannot be written."""
    return OutputError(f"cannot write a lab's files to {folder}: {error.strerror}", "choose another folder")


def _check_port(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            raise InputError(
                f"port {port} of 127.0.0.1 cannot be used: {error.strerror}",
                "stop what listens there, or leave port out: any free one is taken",
            ) from None
