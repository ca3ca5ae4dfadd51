"""The machines that have joined a run, as its parent sees them."""

import math
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple

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
_SAME_HINT = "install the same siotool on all machines"
_LOOK_S = 0.05
#: Before the run begins, a machine that has not asked for the time for so long is gone.
_SILENT_S = 5.0


class RemoteWorker:
    """A worker on another machine, as the parent sees it."""

    #: How long it may report nothing: a network that is cut off and mended loses nothing.
    patience_s = 20.0

    def __init__(self, number: int, machine: "JoinedMachine") -> None:
        self.number = number
        #: It was killed while nothing was heard of its machine.
        self.cut_off = False
        self._machine = machine
        self._ended = ""

    @property
    def host(self) -> str:
        """The name of its machine."""
        return self._machine.host

    @property
    def alive(self) -> bool:
        """True until it is known to have ended."""
        return not (self._ended or self._machine.left)

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return f"on {self.host}: {self._ended or self._machine.left or 'still running'}"

    def note_ending(self, ending: str) -> None:
        """Its machine says that it has ended."""
        self._ended = self._ended or ending

    def kill(self) -> None:
        """Have it killed, now or as soon as its machine hears of it; it counts as ended."""
        self.cut_off = self.cut_off or not self._machine.there
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
        """Whether it has been heard of lately."""
        return not self.left and monotonic() - self.heard_at < _SILENT_S

    @property
    def described(self) -> GeneratorMachine:
        """The machine for the header of a run file."""
        return msgspec.structs.replace(self.said.machine, host=self.host, clock_error_s=self.error_s or 0.0)

    def send(self, kind: str, record: msgspec.Struct | None = None) -> None:
        """Say something to it."""
        self._runner.send_message(kind, msgspec.to_builtins(record, builtin_types=(bytes,)), self.node)


class _Given(NamedTuple):
    """What all workers of a run are started with."""

    bundle: Bundle
    tls_files: dict[str, bytes]
    config_of: Callable[[int, int], WorkerConfig]


class JoinedMachines:
    """Machines of one run: they join until ``expected`` workers are there, compare clocks, and start.

    Others may join later, in place of workers that are lost.
    """

    def __init__(self, runner: Any, addresses: Sequence[str], wanted: WantedLoad) -> None:
        """``runner`` is Locust's master; ``addresses`` those of the target.

        ``wanted`` is the load of all machines together, with the number of workers that are expected, and the
        most users that there may be, 0 where that is not known.
        """
        self._runner = runner
        self._wanted = wanted
        self._expected = wanted.processes
        self._given: _Given | None = None
        self._numbered = 0
        #: Called with each worker that is started in place of a lost one.
        self.came: Callable[[RemoteWorker], object] = lambda worker: None
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
    def crew(self) -> list[JoinedMachine]:
        """Those that are no spare ones."""
        return [one for one in self if not one.said.spare]

    @property
    def processes(self) -> int:
        """Workers that are there, or come up."""
        coming = sum(one.said.machine.processes for one in self.crew if one.there and not one.workers)
        return coming + sum(worker.alive for one in self for worker in one.workers)

    def wait(self, within_s: float) -> None:
        """Wait until all have joined and know the time. Raises GeneratorError when they do not."""
        deadline = monotonic() + within_s
        while self.processes < self._expected or any(one.error_s is None for one in self.crew if one.there):
            if monotonic() > deadline:
                raise GeneratorError(
                    f"{self.processes} of {self._expected} workers have joined within "
                    f"{format_duration(within_s)}",
                    "start siotool worker --join on the other machines, or expect fewer (--expect-workers)",
                )
            gevent.sleep(_LOOK_S)
        for node in [one.node for one in self if one.left or not (one.there or one.said.spare)]:
            del self._machines[node]

    def check_room(self) -> None:
        """Raises GeneratorError when a machine has no room for its share of the users."""
        for one in self.crew:
            if short := self._shortage(one.said):
                raise GeneratorError(f"{one.host}: {short[0]}", f"there: {short[1]}; or more machines")

    def start(
        self, bundle: Bundle, tls_files: dict[str, bytes], config_of: Callable[[int, int], WorkerConfig]
    ) -> list[RemoteWorker]:
        """Start the workers of each machine, numbered through all of them.

        ``tls_files`` are as ``Starting`` has them. ``config_of`` makes the configuration of a
        worker, from its number and how many are on its machine.
        """
        self._given = _Given(bundle, tls_files, config_of)
        return [
            worker
            for machine in self.crew
            for worker in self._start_on(machine, machine.said.machine.processes, self._given)
        ]

    def _start_on(self, machine: JoinedMachine, count: int, given: _Given) -> list[RemoteWorker]:
        numbers = range(self._numbered, self._numbered + count)
        self._numbered += count
        workers = [RemoteWorker(number, machine) for number in numbers]
        machine.workers += workers
        on_machine = len(machine.workers)
        configs = [msgspec.json.encode(given.config_of(number, on_machine)) for number in numbers]
        machine.send(messages.START, Starting(given.bundle, configs, given.tls_files))
        return workers

    def _shortage(self, said: Joining) -> tuple[str, str] | None:
        """What a machine lacks for its share of the users: no more of its workers come than are expected."""
        processes = min(said.machine.processes, self._expected)
        share = math.ceil(self._wanted.users * processes / self._expected)
        wanted = msgspec.structs.replace(self._wanted, users=share, processes=processes, sources=said.sources)
        return shortage(wanted, said.limits)

    def dismiss(self) -> None:
        """Tell all of them that the run is over: they end their workers, and leave."""
        for machine in self:
            machine.send(messages.OVER)

    # ── what machines say ─────────────────────────────────────────────────────────────

    def _joining(self, environment: Any, msg: Any) -> None:
        if msg.node_id in self._machines:
            self._runner.send_message(messages.JOINED, None, msg.node_id)
            return
        said = _read(msg.data)
        refusal = said if isinstance(said, MachineRefusal) else self._refusal(said)
        if refusal is not None:
            host = msg.node_id.rpartition("_")[0] or msg.node_id
            self.say(f"{host} was refused: {refusal.message}")
            self._refuse(msg.node_id, refusal)
            return
        assert isinstance(said, Joining)
        alike = sum(one.said.machine.host == said.machine.host for one in self)
        machine = JoinedMachine(msg.node_id, said, self._runner, alike + 1)
        self._machines[msg.node_id] = machine
        machine.send(messages.JOINED)
        if said.spare:
            self.say(f"{machine.host} has joined as a spare machine: {said.machine.processes} workers")
        else:
            self.say(f"{machine.host} has joined: {self.processes} of {self._expected} workers")

    def _refuse(self, node: str, refusal: MachineRefusal) -> None:
        self._runner.send_message(messages.REFUSED, msgspec.to_builtins(refusal), node)

    def _refusal(self, said: Joining) -> MachineRefusal | None:
        missing, begun = self._expected - self.processes, self._given is not None
        if begun and not missing and not said.spare:
            return MachineRefusal(
                "the run has begun, and has all its workers",
                "siotool worker --spare waits, and takes the place of one that is lost",
            )
        if said.machine.processes > missing and not said.spare:
            return MachineRefusal(
                f"it has {said.machine.processes} workers, and the run waits for {missing}",
                f"siotool worker --processes {missing}" if missing else "expect more (--expect-workers)",
            )
        # those that a run begins with are looked at by ``check_room``, when all are there
        if (begun or said.spare) and (short := self._shortage(said)):
            return MachineRefusal(*short)
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
        if machine is None or not self._may_go_on(machine):
            self._machines.pop(msg.node_id, None)
            self._refuse(msg.node_id, MachineRefusal("it had said nothing for too long", "join again"))
            return
        machine.heard_at = heard
        machine.error_s = question.error_s if question.error_s is not None else machine.error_s
        others = max((one.error_s or 0.0 for one in self if one is not machine and one.there), default=0.0)
        machine.send(messages.CLOCK, ClockAnswer(question.asked, heard, monotonic(), others))
        self._make_use_of(machine)

    def _may_go_on(self, machine: JoinedMachine) -> bool:
        """Whether it is still one of the machines: others may have its place, if it was silent for long.

        None of them has, where it was this process that was held up.
        """
        if machine.there or machine.workers:
            return True
        place = self.processes + machine.said.machine.processes <= self._expected
        return not machine.left and (machine.said.spare or place)

    def _make_use_of(self, machine: JoinedMachine) -> None:
        """Start workers in place of lost ones on a machine that has come for that, once it knows the time.

        So does one that was cut off, and is heard of again.
        """
        if self._given is None or machine.error_s is None or machine.left:
            return
        cut_off = [one for one in machine.workers if one.cut_off]
        count = machine.said.machine.processes - len(machine.workers) + len(cut_off)
        if machine.said.spare or machine.workers:
            count = min(count, self._expected - self.processes)
        if count > 0:
            for worker in cut_off:
                worker.kill()  # it may not have heard that before
            for worker in self._start_on(machine, count, self._given):
                self.came(worker)

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


def _read(data: Any) -> Joining | MachineRefusal:
    """What a machine says of itself; or why not, as it has another version, or cannot be understood."""
    told = data.get("versions") if isinstance(data, dict) else None
    own, found = versions(), told if isinstance(told, dict) else {}
    for name in _SAME:  # first, as another version may say the rest in another way
        if found.get(name) != own[name]:
            return MachineRefusal(
                f"it has {name} {found.get(name, 'of an unknown version')}, this run {own[name]}", _SAME_HINT
            )
    try:
        return msgspec.convert(data, Joining)
    except msgspec.ValidationError as error:
        return MachineRefusal(f"what it says of itself is not understood: {error}", _SAME_HINT)
