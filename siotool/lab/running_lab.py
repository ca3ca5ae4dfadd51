"""What is told of a lab that runs: where clients connect, and each of its processes."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool.lab.lab import Role

#: How many cores a program can fill, where that is not one for each process: nginx.conf has one worker
#: beside the master; the others have threads, or a process for each connection, for all cores that there are.
_CORES: Mapping[str, float] = MappingProxyType(
    {"nginx": 1.0} | dict.fromkeys(("haproxy", "redis-door", "postgres", "mongo", "toxiproxy"), math.inf)
)


class LabMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One process: what it is, where it listens, how it was started, and the file with its words.

    A worker of a primary has no port and no command of its own. ``metrics_url`` is empty where it has none.
    """

    name: str
    role: Role
    pid: int
    port: int
    metrics_url: str
    command: list[str]
    log: str

    @property
    def cores(self) -> float | None:
        """How many cores it can fill, as far as the machine has them; None for one for each process."""
        return _CORES.get(self.name)


class RunningLab(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lab: its URLs, the folder with its configuration files, the certificate to trust, its processes.

    ``ca_file`` is empty without TLS. The folder's ``lab.json`` has the same.
    """

    version: Literal[1]
    urls: list[str]
    folder: str
    ca_file: str
    members: list[LabMember]
