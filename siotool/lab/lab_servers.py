"""The servers of a lab as programs: on Node.js, with one process each or one primary; or in Python."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from siotool.lab.backends import Backends
from siotool.lab.lab import ACCEPT_QUEUE, SERVED_BY, Lab
from siotool.lab.lab_certificate import LabCertificate
from siotool.lab.lab_program import LabProgram
from siotool.lab.tools import path_of

#: Where servers read the URLs of their backends: arguments of a process can be read by all.
_BACKEND, _STORE = "SIOTOOL_LAB_BACKEND", "SIOTOOL_LAB_STORE"


def server_programs(
    lab: Lab,
    folder: Path,
    ports: Sequence[int],
    metrics: Sequence[int],
    tls: LabCertificate | None,
    backends: Backends,
) -> list[LabProgram]:
    """Return one program for each port; ``tls`` is what they serve themselves.

    ``metrics`` has a port for the metrics of each server, also of the workers of one primary. The ports are
    fixed, so that one that is started again has those that it had.
    """
    urls = {_BACKEND: backends.adapter, _STORE: backends.store}
    environment = {name: one.url for name, one in urls.items() if one is not None}
    if lab.runtime == "python":
        return [
            _python(lab, folder, n, own, environment)
            for n, own in enumerate(zip(ports, metrics, strict=True), 1)
        ]
    if lab.adapter == "cluster":
        return [_node(lab, folder, "primary", (ports[0], *metrics), tls, environment)]
    last = lab.servers - lab.behind
    # today's adapters and recovery are not for Socket.IO 2
    old = msgspec.structs.replace(lab, adapter="none", recovery_s=0.0)
    return [
        _node(
            old if n > last else lab,
            folder,
            f"server-{n}",
            own,
            tls,
            environment,
            socket_io=2 if n > last else 4,
        )
        for n, own in enumerate(zip(ports, metrics, strict=True), 1)
    ]


def _node(
    lab: Lab,
    folder: Path,
    name: str,
    ports: tuple[int, ...],
    tls: LabCertificate | None,
    environment: Mapping[str, str],
    socket_io: int = 4,
) -> LabProgram:
    port, *metrics = ports
    options: dict[str, object] = {"port": port, "adapter": lab.adapter, "served-by": SERVED_BY, "name": name}
    if lab.adapter == "cluster":
        options["workers"] = lab.servers
    options["metrics-port"] = ",".join(map(str, metrics))
    if lab.recovery_s:
        options["recovery-ms"] = round(lab.recovery_s * 1000)
    if lab.store != "none":
        options |= {"store": lab.store, "replay": lab.replay}
    if lab.tick_rate:
        options["tick-rate"] = lab.tick_rate
    if lab.accept_queue != ACCEPT_QUEUE:
        options["accept-queue"] = lab.accept_queue
    if socket_io != 4:
        options["socket-io"] = socket_io
    if lab.witness:
        options["sent"] = f"{name}.sent"
    if lab.sticky == "table" and lab.balancer == "haproxy":
        options["cookie"] = "io"
    if tls is not None:
        options |= {"tls-cert": tls.certificate, "tls-key": tls.key}
    return LabProgram(
        name=name,
        role="primary" if lab.adapter == "cluster" else "server",
        command=[
            path_of("node"),
            "server.mjs",
            *(f"--{option}={value}" for option, value in options.items()),
        ],
        folder=folder,
        port=port,
        environment=environment,
        speaks=True,
    )


def _python(
    lab: Lab, folder: Path, number: int, ports: tuple[int, int], environment: Mapping[str, str]
) -> LabProgram:
    port, metrics_port = ports
    return LabProgram(
        name=f"server-{number}",
        role="server",
        command=[
            # -P: a user's folder may hold a file named like one of our libraries
            *(sys.executable, "-P", "-m", "siotool.target.serve", f"--port={port}"),
            *(f"--tick-rate={lab.tick_rate}", f"--parent={os.getpid()}"),
            *(f"--served-by={SERVED_BY}", f"--name=server-{number}"),
            *(f"--adapter={lab.adapter}", f"--metrics-port={metrics_port}"),
        ],
        folder=folder,
        port=port,
        environment=environment,
        speaks=True,
    )
