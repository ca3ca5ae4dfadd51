"""A worker process: ``python -m siotool.swarm.worker``, with its orders on standard input.

The first line of standard input is a ``WorkerOrders`` in JSON. The pipe stays open for as
long as the parent lives; its end is the worker's end, however the parent died.
"""

import contextlib
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import gevent
import locust.runners
import msgspec
from gevent import monkey
from locust import events
from locust.env import Environment

from siotool.swarm import knobs, scenario
from siotool.swarm.generator import Generator
from siotool.swarm.health import raise_files_limit
from siotool.swarm.settings import EngineSettings
from siotool.workload import Setting

#: Custom message of the parent: second 0 of the run is now.
BEGIN = "siotool_begin"
#: Key of our data in Locust's reports.
REPORTS = "siotool"


class WorkerOrders(msgspec.Struct, frozen=True):
    """Everything a worker is told before it starts."""

    master_port: int
    scenario_path: str
    settings: dict[str, Setting]
    engine: EngineSettings
    seed: int


def main() -> None:
    """Run one worker until the parent tells it to quit, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides how a run ends
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerOrders)
    _end_with_parent()
    raise_files_limit()
    loaded = scenario.load(Path(orders.scenario_path))
    knobs.apply(list(loaded.user_classes), orders.settings)
    locust.runners.WORKER_REPORT_INTERVAL = 1.0
    locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
    environment = Environment(
        user_classes=loaded.user_classes, events=events, host=orders.engine.target.url, catch_exceptions=True
    )
    generator = Generator(environment, orders.engine, orders.seed)
    generator.attach(environment)

    def report(client_id: str, data: dict[str, Any]) -> None:
        data[REPORTS] = generator.take_reports()

    def begin(environment: Environment, msg: Any) -> None:
        generator.begin(msg.data["at"])

    def drain(environment: Environment, **_: Any) -> None:
        generator.finish()
        runner._send_stats()  # now, not at the next second: the parent waits for it

    hooks: Any = environment.events
    hooks.report_to_master.add_listener(report)
    hooks.test_stop.add_listener(drain)
    # users are made in the thousands and live long: collecting them over and over is waste
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    runner: Any = environment.create_worker_runner("127.0.0.1", orders.master_port)
    runner.register_message(BEGIN, begin)
    runner.greenlet.join()
    generator.engine.stop()


def _end_with_parent() -> None:
    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    monkey.get_original("_thread", "start_new_thread")(wait, ())


if __name__ == "__main__":
    with contextlib.suppress(gevent.GreenletExit):
        main()
