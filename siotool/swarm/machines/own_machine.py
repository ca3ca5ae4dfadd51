"""What this machine says of itself as a generator of load."""

import os
import platform
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psutil

from siotool.printable import one_line
from siotool.runfile import GeneratorMachine

#: Libraries that load is made with.
_LIBRARIES = ("locust", "picows", "uvloop", "python-socketio", "msgspec", "numpy")
_CPUS = Path("/proc/cpuinfo")
#: Characters of a CPU's model that are kept.
_LONGEST_MODEL = 80


def describe(host: str, processes: int) -> GeneratorMachine:
    """Return this machine under a name, with so many workers."""
    return GeneratorMachine(
        host=host,
        processes=processes,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        memory_bytes=int(psutil.virtual_memory().total),
        python=platform.python_version(),
        clock_error_s=0.0,
        cpu=cpu_model(_CPUS),
    )


def cpu_model(cpus: Path) -> str:
    """The model of this machine's CPU, by the kernel's list of them; its kind where the list names none."""
    found = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in cpus.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                found = value
                break
    return one_line(found, _LONGEST_MODEL)


def versions() -> dict[str, str]:
    """Versions of siotool and of the libraries that load is made with."""
    return {name: version(name) for name in ("siotool", *_LIBRARIES)}


def loopback_network() -> str:
    """A text that two processes share when they have the same loopback network; empty where not known."""
    with suppress(OSError):
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{kernel} {os.readlink('/proc/self/ns/net')}"
    return ""
