"""A worker process: ``python -m siotool.swarm.worker``, with its configuration on standard input.

The first line of standard input is a ``WorkerConfig`` in JSON. The pipe stays open as long as the
parent runs; when it closes, the worker ends.
"""

import contextlib
import functools
import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import locust.runners
import msgspec
from locust import argument_parser, events
from locust.env import Environment

from siotool.swarm import knobs, locust_log, locust_output, scenario_file, tags
from siotool.swarm.arriving_users import ArrivingUsers
from siotool.swarm.config import WorkerConfig
from siotool.swarm.counting_runner import counting_runner
from siotool.swarm.generator import Generator
from siotool.swarm.greenlet_errors import take_over_errors
from siotool.swarm.health import raise_files_limit
from siotool.swarm.parent_pipe import ParentPipe
from siotool.swarm.redaction import RedactedStream, Redaction
from siotool.swarm.row_desk import RowPool
from siotool.swarm.run_clock import SHARED, RunClock
from siotool.swarm.secret_channel import use_token
from siotool.swarm.staying_users import StayingUsers
from siotool.swarm.user import SocketIOUser
from siotool.swarm.user_numbers import LANE, NumberLane
from siotool.workload import Setting

#: Custom messages. A worker is ready: from now on it receives messages.
READY = "siotool_ready"
#: When second 0 of the run is, and which ``second`` is a worker's first. Each answers the same.
BEGIN = "siotool_begin"
#: The parent says over how many seconds the users that are started at once are spread.
SPREAD = "siotool_spread"
#: The parent says how many operations per second each user does from now on; None: its own rate.
RATE = "siotool_rate"
#: The parent says how many bytes each message has from now on; None: what the settings say.
SIZE = "siotool_size"
#: The parent says how many seconds of a scenario's timetable are left out.
SKIP = "siotool_skip"
#: A worker asks for rows of the users file, and the parent sends them.
ROWS = "siotool_rows"
#: A worker says by which digests texts are known that must not be shown.
SECRETS = "siotool_secrets"
#: The setting of a scenario that is the size of its messages.
SIZED = "size"
#: What a scenario that follows a timetable adds to the time.
SKIPPED = "skipped_s"
#: Key of our data in Locust's reports.
REPORTS = "siotool"


def main() -> None:
    """Run one worker until the parent stops it, or has ended."""
    for name in ("SIGINT", "SIGHUP"):  # the parent decides how a run ends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerConfig)
    redaction = Redaction(key=config.engine.run)
    sys.stderr = RedactedStream(sys.stderr, redaction)
    gevent.get_hub().exception_stream = sys.stderr
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    workload = config.workload
    clock = RunClock(config.clock or SHARED)
    ParentPipe(clock.follow)
    raise_files_limit()
    use_token(config.token)
    loaded = scenario_file.load(Path(config.scenario_path))
    knobs.apply(list(loaded.user_classes), workload.settings, config.templates)
    user_classes = tags.choose(loaded.user_classes, workload.tags, workload.exclude_tags)
    locust.runners.WORKER_REPORT_INTERVAL = 1e9  # when a second is over, not at Locust's own pace
    locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
    # the pipe shows when the parent has ended; a suspended machine is no reason to quit
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = 1 << 40
    # gevent would keep for each greenlet where it was spawned
    gevent.config.track_greenlet_tree = False
    # Locust builds its whole parser of the command line anew for each message that starts users
    argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)
    # Locust opens files for its own look at this process, and we look once a second
    locust.runners.CPU_MONITOR_INTERVAL = 1e9
    environment = Environment(
        user_classes=user_classes,
        events=events,
        host=config.engine.target.url,
        catch_exceptions=True,
        parsed_options=scenario_file.options(config.engine.target.url),
    )
    rows = RowPool() if config.with_rows else None
    generator = Generator(
        environment,
        config.engine,
        workload.seed,
        workload.processes,
        config.templates,
        rows,
        redaction,
        clock=clock,
        on_machine=config.on_machine,
    )
    generator.attach(environment)
    locust_log.take_over_log(generator.results.exception)
    take_over_errors(gevent.get_hub(), generator.results.exception)
    # users are made in the thousands and live long: collecting them over and over is waste
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    runner = _runner(environment, generator, config)
    hooks: Any = environment.events
    staying = StayingUsers()
    hooks.report_to_master.add_listener(lambda **_: staying.look(len(runner.user_greenlets)))
    runner.greenlet.join()
    hooks.quitting.fire(environment=environment, reverse=True)
    generator.engine.stop()


def _runner(environment: Environment, generator: Generator, config: WorkerConfig) -> Any:
    """Locust's side of this worker, which reports that it is ready once it can receive messages."""

    def report(client_id: str, data: dict[str, Any]) -> None:
        data[REPORTS] = generator.take_reports()
        if generator.health is not None:  # for Locust's UI
            runner.current_cpu_usage = generator.health.cpu_cores * 100
            runner.current_memory_usage = generator.health.rss_bytes

    clock = generator.run_clock

    def begin(environment: Environment, msg: Any) -> None:
        generator.begin(clock.ours(msg.data["at"]), msg.data["second"])
        runner.send_message(BEGIN, {"worker": config.engine.worker} | msg.data)

    def spread(environment: Environment, msg: Any) -> None:
        generator.spread_s = msg.data["seconds"]

    def rate(environment: Environment, msg: Any) -> None:
        generator.change_rate(msg.data["per_s"])

    def rows_came(environment: Environment, msg: Any) -> None:
        assert generator.rows is not None
        generator.rows.deliver(msg.data["asked"], msg.data["rows"])

    def stopping(**_: Any) -> None:
        arriving.end()
        generator.clock.cut()

    def ask_for_rows(count: int) -> None:
        runner.send_message(ROWS, {"worker": config.engine.worker, "count": count})

    hooks: Any = environment.events
    hooks.report_to_master.add_listener(report)
    hooks.test_stopping.add_listener(stopping)
    hooks.test_stop.add_listener(lambda **_: generator.finish())
    runner: Any = counting_runner(
        environment, config.master_host, config.master_port, generator.results.exception
    )
    generator.other_users = lambda: runner.other_users
    locust_output.redact_messages(runner, generator.redaction)
    generator.redaction.announce = lambda digests: runner.send_message(SECRETS, {"digests": digests})
    arriving = ArrivingUsers(runner, generator, config)
    generator.on_report = lambda: gevent.spawn(runner._send_stats)
    move = runner.start_worker

    def close_and_move(user_classes_count: dict[str, int], **more: Any) -> None:
        generator.clock.close_due()
        move(_with_rows(runner, generator, arriving.residents_of(user_classes_count)), **more)
        arriving.begin()

    runner.start_worker = close_and_move

    def lane(environment: Environment, msg: Any) -> None:
        generator.take_numbers(msgspec.convert(msg.data, NumberLane))

    heard = {BEGIN: begin, SPREAD: spread, RATE: rate, ROWS: rows_came, LANE: lane}
    heard[SIZE] = _change_of(runner, SIZED, "bytes", config.workload.settings.get(SIZED))
    heard[SKIP] = _change_of(runner, SKIPPED, "seconds", 0.0)
    for kind, listener in heard.items():
        runner.register_message(kind, listener)
    if generator.rows is not None:
        generator.rows.request = ask_for_rows
    hooks.init.fire(environment=environment, runner=runner, web_ui=None)
    # Locust has announced this worker before it could receive messages
    runner.send_message(READY, {"worker": config.engine.worker})
    return runner


def _change_of(runner: Any, name: str, told: str, unchanged: Setting | None) -> Callable[..., None]:
    """A listener that changes what all users have, of the classes that have such a thing."""

    def change(environment: Environment, msg: Any) -> None:
        value = unchanged if msg.data[told] is None else msg.data[told]
        for found in runner.user_classes:
            if hasattr(found, name):
                setattr(found, name, value)

    return change


def _with_rows(runner: Any, generator: Generator, wanted: dict[str, int]) -> dict[str, int]:
    """The users wanted by class, without those to start for whom there is no row left."""
    if generator.rows is None:
        return wanted
    ours = {name: runner.user_classes_by_name[name] for name in wanted}
    starting = {
        name: max(0, count - runner.user_classes_count.get(name, 0))
        for name, count in wanted.items()
        if issubclass(ours[name], SocketIOUser)
    }
    missing = sum(starting.values()) - generator.rows.provide(sum(starting.values()))
    for name, count in starting.items():
        dropped = min(missing, count)
        wanted[name] -= dropped
        missing -= dropped
    return wanted


if __name__ == "__main__":
    with contextlib.suppress(gevent.GreenletExit):
        main()
