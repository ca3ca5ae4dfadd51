"""What is told of a lab that runs: where clients connect, and each of its processes."""

from typing import Literal

import msgspec

from siotool.lab.lab import Role


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


class RunningLab(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lab: its URLs, the folder with its configuration files, the certificate to trust, its processes.

    ``ca_file`` is empty without TLS. The folder's ``lab.json`` has the same.
    """

    version: Literal[1]
    urls: list[str]
    folder: str
    ca_file: str
    members: list[LabMember]
