"""Starts and stops all programs of a lab, in their order."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from siotool.lab.backends import backends_of
from siotool.lab.lab import Lab
from siotool.lab.lab_balancer import balancer_program
from siotool.lab.lab_certificate import make_certificate
from siotool.lab.lab_program import LabProgram
from siotool.lab.lab_servers import server_programs
from siotool.lab.packages import write_programs
from siotool.lab.ports import free_ports
from siotool.lab.running_lab import LabMember, RunningLab
from siotool.lab.running_program import RunningProgram

#: How long all programs of one kind may take to be ready, and to end.
READY_S, END_S = 30.0, 5.0


class RunningFleet:
    """The programs of a lab: backend, servers, balancer. ``data`` is for what only the run needs."""

    def __init__(self, lab: Lab, folder: Path, data: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._data = data
        self._running: list[list[RunningProgram]] = []
        self._said_of: set[int] = set()

    def start(self) -> RunningLab:
        """Write all files, start all programs, and say what runs. Raises TargetError; then stop the rest."""
        lab, folder = self._lab, self._folder
        behind = lab.balancer != "none"
        door, carrier, keeper, *ports = free_ports(3 + (1 if lab.adapter == "cluster" else lab.servers))
        door = lab.port or door
        if not behind:
            ports[0] = door
        tls = make_certificate(folder) if lab.tls else None
        if lab.runtime == "node":
            write_programs(folder)
        backends = backends_of(lab, folder, self._data, (carrier, keeper))
        self._start(backends.programs)
        servers = server_programs(lab, folder, ports, None if behind else tls, backends)
        self._start(servers)
        if behind:
            self._start([balancer_program(lab, folder, door, servers, tls)])
        scheme = "https" if lab.tls else "http"
        running = RunningLab(
            1,
            [f"{scheme}://127.0.0.1:{port}" for port in ([door] if behind else ports)],
            str(folder),
            str(folder / tls.certificate) if tls is not None else "",
            _with_store(
                lab, [member for group in self._running for one in group for member in _members(one)]
            ),
        )
        written = msgspec.json.format(msgspec.json.encode(running), indent=2)
        (folder / "lab.json").write_bytes(written + b"\n")
        return running

    def stop(self) -> None:
        """End all, those first that clients see."""
        for group in reversed(self._running):
            for one in group:
                one.ask_to_end()
            deadline = time.monotonic() + END_S
            for one in group:
                one.end(deadline)
        self._running.clear()

    def ended(self) -> list[RunningProgram]:
        """Return the programs that have ended by themselves since the last question."""
        found = [
            one
            for group in self._running
            for one in group
            if one.process.poll() is not None and one.process.pid not in self._said_of
        ]
        self._said_of |= {one.process.pid for one in found}
        return found

    def _start(self, programs: Sequence[LabProgram]) -> None:
        group: list[RunningProgram] = []
        self._running.append(group)
        for program in programs:
            group.append(RunningProgram(program, self._folder / f"{program.name}.log"))
        deadline = time.monotonic() + READY_S
        for one in group:
            one.wait_until_ready(deadline)


def _members(one: RunningProgram) -> list[LabMember]:
    """A program as it is told; after a primary its workers, which are the servers."""
    program = one.program
    own = LabMember(
        program.name,
        program.role,
        one.process.pid,
        program.port,
        _metrics(one.said.get("metrics_port", 0)),
        list(program.command),
        str(one.log),
    )
    workers = [
        LabMember(f"server-{n}", "server", said["pid"], 0, _metrics(said["metrics_port"]), [], str(one.log))
        for n, said in enumerate(one.said.get("workers", ()), 1)
    ]
    return [own, *workers]


def _with_store(lab: Lab, members: Sequence[LabMember]) -> list[LabMember]:
    """The same, and where the store's own figures are: its first server asks for them."""
    metrics = next((one.metrics_url for one in members if one.role == "server"), "")
    shown = metrics.removesuffix("/metrics") + "/store"
    return [
        msgspec.structs.replace(one, metrics_url=shown) if one.name == lab.store else one for one in members
    ]


def _metrics(port: int) -> str:
    return f"http://127.0.0.1:{port}/metrics" if port else ""
