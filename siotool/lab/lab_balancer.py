"""What stands in front of the servers of a lab: nginx or HAProxy, with a configuration of its own."""

import os
import resource
from collections.abc import Collection, Sequence
from pathlib import Path

from siotool.lab.lab import Lab
from siotool.lab.lab_certificate import LabCertificate
from siotool.lab.lab_program import LabProgram
from siotool.lab.tools import path_of
from siotool.yaml_template import filled

#: The most connections of clients that it is made for: each takes two open files, and memory.
_MOST, _OTHER_FILES = 100_000, 200


def balancer_program(
    lab: Lab,
    folder: Path,
    port: int,
    servers: Sequence[LabProgram],
    tls: LabCertificate | None,
    out: Collection[str] = (),
) -> LabProgram:
    """Write the balancer's configuration, and return its program; servers that are ``out`` get no one new."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    sides = min(2 * _MOST, files - _OTHER_FILES) if files != resource.RLIM_INFINITY else 2 * _MOST
    name = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[lab.balancer]
    written = filled(
        "siotool.lab",
        name,
        {},
        port=port,
        servers=servers,
        out=out,
        sticky=lab.sticky,
        idle_ms=round(lab.idle_timeout_s * 1000),
        queue=lab.accept_queue,
        tls=tls,
        root=os.geteuid() == 0,
        # nginx counts both sides of a connection, HAProxy one
        connections=sides if lab.balancer == "nginx" else sides // 2,
    )
    (folder / name).write_text(written, encoding="utf-8")
    if lab.balancer == "nginx":
        (folder / "temp").mkdir(exist_ok=True)
        command = [path_of("nginx"), "-p", ".", "-c", name]
    else:
        command = [path_of("haproxy"), "-W", "-db", "-f", name]
    return LabProgram(name=lab.balancer, role="balancer", command=command, folder=folder, port=port)
