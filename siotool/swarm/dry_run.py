"""One client against the target: every packet of it, one turn of each task, and what it did. No run file."""

import signal
from collections import Counter
from collections.abc import Callable
from functools import wraps
from time import monotonic
from typing import Any

import gevent
import gevent.event
import msgspec
from locust import User, events
from locust.env import Environment

from siotool.client.identity import Identity
from siotool.client.parsers import parser_of
from siotool.client.secret_texts import secrets_of
from siotool.errors import InputError, TargetError
from siotool.protocol.engine_io import Frame
from siotool.runfile import Operation, ScenarioFailure
from siotool.swarm import aggregator, first_user, locust_log, packet_lines, worker_report
from siotool.swarm.config import RunConfig
from siotool.swarm.generator import Generator
from siotool.swarm.operation_merging import merged_operations
from siotool.swarm.row_desk import RowDesk, RowPool
from siotool.swarm.scenario_file import Scenario, options
from siotool.swarm.settings import EngineSettings

#: Tasks begin so often, whatever the scenario's own rate: it is there to be looked at.
_RATE = 4.0
#: How long its turns are waited for, from the moment the client has connected.
_LONGEST_S = 5.0
_LOOK_S = 0.02


class DryRun(msgspec.Struct, frozen=True):
    """What one client did: its operations, how connects failed, and what the scenario raised."""

    operations: list[Operation]
    failed: dict[str, int]
    exceptions: list[ScenarioFailure]

    @property
    def wrong(self) -> bool:
        """True when anything did not succeed."""
        return bool(self.failed or self.exceptions or any(found.errors for found in self.operations))


def look(config: RunConfig, scenario: Scenario, show: Callable[[str], None]) -> DryRun:
    """Run one client; ``show`` gets a line for each packet.

    Where it cannot connect, and the scenario did not raise, the target is checked as before a run, and it
    tries once more with what that found. Raises TargetError, ScenarioError, InputError.
    """
    if config.engine.client != "native":
        raise InputError("--dry-run shows the native client's packets", "leave out --client")
    interrupted = gevent.event.Event()
    handler = gevent.signal_handler(signal.SIGINT, interrupted.set)
    try:
        found = _look(config.engine, config, scenario, show, interrupted)
        if found is None and not interrupted.is_set():
            adapted = first_user.check(config, scenario).engine
            found = _look(adapted, config, scenario, show, interrupted)
    finally:
        handler.cancel()
    if interrupted.is_set():
        raise KeyboardInterrupt
    if found is None:
        raise TargetError(f"{config.engine.target.url}: the client could not connect", "try siotool probe")
    return found


def _look(
    engine: EngineSettings,
    config: RunConfig,
    scenario: Scenario,
    show: Callable[[str], None],
    interrupted: gevent.event.Event,
) -> DryRun | None:
    """The same, once; None when the client could not connect, and the scenario has not said why."""
    listener = _Listener(engine, show)
    made: set[Any] = set()
    tasks = {task for found in scenario.user_classes for task in _note(found, made)}
    environment = Environment(
        user_classes=scenario.user_classes,
        events=events,
        host=engine.target.url,
        catch_exceptions=True,
        parsed_options=options(engine.target.url),
    )
    rows = None if config.users_file is None else RowPool.at(RowDesk(config.users_file))
    generator = Generator(environment, engine, config.workload.seed, 1, config.templates, rows, tap=listener)
    generator.attach(environment)
    listener.to_hub = generator.engine.loop.to_hub
    locust_log.take_over_log(generator.results.exception)
    generator.spread_s = 0.0
    generator.change_rate(_RATE)
    runner: Any = environment.create_local_runner()
    hooks: Any = environment.events
    raised: list[BaseException] = []
    hooks.user_error.add_listener(lambda exception, **_: raised.append(exception))

    def not_made(greenlet: Any) -> None:
        raised.append(greenlet.exception)
        generator.results.exception(greenlet.exception)

    hooks.init.fire(environment=environment, runner=runner, web_ui=None)
    listener.begin = monotonic()
    generator.begin(listener.begin)
    try:
        runner.start(1, spawn_rate=1)
        runner.spawning_greenlet.link_exception(not_made)
        connected = _wait(generator, made, tasks, raised, interrupted)
        runner.stop()
        generator.finish()
    finally:
        runner.quit()
        generator.engine.stop()
    if not connected and not raised:
        return None
    parts = [worker_report.decode(report) for report in generator.take_reports()]
    failed: Counter[str] = Counter()
    for part in parts:
        failed.update(part.connections.failed)
    return DryRun(
        merged_operations(part.operations for part in parts), dict(failed), aggregator.merge_exceptions(parts)
    )


def _wait(
    generator: Generator,
    made: set[Any],
    tasks: set[Any],
    raised: list[BaseException],
    interrupted: gevent.event.Event,
) -> bool:
    """Wait until each task had a turn, or long enough; False when it has not connected.

    Ends when the first connect has failed, or the scenario has ``raised`` something before it.
    """
    ends = monotonic() + generator.settings.connect_timeout_s + _LONGEST_S
    connected_at: float | None = None
    while monotonic() < ends and not tasks <= made and not interrupted.is_set():
        targets = generator.engine.loop.metrics.targets
        if connected_at is None and any(target.failed for target in targets):
            return False
        if connected_at is None and any(target.established for target in targets):
            connected_at = monotonic()
            ends = connected_at + _LONGEST_S
        if connected_at is None and raised:
            return False
        interrupted.wait(_LOOK_S)
    return connected_at is not None or any(
        target.established for target in generator.engine.loop.metrics.targets
    )


def _note(user_class: type[User], made: set[Any]) -> list[Any]:
    """Give a class each of its tasks once; ``made`` gets those that have had a turn. Returns the tasks."""

    def noted(task: Any) -> Any:
        if isinstance(task, type):
            return task  # a nested task set ends when it likes

        @wraps(task)
        def note(user: Any) -> Any:
            try:
                return task(user)
            finally:
                made.add(note)

        return note

    user_class.tasks = [noted(task) for task in dict.fromkeys(user_class.tasks)]
    return list(user_class.tasks)


class _Listener:
    """Turns packets into lines, in the loop's thread, and hands them to the hub in order."""

    def __init__(self, engine: EngineSettings, show: Callable[[str], None]) -> None:
        self._parser = parser_of(engine.parser, engine.revision)
        self._show = show
        self._secrets = set(secrets_of(engine.identity))
        self.to_hub: Callable[..., None] = lambda *_: None
        self.begin = 0.0
        self._latest = 0.0

    def opening(self, identity: Identity) -> None:
        """Keep in mind what must not be shown."""
        self._secrets.update(secrets_of(identity))

    def packet(self, frame: Frame, transport: str, now: float, *, outgoing: bool) -> None:
        """Show a packet. One that came while another was sent is handled, and shown, after that."""
        self._latest = max(self._latest, now)
        text = packet_lines.line(
            frame, self._parser, self._latest - self.begin, transport, self._secrets, outgoing=outgoing
        )
        self.to_hub(self._show, text)
