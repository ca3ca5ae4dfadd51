"""``siotool worker``: a machine joins a run, makes its share of the load, and leaves when the run is over.

Its workers are processes of their own, which speak to the run's Locust master themselves. This process
starts and ends them, compares clocks for them, and says when one has ended. It does not load Locust: what
it asks about the time waits for nothing else.
"""

import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from siotool.client.source_addresses import reaching_each
from siotool.errors import GeneratorError, InputError, ScenarioError
from siotool.swarm.config import WorkerConfig
from siotool.swarm.machines import machine_messages as messages
from siotool.swarm.machines.compared_clock import ComparedClock
from siotool.swarm.machines.machine_messages import (
    ClockAnswer,
    Joining,
    MachineRefusal,
    Starting,
    WorkerEnding,
)
from siotool.swarm.machines.own_machine import describe, loopback_network, versions
from siotool.swarm.machines.own_workers import OwnWorkers
from siotool.swarm.machines.parent_link import ParentLink
from siotool.swarm.machines.scenario_bundle import unpacked
from siotool.swarm.own_limits import read_limits
from siotool.units import format_duration

#: How often a machine says that it wants to join, until it is heard.
_JOIN_S = 1.0
#: A parent that answers nothing for so long is gone; sooner, where the connection broke and stays so.
_SILENT_S, _BROKEN_S = 40.0, 10.0


def is_gone(silent_s: float, broken_s: float | None) -> bool:
    """Whether a parent is gone that was silent for so long, and whose connection broke so long ago.

    None: there is a connection.
    """
    return silent_s > _SILENT_S or (broken_s is not None and broken_s > _BROKEN_S)


class MachineSession:
    """One machine's part in one run; ``say`` shows a line to whoever started it."""

    def __init__(
        self,
        host: str,
        port: int,
        token: str,
        processes: int,
        sources: tuple[str, ...],
        say: Callable[[str], object],
        *,
        spare: bool,
    ) -> None:
        """``sources`` are the addresses to connect to the target from; none: as the system chooses.

        A ``spare`` machine makes load only in place of workers that are lost.
        """
        self._host, self._port, self._token = host, port, token
        self._processes, self._sources = processes, sources
        self._spare = spare
        self._say = say
        self._link = ParentLink(host, port, token, socket.gethostname())
        self._clock = ComparedClock(self._link)
        self._workers = OwnWorkers()
        self._heard_at = monotonic()
        self._over = False

    def run(self, wait_s: float) -> None:
        """Join, work, and return when the run is over.

        ``wait_s`` is how long the run may take to be there. Raises InputError when the machine is refused,
        and GeneratorError when there is no run, or the run is gone.
        """
        with tempfile.TemporaryDirectory(prefix="siotool-") as folder:
            try:
                self._join(wait_s)
                while not self._over:
                    self._turn(Path(folder))
            except KeyboardInterrupt:
                self._link.send(messages.LEAVING)
                raise
            finally:
                self._workers.end()
                self._link.close()

    def _join(self, wait_s: float) -> None:
        said = Joining(
            describe(socket.gethostname(), self._processes),
            versions(),
            loopback_network(),
            read_limits(),
            len(self._sources) or 1,
            self._spare,
        )
        deadline, asked_at = monotonic() + wait_s, -_JOIN_S
        while True:
            now = monotonic()
            if now > deadline:
                raise GeneratorError(
                    f"no run answers at {self._link.where} within {format_duration(wait_s)}",
                    "siotool loadtest --distributed --listen ADDRESS starts one; is a firewall between?",
                )
            if self._link.connected and now >= asked_at + _JOIN_S:
                asked_at = now
                self._link.send(messages.JOIN, said)
            kind, data = self._link.receive(0.1) or ("", None)
            if kind == messages.JOINED:
                self._heard_at = now
                spare = ", to take the place of lost ones" if self._spare else ""
                self._say(f"joined {self._link.where} with {self._processes} workers{spare}")
                return
            if kind == messages.REFUSED:
                raise self._refused(data)

    def _turn(self, folder: Path) -> None:
        """Wait for a message until it is time to ask for the time; look after everything."""
        self._clock.ask_when_due()
        received = self._link.receive(self._clock.due_in_s())
        if received is not None:
            self._heard_at = monotonic()
            self._hear(*received, folder)
        for number, ending in self._workers.ended():
            self._link.send(messages.ENDED, WorkerEnding(number, ending))
        now = monotonic()
        silent_s = now - self._heard_at
        if is_gone(silent_s, None if self._link.connected else now - self._link.broken_at):
            raise GeneratorError(
                f"{self._link.where} has said nothing for {silent_s:.0f} s", "the run is over, or unreachable"
            )

    def _hear(self, kind: str, data: Any, folder: Path) -> None:
        if kind == messages.CLOCK:
            self._clock.take(msgspec.convert(data, ClockAnswer))
            if self._workers and self._clock.reading is not None:
                self._workers.tell_time(self._clock.reading)
        elif kind == messages.START:
            self._start(msgspec.convert(data, Starting), folder)
        elif kind == messages.KILL:
            self._workers.kill(msgspec.convert(data, WorkerEnding).worker)
        elif kind == messages.REFUSED:
            raise self._refused(data)
        elif kind == messages.OVER:
            self._over = True

    def _refused(self, data: Any) -> InputError:
        refusal = msgspec.convert(data, MachineRefusal)
        return InputError(f"{self._link.where} refuses this machine: {refusal.message}", refusal.hint)

    def _start(self, asked: Starting, folder: Path) -> None:
        configs = [msgspec.json.decode(one, type=WorkerConfig) for one in asked.configs]
        try:
            scenario = unpacked(asked.bundle, folder / "scenario")
            for config in configs:
                reaching_each(self._sources, [place.addresses for place in config.engine.targets])
        except (ScenarioError, InputError, OSError) as error:
            for config in configs:
                self._link.send(messages.ENDED, WorkerEnding(config.engine.worker, f"not started: {error}"))
            return
        tls_files = {option: folder / f"{option}.pem" for option in asked.tls_files}
        for option, path in tls_files.items():
            path.touch(mode=0o600)
            path.write_bytes(asked.tls_files[option])
        self._say(f"the run begins: {asked.bundle.scenario}")
        self._workers.start(
            msgspec.structs.replace(
                config,
                master_host=self._host,
                master_port=self._port,
                token=self._token,
                scenario_path=str(scenario),
                clock=self._clock.reading,
                engine=msgspec.structs.replace(
                    config.engine,
                    sources=self._sources,
                    tls=msgspec.structs.replace(
                        config.engine.tls, **{option: str(path) for option, path in tls_files.items()}
                    ),
                ),
            )
            for config in configs
        )
