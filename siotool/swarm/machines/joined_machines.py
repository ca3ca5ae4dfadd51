"""The machines that have joined a run, as its parent sees them."""

import math
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

import gevent
import msgspec

from siotool.client.address import is_loopback
from siotool.errors import GeneratorError
from siotool.runfile import GeneratorMachine
from siotool.swarm.config import WorkerConfig
from siotool.swarm.load_limits import WantedLoad, shortage
from siotool.swarm.machines import machine_messages as messages
from siotool.swarm.machines.machine_messages import (
    Bundle,
    ClockAnswer,
    ClockQuestion,
    Joining,
    MachineRefusal,
    Starting,
    WorkerEnding,
)
from siotool.swarm.machines.own_machine import loopback_network, versions
from siotool.units import format_duration

#: Versions that must be the same on all machines.
_SAME = ("siotool", "locust")
_LOOK_S = 0.05
#: Before the run begins, a machine that has not asked for the time for so long is gone.
_SILENT_S = 5.0


class RemoteWorker:
    """A worker on another machine, as the parent sees it."""

    #: How long it may report nothing: a network that is cut off and mended loses nothing.
    patience_s = 20.0

    def __init__(self, number: int, machine: "JoinedMachine") -> None:
        self.number = number
        self._machine = machine
        self._ended = ""

    @property
    def alive(self) -> bool:
        """True until it is known to have ended."""
        return not (self._ended or self._machine.left)

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return f"on {self._machine.host}: {self._ended or self._machine.left or 'still running'}"

    def note_ending(self, ending: str) -> None:
        """Its machine says that it has ended."""
        self._ended = self._ended or ending

    def kill(self) -> None:
        """Have it killed, now or as soon as its machine hears of it; it counts as ended."""
        self._machine.send(messages.KILL, WorkerEnding(self.number))
        self.note_ending("killed")

    def hang_up(self) -> None:
        """Its machine ends it, when it hears that the run is over (``JoinedMachines.dismiss``)."""

    def end(self) -> None:
        """There is nothing to wait for here."""


class JoinedMachine:
    """A machine, by what it has said; ``left`` says why it is gone, and is empty as long as it is not."""

    def __init__(self, node: str, said: Joining, runner: Any, namesake: int = 1) -> None:
        """It is the ``namesake``-th machine that calls itself so."""
        self.node = node
        self.host = said.machine.host + (f" ({namesake})" if namesake > 1 else "")
        self.said = said
        self.error_s: float | None = None
        #: When it asked for the time last, or joined.
        self.heard_at = monotonic()
        self.left = ""
        self.workers: list[RemoteWorker] = []
        self._runner = runner

    @property
    def there(self) -> bool:
        """Whether it can be counted on, before the run begins."""
        return not self.left and monotonic() - self.heard_at < _SILENT_S

    @property
    def described(self) -> GeneratorMachine:
        """The machine for the header of a run file."""
        return msgspec.structs.replace(self.said.machine, host=self.host, clock_error_s=self.error_s or 0.0)

    def send(self, kind: str, record: msgspec.Struct | None = None) -> None:
        """Say something to it."""
        self._runner.send_message(kind, msgspec.to_builtins(record, builtin_types=(bytes,)), self.node)


class JoinedMachines:
    """Machines of one run: they join until ``expected`` workers are there, compare clocks, and start."""

    def __init__(self, runner: Any, expected: int, addresses: Sequence[str]) -> None:
        """``runner`` is Locust's master; ``addresses`` those of the target."""
        self._runner = runner
        self._expected = expected
        self._loopback = [one for one in addresses if is_loopback(one)]
        self._machines: dict[str, JoinedMachine] = {}
        #: Called with what is worth a line: to whoever waits for the machines, and later in the run file.
        self.say: Callable[[str], object] = lambda text: None
        for kind, listener in (
            (messages.JOIN, self._joining),
            (messages.CLOCK, self._asked),
            (messages.ENDED, self._worker_ended),
            (messages.LEAVING, self._leaving),
        ):
            runner.register_message(kind, listener)

    def __iter__(self) -> Iterator[JoinedMachine]:
        return iter(self._machines.values())

    @property
    def processes(self) -> int:
        """Workers of all machines that are there."""
        return sum(one.said.machine.processes for one in self if one.there)

    def wait(self, within_s: float) -> None:
        """Wait until all have joined and know the time. Raises GeneratorError when they do not."""
        deadline = monotonic() + within_s
        while self.processes < self._expected or any(one.error_s is None for one in self if one.there):
            if monotonic() > deadline:
                raise GeneratorError(
                    f"{self.processes} of {self._expected} workers have joined within "
                    f"{format_duration(within_s)}",
                    "start siotool worker --join on the other machines, or expect fewer (--expect-workers)",
                )
            gevent.sleep(_LOOK_S)
        for node in [one.node for one in self if not one.there]:
            del self._machines[node]

    def check_room(self, users: int, places: int) -> None:
        """Raises GeneratorError when a machine has no room for its share of the users.

        ``places`` are the addresses of the target.
        """
        for one in self:
            processes = one.said.machine.processes
            share = math.ceil(users * processes / self._expected)
            wanted = WantedLoad(share, processes, one.said.sources, places)
            if short := shortage(wanted, one.said.limits):
                raise GeneratorError(f"{one.host}: {short[0]}", f"there: {short[1]}; or more machines")

    def start(
        self, bundle: Bundle, tls_files: dict[str, bytes], config_of: Callable[[int, int], WorkerConfig]
    ) -> list[RemoteWorker]:
        """Start the workers of each machine, numbered through all of them.

        ``tls_files`` are as ``Starting`` has them. ``config_of`` makes the configuration of a
        worker, from its number and how many are on its machine.
        """
        number = 0
        for machine in self:
            count = machine.said.machine.processes
            configs = []
            for _ in range(count):
                machine.workers.append(RemoteWorker(number, machine))
                configs.append(msgspec.json.encode(config_of(number, count)))
                number += 1
            machine.send(messages.START, Starting(bundle, configs, tls_files))
        return [worker for machine in self for worker in machine.workers]

    def dismiss(self) -> None:
        """Tell all of them that the run is over: they end their workers, and leave."""
        for machine in self:
            machine.send(messages.OVER)

    # ── what machines say ─────────────────────────────────────────────────────────────

    def _joining(self, environment: Any, msg: Any) -> None:
        said = msgspec.convert(msg.data, Joining)
        if msg.node_id in self._machines:
            self._runner.send_message(messages.JOINED, None, msg.node_id)
            return
        if refusal := self._refusal(said):
            self.say(f"{said.machine.host} was refused: {refusal.message}")
            self._runner.send_message(messages.REFUSED, msgspec.to_builtins(refusal), msg.node_id)
            return
        alike = sum(one.said.machine.host == said.machine.host for one in self)
        machine = JoinedMachine(msg.node_id, said, self._runner, alike + 1)
        self._machines[msg.node_id] = machine
        machine.send(messages.JOINED)
        self.say(f"{machine.host} has joined: {self.processes} of {self._expected} workers")

    def _refusal(self, said: Joining) -> MachineRefusal | None:
        own = versions()
        for name in _SAME:
            if said.versions.get(name) != own[name]:
                return MachineRefusal(
                    f"it has {name} {said.versions.get(name)}, this run {own[name]}",
                    "install the same siotool on all machines",
                )
        if any(one.workers for one in self):
            return MachineRefusal("the run has begun without it", "join before the run begins")
        missing = self._expected - self.processes
        if said.machine.processes > missing:
            return MachineRefusal(
                f"it has {said.machine.processes} workers, and the run waits for {missing}",
                f"siotool worker --processes {missing}" if missing else "expect more (--expect-workers)",
            )
        if self._loopback and not (said.kernel and said.kernel == loopback_network()):
            return MachineRefusal(
                f"the target's address is {self._loopback[0]}, which is another place on each machine",
                "name the target by an address that all machines reach",
            )
        return None

    def _asked(self, environment: Any, msg: Any) -> None:
        heard = monotonic()
        question = msgspec.convert(msg.data, ClockQuestion)
        machine = self._machines.get(msg.node_id)
        if machine is not None and not (machine.there or machine.workers):
            del self._machines[msg.node_id]  # another one may have its place
            machine.send(messages.REFUSED, MachineRefusal("it had said nothing for too long", "join again"))
        elif machine is not None:
            machine.heard_at = heard
            machine.error_s = question.error_s if question.error_s is not None else machine.error_s
            others = max(
                (one.error_s or 0.0 for one in self if one is not machine and one.there), default=0.0
            )
            machine.send(messages.CLOCK, ClockAnswer(question.asked, heard, monotonic(), others))

    def _worker_ended(self, environment: Any, msg: Any) -> None:
        said = msgspec.convert(msg.data, WorkerEnding)
        machine = self._machines.get(msg.node_id)
        for worker in machine.workers if machine is not None else ():
            if worker.number == said.worker:
                worker.note_ending(said.ending)

    def _leaving(self, environment: Any, msg: Any) -> None:
        machine = self._machines.get(msg.node_id)
        if machine is not None and not machine.left:
            machine.left = "it was told to leave there"
            self.say(f"{machine.host} has left: {machine.left}")
