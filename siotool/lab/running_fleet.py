"""Starts and stops all programs of a lab, in their order."""

import signal
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
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
from siotool.lab.process_tree import is_stopped, send_to_tree
from siotool.lab.redis_pair import promote
from siotool.lab.running_lab import LabMember, RunningLab
from siotool.lab.running_part import ProgramPart, RunningPart, WorkerPart, parts_of_program
from siotool.lab.running_program import RunningProgram
from siotool.lab.toxiproxy import NAME, Fronts, ToxiproxyApi, fronts_of

#: How long all programs of one kind may take to be ready, and to end.
READY_S, END_S = 30.0, 5.0


class RunningFleet:
    """The programs of a lab: backend, servers, balancer. ``data`` is for what only the run needs."""

    def __init__(self, lab: Lab, folder: Path, data: Path) -> None:
        self._lab = lab
        #: The Redis of a pair that has become primary; empty before any failover.
        self._promoted = ""
        self._folder = folder
        self._data = data
        self._programs: list[list[ProgramPart]] = []
        self._parts: dict[str, RunningPart] = {}
        self._said_of: set[int] = set()
        #: Parts that were ended, and servers that the balancer does not know.
        self._expected: set[str] = set()
        self._out: set[str] = set()
        self._write_balancer: Callable[[Collection[str]], LabProgram] | None = None
        self._told = RunningLab(1, [], str(folder), "", [])
        #: Of a pair of Redis.
        self._password = ""
        #: What is in front of its parts, where it has toxics.
        self.toxiproxy: ToxiproxyApi | None = None

    def start(self) -> RunningLab:
        """Write all files, start all programs, and say what runs. Raises TargetError; then stop the rest."""
        lab, folder = self._lab, self._folder
        behind = lab.balancer != "none"
        count = 1 if lab.adapter == "cluster" else lab.servers
        # all at once: a port that nobody listens on yet looks free to whoever asks again
        needed = 5 + count + lab.servers + 1 + len(lab.proxied)
        door, carrier, keeper, first, second, *ports = free_ports(needed, [lab.port])
        ports, metrics, own = ports[:count], ports[count:][: lab.servers], ports[count + lab.servers :]
        if lab.port and not lab.toxics:
            door = lab.port
        if not behind:
            ports[0] = door
        fronts = self._start_fronts([*ports, *([door] if behind else [])], (carrier, keeper), own)
        tls = make_certificate(folder) if lab.tls else None
        if lab.runtime == "node":
            write_programs(folder)
        backends = backends_of(lab, folder, self._data, (carrier, keeper, first, second))
        self._password = backends.adapter.password if backends.adapter is not None else ""
        for program in backends.programs:  # a replica needs its primary, and what leads to them both of them
            self._start([program])
        servers = server_programs(
            lab,
            folder,
            ports,
            metrics,
            None if behind else tls,
            backends.at(fronts.url),
        )
        self._start(servers)
        if behind:
            seen = [msgspec.structs.replace(one, port=fronts.port(one.port)) for one in servers]
            self._write_balancer = partial(balancer_program, lab, folder, door, seen, tls)
            self._start([self._write_balancer(())])
        scheme = "https" if lab.tls else "http"
        self._told = RunningLab(
            1,
            [f"{scheme}://127.0.0.1:{fronts.port(port)}" for port in ([door] if behind else ports)],
            str(folder),
            str(folder / tls.certificate) if tls is not None else "",
            [],
        )
        return self._tell()

    def _start_fronts(self, servers: Sequence[int], backends: Sequence[int], own: Sequence[int]) -> Fronts:
        """Start Toxiproxy where the lab has it, on ports of its ``own``; ``servers`` has the balancer too.

        ``backends`` are the ports of what carries, and of what keeps.
        """
        api, *fronts = own
        found = fronts_of(self._lab, servers, backends, fronts)
        if self._lab.toxics:
            self._start([found.program(self._folder, api)])
            self.toxiproxy = ToxiproxyApi(api)
            self.toxiproxy.check(self._lab.proxied)
        return found

    def stop(self) -> None:
        """End all, those first that clients see."""
        for group in reversed(self._programs):
            for one in group:
                if not one.ended:
                    send_to_tree(one.pid, signal.SIGCONT)  # a stopped process does not end in order
                one.running.ask_to_end()
            deadline = time.monotonic() + END_S
            for one in group:
                one.running.end(deadline)
        self._programs.clear()

    def ended(self) -> list[RunningPart]:
        """Return the parts that have ended by themselves since the last question.

        The workers of a primary that has ended are not among them.
        """
        found = [
            one
            for one in self._parts.values()
            if one.ended
            and one.code is not None
            and one.pid not in self._said_of
            and not self._ends_in_order(one)
        ]
        self._said_of |= {one.pid for one in found}
        return found

    def _ends_in_order(self, one: RunningPart) -> bool:
        if isinstance(one, WorkerPart) and (one.primary in self._expected or self._parts[one.primary].ended):
            return True
        return one.name in self._expected

    # ── its parts ─────────────────────────────────────────────────────────────────────

    def part(self, name: str) -> RunningPart:
        """Return a part by its name."""
        return self._parts[name]

    def concerned(self, names: Sequence[str]) -> list[RunningPart]:
        """Return parts by their names, and after a primary its workers, which come and go with it."""
        own = [self._parts[name] for name in names]
        workers = [part for part in self._parts.values() if isinstance(part, WorkerPart)]
        return own + [part for part in workers if part.primary in names and part.name not in names]

    @property
    def balancer(self) -> RunningPart | None:
        """Its balancer, None where it has none."""
        return self._parts.get(self._lab.balancer)

    def expect_end(self, name: str) -> RunningPart:
        """Return a part that is about to end, which is then not said to have ended by itself."""
        self._expected.add(name)
        return self._parts[name]

    def know_again(self, names: Sequence[str]) -> None:
        """Parts run again, in new processes."""
        self._expected -= set(names)
        self.settle_fronts()
        self._tell()

    def take_out(self, names: Sequence[str]) -> None:
        """The balancer is to send no one new to some servers, once it reads its configuration."""
        self._out |= set(names)

    def put_back(self, names: Sequence[str]) -> bool:
        """The balancer is to send clients to some servers; False when it does so already."""
        found = self._out & set(names)
        self._out -= found
        return bool(found)

    def promote(self, new: str, old: str) -> None:
        """A replica becomes primary, and once it is started again, the old primary its replica.

        Raises TargetError.
        """
        promote(self._folder, self._password, self._parts[new].member, self._parts[old].member)
        self._promoted = new

    def in_roles(self, pair: Sequence[str]) -> list[str]:
        """The primary of a pair of Redis, and its replica: after a failover they have changed places."""
        return sorted(pair, key=lambda name: name != self._promoted) if self._promoted else list(pair)

    def write_balancer(self) -> None:
        """Write the balancer's configuration, without the servers that were taken out."""
        assert self._write_balancer is not None, "asked for only where there is one"
        self._write_balancer(self._out)

    def settle_fronts(self) -> None:
        """Have Toxiproxy refuse connections to parts that have ended, as the kernel does without it.

        Raises TargetError when it does not answer.
        """
        if self.toxiproxy is None:
            return
        proxy = self._parts[NAME]
        if proxy.ended:
            self.toxiproxy.forget()
        elif not is_stopped(proxy.pid):
            self.toxiproxy.settle({name: self._parts[name].ended for name in self._lab.proxied})

    def _start(self, programs: Sequence[LabProgram]) -> None:
        group: list[ProgramPart] = []
        self._programs.append(group)
        for program in programs:
            group.append(ProgramPart(RunningProgram(program, self._folder / f"{program.name}.log")))
        deadline = time.monotonic() + READY_S
        for one in group:
            one.running.wait_until_ready(deadline)
            self._parts |= {part.name: part for part in parts_of_program(one)}

    def _tell(self) -> RunningLab:
        """Say what runs, in lab.json too."""
        members = _with_store(self._lab, [part.member for part in self._parts.values()])
        running = msgspec.structs.replace(self._told, members=members)
        written = msgspec.json.format(msgspec.json.encode(running), indent=2)
        (self._folder / "lab.json").write_bytes(written + b"\n")
        return running


def _with_store(lab: Lab, members: Sequence[LabMember]) -> list[LabMember]:
    """The same, and where the store's own figures are: its first server asks for them."""
    metrics = next((one.metrics_url for one in members if one.role == "server"), "")
    shown = metrics.removesuffix("/metrics") + "/store"
    return [
        msgspec.structs.replace(one, metrics_url=shown) if one.name == lab.store else one for one in members
    ]
