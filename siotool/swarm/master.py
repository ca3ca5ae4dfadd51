"""Locust's side of the parent: its environment, and its master, which workers with the run's token reach."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import locust.runners
import msgspec
from locust import events
from locust.env import Environment

from siotool.client.choices import sockets_kept
from siotool.errors import InputError
from siotool.measured_servers import LOCAL
from siotool.runfile import GeneratorMachine
from siotool.swarm.admitting_runner import admitting_runner
from siotool.swarm.config import RunConfig, WorkerConfig
from siotool.swarm.join_token import make_token
from siotool.swarm.load_limits import WantedLoad
from siotool.swarm.machines.joined_machines import JoinedMachines, RemoteWorker
from siotool.swarm.machines.own_machine import describe
from siotool.swarm.machines.scenario_bundle import packed
from siotool.swarm.run_address import place
from siotool.swarm.scenario_file import Scenario, options
from siotool.swarm.secret_channel import use_token
from siotool.swarm.workers import Workers

#: We decide when a worker is lost, not Locust: see ``Workers.forget``.
_NEVER = 1 << 40
_LOOPBACK = "127.0.0.1"
#: How long what was said last may take to go out.
_LINGER_MS = 1000
#: Files that the clients' TLS options may name.
_TLS_FILES = ("ca_file", "cert_file", "key_file")


class Master:
    """The ``environment`` of a run and its ``runner``, which listens; nothing joins without the token."""

    def __init__(self, config: RunConfig, scenario: Scenario) -> None:
        """Listen. Raises InputError where that cannot be."""
        locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
        locust.runners.HEARTBEAT_LIVENESS = _NEVER
        self._config = config
        self._scenario = scenario
        self._far = config.distributed
        self._token = make_token() if self._far is None else self._far.token
        use_token(self._token)
        url = config.engine.target.url
        self.environment = Environment(
            user_classes=scenario.user_classes, events=events, host=url, parsed_options=options(url)
        )
        host, port = (_LOOPBACK, 0) if self._far is None else (self._far.host, self._far.port)
        self.runner: Any = admitting_runner(self.environment, host, port)
        if scenario.shape is not None:
            scenario.shape.runner = self.runner
        addresses = [address.host for place in config.engine.targets for address in place.addresses]
        self._machines = (
            None
            if self._far is None
            else JoinedMachines(
                self.runner,
                addresses,
                WantedLoad(
                    config.workload.most_users,
                    self._far.workers,
                    places=len(config.engine.targets),
                    sockets=sockets_kept(config.engine.transports),
                ),
            )
        )

    def gather(self) -> list[GeneratorMachine]:
        """The machines that load is made on, once all have joined. Raises GeneratorError when they do not."""
        if self._far is None or self._machines is None:
            return [describe(LOCAL, self._config.workload.processes)]
        if not self._far.quiet:
            self._machines.say = _tell
            where = place(self._far.host, self.runner.server.port)
            _tell(f"waiting for {self._far.workers} workers on {where} (on each: siotool worker --join)")
        self._machines.wait(self._far.within_s)
        self._machines.check_room()
        return [machine.described for machine in self._machines.crew]

    def start(
        self,
        workers: Workers,
        say: Callable[[str], object],
        came: Callable[[RemoteWorker], object],
    ) -> None:
        """Start the workers, here or on the machines; ``say`` is told who leaves or comes late.

        ``came`` gets each worker that a machine has started in place of a lost one.
        """
        if self._machines is None:
            count = self._config.workload.processes
            workers.start(self._config_of(number, count) for number in range(count))
            return
        self._machines.say, self._machines.came = say, came
        tls = self._config.engine.tls
        files = {name: _contents(getattr(tls, name)) for name in _TLS_FILES if getattr(tls, name)}
        workers.take(self._machines.start(packed(self._scenario.path), files, self._config_of))

    def _config_of(self, number: int, on_machine: int) -> WorkerConfig:
        """What a worker gets; on another machine it learns there what differs."""
        config = self._config
        return WorkerConfig(
            master_host=_LOOPBACK,
            master_port=self.runner.server.port,
            token=self._token,
            scenario_path=str(self._scenario.path),
            engine=msgspec.structs.replace(config.engine, worker=number),
            workload=config.workload,
            templates=config.templates,
            with_rows=config.users_file is not None,
            on_machine=on_machine,
        )

    def close(self) -> None:
        """Tell the machines that the run is over, and listen no more."""
        if self._machines is not None:
            self._machines.dismiss()
        self.runner.greenlet.kill(block=False)
        self.runner.server.close(linger=_LINGER_MS if self._machines is not None else 0)


def _tell(text: str) -> None:
    print(f"siotool: {text}", file=sys.stderr, flush=True)


def _contents(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "the clients' TLS needs it") from None
