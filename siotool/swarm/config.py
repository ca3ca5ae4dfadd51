"""The configuration of a load test and of its workers, and the run file's header made from it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from siotool import runfile
from siotool.client import tcp
from siotool.client.secret_texts import secrets_of
from siotool.faults.planned_fault import PlannedFault
from siotool.measured_servers import MeasuredServer
from siotool.runfile import GeneratorMachine, Header
from siotool.swarm.machines.clock_comparison import ClockReading
from siotool.swarm.machines.distributed import Distributed
from siotool.swarm.machines.own_machine import versions
from siotool.swarm.redaction import Redaction, with_commands_hidden
from siotool.swarm.servers.asked_server import AskedServers
from siotool.swarm.settings import EngineSettings
from siotool.swarm.users_file import UsersFile
from siotool.workload import ClientBackoff, WeightedTarget, Workload

Reason = Literal["finished", "interrupted", "workers_lost", "target_lost", "stopped"]


class RunConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A load test. Of ``engine`` only the target is written into the run file.

    ``find_revision``: the target says which revision of Engine.IO it speaks. ``embedded``: the target
    was started for this run; ``lab`` says which lab it is, where it is one.
    ``web_port`` is where Locust's own UI listens on loopback, None for no UI;
    ``locust_files`` asks for Locust's own CSV and HTML beside the run file.
    ``keep_awake``: the CPUs that generator and servers may use are not to sleep (``siotool.swarm.awake``).
    ``templates`` are the settings that are filled in for each user, ``users_file`` the users' rows.
    ``distributed``: the workers are on other machines.
    """

    engine: EngineSettings
    workload: Workload
    out: Path
    find_revision: bool = False
    weights: tuple[int, ...] = (1,)
    embedded: bool = False
    lab: str = ""
    servers: AskedServers = AskedServers()
    web_port: int | None = None
    locust_files: bool = False
    keep_awake: bool = False
    gates: list[str] = []
    default_gates: bool = True
    command: list[str] = []
    templates: dict[str, str] = {}
    users_file: UsersFile | None = None
    distributed: Distributed | None = None
    faults: tuple[PlannedFault, ...] = ()


class WorkerConfig(msgspec.Struct, frozen=True):
    """What a worker gets before it starts; ``master_host`` and ``master_port`` are where the parent listens.

    ``token`` is the run's (``siotool.swarm.join_token``). ``with_rows``: each user has a row of a users
    file, which the parent sends when it is asked for. ``on_machine``: how many workers its machine has.
    ``clock``: how the machine's clock compares with the parent's; None where they are one.
    """

    master_host: str
    master_port: int
    token: str
    scenario_path: str
    engine: EngineSettings
    workload: Workload
    templates: dict[str, str]
    with_rows: bool
    on_machine: int
    clock: ClockReading | None = None


class Outcome(msgspec.Struct, frozen=True):
    """Where the run file is, and how the run ended."""

    path: Path
    reason: Reason


def header_of(config: RunConfig, servers: list[MeasuredServer], generators: list[GeneratorMachine]) -> Header:
    """The first line of the run file; a command of a fault may quote what options hold that is secret."""
    known = versions()
    hide = Redaction(secrets_of(config.engine.identity)).apply
    return Header(
        version=runfile.VERSION,
        run=config.out.name,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        siotool=known.pop("siotool"),
        libraries=known,
        generators=generators,
        target=config.engine.target,
        targets=_targets(config),
        workload=config.workload,
        bytes_source=tcp.SOURCE,
        servers=servers,
        embedded=config.embedded,
        lab=config.lab,
        faults=[msgspec.structs.replace(one, do=hide(one.do), undo=hide(one.undo)) for one in config.faults],
        backoff=_backoff(config),
        gates=config.gates,
        default_gates=config.default_gates,
        command=with_commands_hidden(config.command, hide),
    )


def _backoff(config: RunConfig) -> ClientBackoff | None:
    rule = config.engine.reconnection
    waits = rule.backoff
    return ClientBackoff(waits.delay_s, waits.delay_max_s, waits.jitter) if rule.enabled else None


def _targets(config: RunConfig) -> list[WeightedTarget]:
    """All targets, where there are several."""
    places = config.engine.targets
    shares = zip(places, config.weights, strict=True) if len(places) > 1 else ()
    return [WeightedTarget(place.target.url, weight) for place, weight in shares]
