"""The parent of a load test: Locust's master, its workers, and the run file they fill.

Imported only after nothing else has opened ssl: Locust patches it for gevent.
"""

import os
import secrets
import signal
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
import gevent.event
import locust.runners
import msgspec
from locust import events
from locust.env import Environment
from locust.stats import stats_history

from siotool.client.address import resolve
from siotool.client.compression import would_compress
from siotool.errors import GeneratorError, SiotoolError
from siotool.printable import one_line
from siotool.runfile import Header
from siotool.runwriter import Writer
from siotool.swarm import locust_log, preflight, shape, web_ui
from siotool.swarm.config import Outcome, Reason, RunConfig, header_of
from siotool.swarm.live import Display
from siotool.swarm.locust_files import LocustFiles
from siotool.swarm.patience import HELD_UP_S, SILENT_S, Patience, suspended_s
from siotool.swarm.recorder import Recorder
from siotool.swarm.scenario_file import Scenario, options
from siotool.swarm.scenario_results import secrets_of
from siotool.swarm.server_use import ServerProbe, ServerSamples
from siotool.swarm.settings import EngineSettings
from siotool.swarm.worker import REPORTS, SPREAD, WorkerConfig
from siotool.swarm.worker_process import WorkerProcess
from siotool.swarm.workers import Workers
from siotool.units import format_duration

#: A worker that goes on reporting after the end may take so long for its last report.
_FINISH_S = 15.0
#: Users that are started at once have had their turn before their stage is over.
_SPREAD_SHARE = 0.9
#: Stages change a moment after a second is over, and so in the next one.
_AFTER_S = 0.002
#: We decide when a worker is lost, not Locust: see ``Workers.forget``.
_NEVER = 1 << 40
_HANGUP = getattr(signal, "SIGHUP", None)
#: Locust's own pace of looking at workers is a second; ours is finer.
_LOOK_S = 0.05


def run(config: RunConfig, scenario: Scenario, show: Callable[[Header], Display]) -> Outcome:
    """Run a load test to its end; returns the run file and how it ended.

    Raises TargetError before anything is written when the target does not answer,
    OutputError when the folder cannot be written, GeneratorError when no worker comes up.
    """
    # a Ctrl-C before the run has handlers of its own is no error for gevent to print
    hub: Any = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)
    probe = ServerProbe(config.server_pid, config.server_cores) if config.server_pid else None
    engine = EngineSettings(
        target=config.target,
        address=resolve(config.target),
        run=secrets.randbits(64),
        auth=config.auth,
        headers=config.headers,
        connect_timeout_s=config.connect_timeout_s,
        ack_timeout_s=config.ack_timeout_s,
    )
    if config.web_port is not None:
        config = msgspec.structs.replace(config, web_port=web_ui.free_port(config.web_port))
    preflight.check(engine)
    compression = would_compress(config.target, config.headers)
    header = header_of(config, probe.describe() if probe is not None else None, compression)
    writer = Writer(config.out)
    writer.write(header)
    display = show(header)
    test = _LoadTest(config, scenario, engine, writer, display, probe)
    try:
        return test.run()
    finally:
        test.close()


class _LoadTest:
    """One run: its stages, and who takes part in it."""

    def __init__(
        self,
        config: RunConfig,
        scenario: Scenario,
        engine: EngineSettings,
        writer: Writer,
        display: Display,
        probe: ServerProbe | None,
    ) -> None:
        self._config = config
        self._writer = writer
        self._display = display
        self._server = ServerSamples(probe)
        self._recorder = Recorder(
            config.workload,
            writer,
            display,
            self._server,
            self._break,
            secrets_of(config.auth, config.headers),
        )
        self._reason: Reason = "finished"
        self._over = gevent.event.Event()
        self._patience = Patience(0.0)
        self._suspended_s = suspended_s()
        self._failure: Exception | None = None
        self._workers = Workers()
        self._interrupts = 0
        self._helpers: list[gevent.Greenlet] = []
        self._signals = {
            number: gevent.signal_handler(number, self._interrupted, number) for number in _ends()
        }
        locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
        locust.runners.HEARTBEAT_LIVENESS = _NEVER
        self._shape = scenario.shape
        locust_log.take_over(self._hook_raised)
        self._environment = Environment(
            user_classes=scenario.user_classes,
            events=events,
            host=config.target.url,
            parsed_options=options(config.target.url),
        )
        self._runner: Any = self._environment.create_master_runner("127.0.0.1", 0)
        self._locust_files = LocustFiles(self._environment, config.out) if config.locust_files else None
        hooks: Any = self._environment.events
        hooks.worker_report.add_listener(self._reported)
        self._workers.listen(self._runner)
        for number in range(config.workload.processes):
            self._workers.start(
                WorkerConfig(
                    master_port=self._runner.server.port,
                    scenario_path=str(scenario.path),
                    settings=config.workload.settings,
                    engine=msgspec.structs.replace(engine, worker=number),
                    seed=config.workload.seed,
                    workers=config.workload.processes,
                    tags=config.workload.tags,
                    exclude_tags=config.workload.exclude_tags,
                )
            )

    # ── the course of a run ───────────────────────────────────────────────────────────

    def run(self) -> Outcome:
        """Start, follow the stages, stop, and write everything down."""
        self._display.start()
        try:
            if self._gather():
                stages = self._spawn(self._follow_stages if self._shape is None else self._follow_shape)
                self._spawn(self._watch)
                if self._server.probe is not None:
                    self._spawn(self._sample_server)
                self._over.wait()
                stages.kill()
                self._stop()
        except GeneratorError:
            self._reason = "workers_lost"
            raise
        except BaseException:
            self._reason = "interrupted"
            raise
        finally:
            self._fire("quitting", reverse=True)
            if self._reason == "finished" and self._recorder.target_lost:
                self._reason = "target_lost"
            self._recorder.end(self._reason)
            self._display.stop()
            for line in self._recorder.complaints:
                print(f"siotool: {one_line(line)}", file=sys.stderr)
            if self._locust_files is not None:
                self._locust_files.finish()
        if self._failure is not None:
            raise self._failure
        return Outcome(path=self._writer.path, reason=self._reason)

    def close(self) -> None:
        """End every process and greenlet of the run."""
        for number, handler in self._signals.items():
            handler.cancel()
            signal.signal(number, signal.getsignal(number))  # libev leaves the default behind
        gevent.killall(self._helpers)
        self._workers.end()
        ui: Any = self._environment.web_ui
        if ui is not None:
            ui.stop()
        self._runner.greenlet.kill(block=False)
        self._runner.server.close(linger=0)
        self._writer.close()

    def _spawn(self, function: Callable[..., None], *args: Any) -> gevent.Greenlet:
        """Run something beside the run; when it breaks, the run ends."""

        def guarded() -> None:
            try:
                function(*args)
            except Exception as error:
                self._break(error)

        helper = gevent.spawn(guarded)
        self._helpers.append(helper)
        return helper

    def _break(self, error: Exception) -> None:
        """Something of ours does not work: the run ends in order, and the error is told."""
        if self._failure is None:
            self._failure = error
            self._reason = "interrupted"
            if isinstance(error, SiotoolError):
                self._recorder.note("doubt", error.message)
            else:
                self._recorder.note("doubt", f"the run was ended by a bug: {type(error).__name__}: {error}")
        self._over.set()

    def _gather(self) -> bool:
        """Wait for the workers and begin with them; False when the run is over before."""
        if not self._workers.gather(self._over):
            return False
        self._serve_web_ui()
        self._spawn(stats_history, self._runner)
        self._fire("init", runner=self._runner, web_ui=self._environment.web_ui)
        if not self._workers.agree(self._over):
            return False
        assert self._workers.begin is not None
        self._recorder.begin = self._workers.begin
        self._patience = Patience(self._workers.begin)
        return True

    def _follow_stages(self) -> None:
        users = 0
        due = self._recorder.begin
        gevent.sleep(max(0.0, due - monotonic()))
        for number, stage in enumerate(self._config.workload.stages):
            due += stage.duration_s
            if number:
                self._recorder.note(
                    "info", f"stage {number + 1}: {stage.users} users within {stage.duration_s:g} s"
                )
            if stage.users != users:
                users = self._move(users, stage.users, stage.duration_s, due)
            gevent.sleep(max(0.0, due - monotonic()) + _AFTER_S)
        self._over.set()

    def _follow_shape(self) -> None:
        assert self._shape is not None
        begin, limit_s = self._recorder.begin, self._config.run_time_s
        gevent.sleep(max(0.0, begin - monotonic()))
        shape.follow(self._shape, self._runner, begin, limit_s, self._reshape)
        self._over.set()

    def _reshape(self, users: int, rate: float, user_classes: Any) -> None:
        self._recorder.note("info", f"{users} users at {rate:g} per second")
        spread_s = _SPREAD_SHARE * min(1.0, max(1, int(rate)) / rate)
        self._runner.send_message(SPREAD, {"seconds": spread_s})
        self._runner.start(users, spawn_rate=rate, user_classes=user_classes)

    def _fire(self, hook: str, **more: Any) -> None:
        """Call a scenario's hook when Locust would."""
        getattr(self._environment.events, hook).fire(environment=self._environment, **more)

    def _hook_raised(self, error: BaseException) -> None:
        """An event hook of the scenario raised in this process."""
        self._recorder.raised(error)

    def _move(self, before: int, users: int, within_s: float, due: float) -> int:
        """Move evenly from one number of users to another; returns how many were asked for by ``due``.

        Locust starts a batch of users at once, at most one a second; each batch is spread over
        the time until the next one, and over no more than the stage.
        """
        rate = abs(users - before) / max(0.1, within_s)
        batch_s = max(1, int(rate)) / rate
        self._runner.send_message(SPREAD, {"seconds": _SPREAD_SHARE * min(1.0, within_s, batch_s)})
        # Locust waits for workers to tell that they have started, also for those that are lost
        with gevent.Timeout(max(_LOOK_S, due - monotonic()), False):
            self._runner.start(users, spawn_rate=rate)
        dispatcher = self._runner._users_dispatcher  # None once Locust's UI has stopped the run
        return users if dispatcher is None else int(dispatcher.get_current_user_count())

    def _watch(self) -> None:
        """Write each second down once it is whole; notice workers that are gone."""
        while True:
            self._look_at_clocks()
            self._recorder.close_seconds()
            for worker in self._workers:
                self._look_after(worker)
            if not self._workers.alive:
                if not self._over.is_set():
                    self._reason = "workers_lost"
                    self._over.set()
                return
            if self._runner.state in ("stopping", "stopped") and not self._over.is_set():
                self._reason = "interrupted"
                self._recorder.note("warning", "stopped from Locust's UI")
                self._over.set()
            gevent.sleep(_LOOK_S)

    def _look_at_clocks(self) -> None:
        held_up = self._patience.look(monotonic())
        if held_up > 2 * HELD_UP_S:
            self._recorder.note(
                "doubt",
                f"the run's own process stood still for {format_duration(held_up)}: "
                "changes of stage may have come late",
            )
        before, self._suspended_s = self._suspended_s, suspended_s()
        if self._suspended_s - before > HELD_UP_S:
            asleep = format_duration(self._suspended_s - before)
            self._recorder.note("doubt", f"this machine was suspended for {asleep}")

    def _look_after(self, worker: WorkerProcess) -> None:
        if not worker.alive:
            self._lose(worker, f"generator worker {worker.number} was lost ({worker.ending})")
            return
        due = self._recorder.timeline.due(worker.number)
        if due is not None and self._patience.silent(due, monotonic()):
            worker.kill()
            self._lose(
                worker,
                f"generator worker {worker.number} did not report second {due + 1} within "
                f"{SILENT_S:g} s (stopped, or busy in a scenario's code?): it was ended, "
                "and its users with it",
            )

    def _stop(self) -> None:
        if self._workers.alive:
            # or Locust's master gives the users of a worker that has stopped to those that have not yet
            self._fire("test_stopping")
            self._runner.update_state(locust.runners.STATE_STOPPING)
            self._runner.send_message("stop")
            deadline = monotonic() + _FINISH_S
            # what waits for seconds in between is the watch; when it is broken, nobody waits
            while not self._recorder.timeline.finished and monotonic() < deadline and self._failure is None:
                gevent.sleep(_LOOK_S)
        for worker in self._workers:
            if self._recorder.timeline.due(worker.number) is not None and self._failure is None:
                self._lose(
                    worker,
                    f"generator worker {worker.number} was not done {_FINISH_S:g} s after the end: "
                    "what it still had under way is unknown",
                )
            self._recorder.timeline.lose(worker.number)
        try:
            self._recorder.close_seconds()
        except Exception as error:
            self._break(error)
        self._fire("test_stop")

    def _interrupted(self, number: int) -> None:
        if self._interrupts and number == _HANGUP:
            return  # a shell that goes sends one too: it is no second wish
        self._interrupts += 1
        if self._interrupts > 1:
            self._workers.kill()
            self._display.stop()
            os._exit(130)
        self._reason = "interrupted"
        self._recorder.note("warning", "interrupted: stopping; interrupt again to end at once")
        self._over.set()

    def _lose(self, worker: WorkerProcess, text: str) -> None:
        if self._recorder.timeline.due(worker.number) is None:
            return  # it is lost already, or has told everything
        self._recorder.timeline.lose(worker.number)
        self._workers.forget(worker)
        self._recorder.note("doubt", text)

    def _reported(self, client_id: str, data: dict[str, Any]) -> None:
        if self._workers.begin is None:
            return  # of a beginning that was put off
        try:
            self._recorder.add(data.get(REPORTS, []))
        except Exception as error:  # Locust would print it and go on
            self._break(error)

    def _sample_server(self) -> None:
        """Sample the server at the end of each second of the run."""
        number = 0
        self._server.begin()
        gone = False
        while True:
            gevent.sleep(max(0.0, self._recorder.begin + number + 1 - monotonic()))
            number = max(number, int(monotonic() - self._recorder.begin) - 1)  # after having stood still
            if not self._server.sample(number) and not gone:
                gone = True
                self._recorder.note("warning", "the server's process is gone")
            number += 1

    def _serve_web_ui(self) -> None:
        if self._config.web_port is not None:
            self._recorder.note(
                "info", f"Locust's UI: {web_ui.serve(self._environment, self._config.web_port)}"
            )


def _ends() -> list[signal.Signals]:
    """Signals that end a run in order. A hangup does not where it was to be ignored, as under nohup."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
        numbers.append(_HANGUP)
    return numbers
