"""The parent of a load test: Locust's master, its workers, and the run file they fill.

Imported only after nothing else has opened ssl: Locust patches it for gevent.
"""

import os
import secrets
import signal
from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

import gevent
import gevent.event
import locust.runners
import msgspec
from locust import events
from locust.env import Environment
from locust.stats import stats_history

from siotool.errors import GeneratorError, OutputError
from siotool.runfile import End, Header, Line, Note, ServerUse, Writer
from siotool.swarm import accounts, preflight, records, web_ui
from siotool.swarm.generator import resolve
from siotool.swarm.live import Display
from siotool.swarm.locust_files import LocustFiles
from siotool.swarm.orders import Outcome, Reason, RunOrders, header_of
from siotool.swarm.scenario import Scenario
from siotool.swarm.server_use import ServerProbe
from siotool.swarm.settings import EngineSettings
from siotool.swarm.worker import BEGIN, REPORTS, WorkerOrders
from siotool.swarm.worker_process import WorkerProcess

#: How long workers may take to start, and to make their last report after the end.
_START_S = 30.0
_FINISH_S = 15.0
#: Locust's own pace of looking at workers is a second; ours is finer.
_LOOK_S = 0.05


def run(orders: RunOrders, scenario: Scenario, show: Callable[[Header], Display]) -> Outcome:
    """Run a load test to its end; returns the run file and how it ended.

    Raises TargetError before anything is written when the target does not answer,
    OutputError when the folder cannot be written, GeneratorError when no worker comes up.
    """
    # a Ctrl-C before the run has handlers of its own is no error for gevent to print
    hub: Any = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)
    probe = ServerProbe(orders.server_pid, orders.server_cores) if orders.server_pid else None
    engine = EngineSettings(
        target=orders.target,
        address=resolve(orders.target),
        run=secrets.randbits(64),
        auth=orders.auth,
        headers=orders.headers,
        connect_timeout_s=orders.connect_timeout_s,
        ack_timeout_s=orders.ack_timeout_s,
    )
    if orders.web_port is not None:
        orders = msgspec.structs.replace(orders, web_port=web_ui.free_port(orders.web_port))
    preflight.check(engine)
    header = header_of(orders, probe.describe() if probe is not None else None)
    writer = Writer(orders.out)
    writer.write(header)
    display = show(header)
    test = _LoadTest(orders, scenario, engine, writer, display, probe)
    try:
        return test.run()
    finally:
        test.close()


class _LoadTest:
    """One run: its stages, its workers and its books."""

    def __init__(
        self,
        orders: RunOrders,
        scenario: Scenario,
        engine: EngineSettings,
        writer: Writer,
        display: Display,
        probe: ServerProbe | None,
    ) -> None:
        self._orders = orders
        self._writer = writer
        self._display = display
        self._probe = probe
        self._stage = 0
        self._begin = 0.0
        self._reason: Reason = "finished"
        self._over = gevent.event.Event()
        self._timeline = accounts.Timeline(orders.workload.processes)
        self._deliveries = accounts.Deliveries()
        self._remarked: set[records.Remark] = set()
        self._server_use: dict[int, ServerUse] = {}
        self._undated = self._from_the_future = self._pending = 0
        self._open = self._users = 0
        self._failure: OutputError | None = None
        self._interrupts = 0
        self._helpers: list[gevent.Greenlet] = []
        self._workers: list[WorkerProcess] = []
        self._signals = [
            gevent.signal_handler(number, self._interrupted) for number in (signal.SIGINT, signal.SIGTERM)
        ]
        locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
        self._environment = Environment(
            user_classes=scenario.user_classes, events=events, host=orders.target.url
        )
        self._runner: Any = self._environment.create_master_runner("127.0.0.1", 0)
        self._locust_files = LocustFiles(self._environment, orders.out) if orders.locust_files else None
        hooks: Any = self._environment.events
        hooks.worker_report.add_listener(self._reported)
        for number in range(orders.workload.processes):
            worker_orders = WorkerOrders(
                master_port=self._runner.server.port,
                scenario_path=str(scenario.path),
                settings=orders.workload.settings,
                engine=msgspec.structs.replace(engine, worker=number),
                seed=orders.workload.seed,
            )
            self._workers.append(WorkerProcess(number, worker_orders))

    # ── the course of a run ───────────────────────────────────────────────────────────

    def run(self) -> Outcome:
        """Start, follow the stages, stop, and write everything down."""
        self._display.start()
        try:
            self._wait_for_workers()
            if not self._interrupts:
                self._serve_web_ui()
                self._helpers.append(gevent.spawn(stats_history, self._runner))
                self._begin = monotonic() + 0.1
                self._runner.send_message(BEGIN, {"at": self._begin})
                stages = gevent.spawn(self._follow_stages)
                self._helpers += [stages, gevent.spawn(self._watch), gevent.spawn(self._sample_server)]
                self._over.wait()
                stages.kill()
                self._stop()
        finally:
            self._write_end()
            self._display.stop()
            if self._locust_files is not None:
                self._locust_files.finish()
        if self._failure is not None:
            raise self._failure
        return Outcome(path=self._writer.path, reason=self._reason)

    def close(self) -> None:
        """End every process and greenlet of the run."""
        for handler in self._signals:
            handler.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.getsignal(number))  # libev leaves the default behind
        gevent.killall(self._helpers)
        for worker in self._workers:
            worker.end()
        ui: Any = self._environment.web_ui
        if ui is not None:
            ui.stop()
        self._runner.greenlet.kill(block=False)
        self._runner.server.close(linger=0)
        self._writer.close()

    def _wait_for_workers(self) -> None:
        deadline = monotonic() + _START_S
        while len(self._runner.clients.ready) < len(self._workers) and not self._interrupts:
            dead = [worker for worker in self._workers if not worker.alive]
            if dead:
                raise GeneratorError(
                    f"worker {dead[0].number} ended while starting (exit {dead[0].process.returncode})",
                    "its message is above; siotool --debug loadtest … shows more",
                )
            if monotonic() > deadline:
                raise GeneratorError(
                    f"only {len(self._runner.clients.ready)} of {len(self._workers)} workers came up "
                    f"within {_START_S:g} s",
                    "is the machine overloaded? try fewer --processes",
                )
            gevent.sleep(_LOOK_S)

    def _follow_stages(self) -> None:
        users = 0
        due = self._begin
        gevent.sleep(max(0.0, due - monotonic()))
        for number, stage in enumerate(self._orders.workload.stages):
            self._stage = number
            due += stage.duration_s
            if number:
                self._note("info", f"stage {number + 1}: {stage.users} users within {stage.duration_s:g} s")
            if stage.users != users:
                # Locust moves evenly from one number to the next at this rate
                rate = abs(stage.users - users) / max(0.1, stage.duration_s)
                self._runner.start(stage.users, spawn_rate=rate)
                users = stage.users
            gevent.sleep(max(0.0, due - monotonic()))
        self._over.set()

    def _watch(self) -> None:
        """Write each second down once it is whole; notice workers that are gone."""
        while True:
            self._close_seconds()
            for worker in self._workers:
                if not worker.alive:
                    self._lose(worker)
            if not any(worker.alive for worker in self._workers):
                self._reason = "workers_lost"
                self._over.set()
                return
            if self._runner.state in ("stopping", "stopped") and not self._over.is_set():
                self._reason = "interrupted"
                self._note("warning", "stopped from Locust's UI")
                self._over.set()
            gevent.sleep(_LOOK_S)

    def _stop(self) -> None:
        if any(worker.alive for worker in self._workers):
            # or Locust's master gives the users of a worker that has stopped to those that have not yet
            self._runner.update_state(locust.runners.STATE_STOPPING)
            self._runner.send_message("stop")
            deadline = monotonic() + _FINISH_S
            while not self._timeline.finished and monotonic() < deadline:
                gevent.sleep(_LOOK_S)
        for worker in self._workers:
            self._timeline.lose(worker.number)
        self._close_seconds()

    def _interrupted(self) -> None:
        self._interrupts += 1
        if self._interrupts > 1:
            for worker in self._workers:
                worker.process.kill()
            self._display.stop()
            os._exit(130)
        self._reason = "interrupted"
        self._note("warning", "interrupted: stopping; interrupt again to end at once")
        self._over.set()

    def _lose(self, worker: WorkerProcess) -> None:
        if worker.number in self._timeline.lost:
            return
        self._timeline.lose(worker.number)
        self._note("doubt", f"generator worker {worker.number} was lost (exit {worker.process.returncode})")

    # ── the books ─────────────────────────────────────────────────────────────────────

    def _reported(self, client_id: str, data: dict[str, Any]) -> None:
        for encoded in data.get(REPORTS, []):
            self._timeline.add(records.decode(encoded))

    def _close_seconds(self) -> None:
        for parts in self._timeline.whole():
            number = parts[0].number
            last = self._timeline.finished and not self._timeline.waiting
            delivery = self._deliveries.close(parts, min(part.until for part in parts), last)
            use = self._server_use.pop(number, None)
            if use is None and last and self._probe is not None:
                use = self._probe.sample(monotonic())
            interval = accounts.merge(parts, self._begin, self._stage, delivery, use)
            for part in parts:
                self._undated += part.undated
                self._from_the_future += part.from_the_future
                for remark in part.remarks:
                    if remark not in self._remarked:  # several workers may meet the same
                        self._remarked.add(remark)
                        self._note(remark.level, remark.text)
            if not last:
                self._open, self._users = interval.connections.open, interval.connections.users
            self._pending = delivery.pending
            self._write(interval)
            self._display.update(interval)

    def _sample_server(self) -> None:
        """Sample the server at the end of each second of the run."""
        if self._probe is None:
            return
        number = 0
        self._probe.sample(monotonic())
        gone = False
        while True:
            gevent.sleep(max(0.0, self._begin + number + 1 - monotonic()))
            use = self._probe.sample(monotonic())
            if use is not None:
                self._server_use[number] = use
            elif not gone:
                gone = True
                self._note("warning", "the server's process is gone")
            number += 1

    def _write(self, line: Line) -> None:
        """Append a line; a run that cannot be written down any more ends."""
        if self._failure is not None:
            return
        try:
            self._writer.write(line)
        except OutputError as error:
            self._failure = error
            self._over.set()

    def _note(self, level: Literal["info", "warning", "doubt"], text: str) -> None:
        elapsed = max(0.0, monotonic() - self._begin) if self._begin else 0.0
        note = Note(t_s=round(elapsed, 3), level=level, text=text)
        self._write(note)
        self._display.note(note)

    def _write_end(self) -> None:
        if self._pending:
            self._note(
                "doubt", f"of {self._pending} deliveries nobody could tell any more what became of them"
            )
        if self._undated:
            self._note("doubt", f"{self._undated} deliveries had no readable send time")
        if self._from_the_future:
            self._note(
                "doubt",
                f"{self._from_the_future} deliveries arrived before they were sent: "
                "the clocks of server and generator differ",
            )
        if self._reason == "finished" and self._users and not self._open:
            self._reason = "target_lost"
        elapsed = max(0.0, monotonic() - self._begin) if self._begin else 0.0
        self._write(End(t_s=round(elapsed, 3), reason=self._reason))

    def _serve_web_ui(self) -> None:
        if self._orders.web_port is not None:
            self._note("info", f"Locust's UI: {web_ui.serve(self._environment, self._orders.web_port)}")
