"""The parent of a load test: Locust's master, its workers, and the run file they fill.

Imported only after nothing else has opened ssl: Locust patches it for gevent.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from time import monotonic
from time import time as epoch
from typing import Any

import gevent
import gevent.event
import gevent.pool
import locust.runners
import msgspec
from locust.stats import stats_history

from siotool.client.secret_texts import secrets_of, texts_in
from siotool.errors import GeneratorError, SiotoolError
from siotool.faults.fault_doer import FaultDoer
from siotool.printable import one_line
from siotool.runfile import Header
from siotool.runs.held_share import each_is_a_file
from siotool.runwriter import Writer
from siotool.stopped import Stopped
from siotool.swarm import first_user, locust_log, locust_output, locust_stats
from siotool.swarm.awake import MOST_CPUS, AwakeCpus, cpus_of, kept_awake
from siotool.swarm.config import Outcome, Reason, RunConfig, header_of
from siotool.swarm.early_stop import EarlyStop, MakeJudge
from siotool.swarm.ending_signals import interrupted_by_signals
from siotool.swarm.fault_runner import FaultRunner
from siotool.swarm.interrupts import Interrupts
from siotool.swarm.lateness import Level
from siotool.swarm.live import Display, Displays
from siotool.swarm.master import Master
from siotool.swarm.newcomers import Newcomers
from siotool.swarm.preflight import check_room
from siotool.swarm.program import Program
from siotool.swarm.recorder import Recorder
from siotool.swarm.redaction import Redaction
from siotool.swarm.row_desk import RowDesk
from siotool.swarm.scenario_file import Scenario
from siotool.swarm.servers.opened_servers import check_here, open_servers
from siotool.swarm.servers.secret_url import secrets_in
from siotool.swarm.servers.server_samples import ServerSamples
from siotool.swarm.servers.server_watch import ServerWatch
from siotool.swarm.spawner import Spawner
from siotool.swarm.watch import Watch
from siotool.swarm.worker import REPORTS, SECRETS
from siotool.swarm.workers import Workers

#: How long a worker may take for its last report after the end.
_FINISH_S = 15.0
#: Locust's own pace of looking at workers is a second; ours is finer.
_LOOK_S = 0.05


def run(
    config: RunConfig,
    scenario: Scenario,
    show: Callable[[Header], Display],
    programs: Iterable[Program],
    hopeless: MakeJudge | None = None,
    doer: FaultDoer | None = None,
) -> Outcome:
    """Run a load test to its end; returns the run file and how it ended.

    ``programs`` decide one after another how many users there are, on the same workers, and each
    begins with the users of the one before. An iterator is asked for the next one once the last
    one is over. ``hopeless`` may end the run early. ``doer`` carries out the faults of ``config``.

    Raises TargetError before anything is written when the target does not answer,
    OutputError when the folder cannot be written, GeneratorError when no worker comes up.
    """
    # gevent and Locust shall not print a Ctrl-C that comes before the run has its own handlers
    hub: Any = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)
    logging.getLogger("locust.runners").addFilter(locust_log.is_no_interrupt)
    if config.web_port is not None:
        config = msgspec.structs.replace(config, web_port=locust_output.free_web_port(config.web_port))
    check_here(config.servers)  # before the target is asked for anything
    if config.distributed is None:
        check_room(config.workload.most_users, config.workload.processes, config.engine)
    checked = first_user.check(config, scenario)
    config = msgspec.structs.replace(config, engine=checked.engine)
    with ExitStack() as stack:
        # while workers are awaited nothing is written: what is there ends, and the machines are told
        stack.enter_context(interrupted_by_signals())
        master = stack.enter_context(closing(Master(config, scenario)))
        generators = master.gather()
        servers, remarks = open_servers(config.servers, config.engine.tls, config.engine.target.path, stack)
        header = header_of(config, servers.described, generators)
        interrupts = stack.enter_context(closing(Interrupts()))
        writer = Writer(config.out)
        writer.write(header)
        views = Displays([show(header)])
        test = _LoadTest(config, scenario, master, writer, views, servers)
        if hopeless is not None:
            views.parts.append(EarlyStop(hopeless(header), test.stop_early))
        interrupts.tell(test.interrupted)
        for level, text in (*([("warning", checked.remark)] if checked.remark else ()), *remarks):
            test.remark(level, text)
        if doer is not None:
            test.break_on_purpose(doer)
        if config.keep_awake:
            cpus = cpus_of(pid for one in config.servers.servers for pid in one.pids)
            awake = stack.enter_context(kept_awake(cpus))
            test.watch_pace(awake)
        try:
            return test.run(programs)
        finally:
            interrupts.close()
            test.close()


class _LoadTest:
    """One run: its programs and its workers."""

    def __init__(
        self,
        config: RunConfig,
        scenario: Scenario,
        master: Master,
        writer: Writer,
        display: Display,
        servers: ServerSamples,
    ) -> None:
        self._config = config
        self._writer = writer
        self._display = display
        self._servers = servers
        redaction = _secrets(config)
        by_files = each_is_a_file(config.engine.target.transport)
        watch = ServerWatch(servers.files_at_rest if by_files else None)
        self._recorder = Recorder(
            config.workload.processes, writer, display, servers, watch, self._break, redaction
        )
        self._reason: Reason = "finished"
        self._stopped: Stopped | None = None
        self._over = gevent.event.Event()
        self._failure: Exception | None = None
        self._row_missed = False
        self._faults: FaultRunner | None = None
        self._helpers = gevent.pool.Group()
        locust_log.take_over_log(self._recorder.raised)
        self._environment, self._runner = master.environment, master.runner
        self._locust_files = (
            locust_output.LocustFiles(self._environment, config.out) if config.locust_files else None
        )
        hooks: Any = self._environment.events
        hooks.worker_report.add_listener(self._reported)
        locust_output.redact_exceptions(self._runner, redaction)
        self._runner.register_message(
            SECRETS, lambda environment, msg: redaction.add_digests(msg.data["digests"])
        )
        self._workers = Workers(self._runner)
        self._desk: RowDesk | None = None
        if config.users_file is not None:
            self._desk = RowDesk(config.users_file)
            self._workers.serve_rows(self._desk, self._no_row_left)
        self._spawner = Spawner(self._runner, self._recorder, self._spawn, config.workload.processes)
        newcomers = Newcomers(self._workers, self._recorder, self._spawner, self._over)
        master.start(
            self._workers,
            lambda text: self.remark("warning", text),
            lambda worker: self._spawn(newcomers.let_in, worker),
        )

    # ── the course of a run ───────────────────────────────────────────────────────────

    def run(self, programs: Iterable[Program]) -> Outcome:
        """Start, follow the programs, stop, and write everything down."""
        self._display.start()
        try:
            if self._gather():
                watch = Watch(self._recorder, self._workers, self._runner, self._lose)
                following = self._spawn(self._follow, programs)
                self._spawn(self._keep_watch, watch)
                self._servers.start(self._recorder.begin, self._spawn, gevent.sleep)
                if self._faults is not None:
                    self._spawn(self._faults.follow)
                self._over.wait()
                following.kill()
                if self._faults is not None:
                    self._faults.end()
                self._stop(watch)
        except GeneratorError:
            self._reason = "workers_lost"
            raise
        except BaseException:
            self._reason = "interrupted"
            raise
        finally:
            if self._faults is not None:
                self._faults.undo_all()
            self._fire("quitting", reverse=True)
            if self._reason == "finished" and self._recorder.target_lost:
                self._reason = "target_lost"
            if self._desk is not None and self._desk.refused:
                self._recorder.note("warning", f"{self._desk.refused:,} users did not start: no row was left")
            self._recorder.end(self._reason, self._stopped)
            self._display.stop()
            for line in self._recorder.scenario_failures:
                print(f"siotool: {one_line(line)}", file=sys.stderr)
            if self._locust_files is not None:
                self._locust_files.finish()
        if self._failure is not None:
            raise self._failure
        return Outcome(path=self._writer.path, reason=self._reason)

    def watch_pace(self, awake: AwakeCpus) -> None:
        """Write down how fast the CPUs are that are kept awake."""
        self._recorder.pace = awake.pace
        self.remark(
            "info",
            f"{len(awake)} CPUs are kept awake by loops of idle priority"
            if len(awake)
            else "no CPU is kept awake: there is a quota, or more than "
            f"{MOST_CPUS} CPUs, or no process of the server on this machine",
        )

    def break_on_purpose(self, doer: FaultDoer) -> None:
        """Carry out the faults of the run, and listen to what else happens to a lab."""
        self._faults = FaultRunner(self._config.faults, doer, self._recorder, self._servers.moved)

    def remark(self, level: Level, text: str) -> None:
        """Write something worth knowing into the run file."""
        self._recorder.note(level, text)

    def stop_early(self, stopped: Stopped) -> None:
        """End the run in order, as its gate is hopeless."""
        if not self._over.is_set():
            self._reason, self._stopped = "stopped", stopped
            self._recorder.note(
                "warning", f"stopped by --stop-if {stopped.gate}: true for {stopped.for_s:.0f} s"
            )
            self._over.set()

    def interrupted(self, times: int) -> None:
        """End the run in order; at once if it is not the first time."""
        if times > 1:
            self._workers.kill()
            self._display.stop()
            os._exit(130)
        self._reason = "interrupted"
        self._recorder.note("warning", "interrupted: stopping; interrupt again to end at once")
        self._over.set()

    def close(self) -> None:
        """End every process and greenlet of the run."""
        self._helpers.kill()
        self._workers.end()
        ui: Any = self._environment.web_ui
        if ui is not None:
            ui.stop()
        self._writer.close()

    def _gather(self) -> bool:
        """Wait for the workers and begin with them; False when the run is over before."""
        if not self._workers.gather(self._over):
            return False
        if self._config.web_port is not None:
            url = locust_output.serve_web_ui(self._environment, self._config.web_port)
            self._recorder.note("info", f"Locust's UI: {url}")
        if self._config.engine.client == "reference":
            self._recorder.note(
                "warning",
                "users had python-socketio's client, which offers no compression and recovers no session",
            )
        self._spawn(stats_history, self._runner)
        self._fire("init", runner=self._runner, web_ui=self._environment.web_ui)
        if not self._workers.agree(self._over):
            return False
        assert self._workers.begin is not None
        # what machines said before there was a worker made Locust's master think that all have stopped
        self._runner.update_state(locust.runners.STATE_INIT)
        self._recorder.begin = self._workers.begin
        return True

    def _follow(self, programs: Iterable[Program]) -> None:
        for program in programs:
            self._spawner.follow(program)
        self._over.set()

    def _lose(self, worker: int, second: int) -> None:
        """A worker is lost before it has reported a second: others take over, unless the run ends anyway."""
        if not self._over.is_set():
            self._spawner.lose(worker, self._recorder.begin + second)

    def _stop(self, watch: Watch) -> None:
        if self._workers.alive:
            # or Locust's master gives the users of a worker that has stopped to those that have not yet
            self._fire("test_stopping")
            self._runner.update_state(locust.runners.STATE_STOPPING)
            self._runner.send_message("stop")
            deadline = monotonic() + _FINISH_S
            # the watch writes the seconds meanwhile; when it is broken, there is nothing to wait for
            timeline = self._recorder.timeline
            while not (timeline.finished and not timeline.waiting) and self._failure is None:
                if monotonic() > deadline:
                    break
                gevent.sleep(_LOOK_S)
        for worker in self._workers:
            if self._failure is None:
                watch.lose(
                    worker,
                    f"had not finished {_FINISH_S:g} s after the end: its last operations are unknown",
                )
            self._recorder.timeline.lose(worker.number)
        try:
            self._recorder.close_seconds(everything=True)
        except Exception as error:
            self._break(error)
        self._fire("test_stop")

    # ── beside it ─────────────────────────────────────────────────────────────────────

    def _spawn(self, function: Callable[..., None], *args: Any, **more: Any) -> gevent.Greenlet:
        """Run something beside the run; when it breaks, the run ends."""

        def guarded() -> None:
            try:
                function(*args, **more)
            except Exception as error:
                self._break(error)

        return self._helpers.spawn(guarded)

    def _break(self, error: Exception) -> None:
        """End the run in order because of an error of ours, which is noted."""
        if self._failure is None:
            self._failure = error
            self._reason = "interrupted"
            if isinstance(error, SiotoolError):
                self._recorder.note("doubt", error.message)
            else:
                self._recorder.note("doubt", f"the run was ended by a bug: {type(error).__name__}: {error}")
        self._over.set()

    def _keep_watch(self, watch: Watch) -> None:
        """Watch until the run is over and no worker is left."""
        while True:
            alive = self._workers.alive  # asked before the look, which then has seen all that are gone
            if (reason := watch.look(over=self._over.is_set())) is not None:
                self._reason = reason
                self._over.set()
            if not alive and self._over.is_set():
                return
            gevent.sleep(_LOOK_S)

    def _reported(self, client_id: str, data: dict[str, Any]) -> None:
        if self._workers.begin is None:
            return  # of a start that was put off
        try:
            self._recorder.add(data.get(REPORTS, []))
            locust_stats.forget_old(self._runner.stats, epoch())
        except Exception as error:  # Locust would print it and go on
            self._break(error)

    def _no_row_left(self) -> None:
        assert self._desk is not None
        if not self._row_missed:
            self._row_missed = True
            self._recorder.note("doubt", f"{self._desk.name} has no row left for users that come now")

    def _fire(self, hook: str, **more: Any) -> None:
        """Call a scenario's hook when Locust would."""
        getattr(self._environment.events, hook).fire(environment=self._environment, **more)


def _secrets(config: RunConfig) -> Redaction:
    """Hides what the options and the users file hold."""
    found = Redaction(secrets_of(config.engine.identity), config.engine.run)
    for url in config.servers.urls:
        found.add(secrets_in(url))
    for row in config.users_file.rows if config.users_file is not None else ():
        found.add(texts_in(msgspec.json.decode(row)))
    return found
