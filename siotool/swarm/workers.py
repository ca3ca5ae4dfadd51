"""The workers of a run: they start, report that they are ready, and begin together.

Locust announces a worker before that worker can receive messages. So each reports itself when it is
ready. Then all get the moment of second 0, and the run begins when each has answered in time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

import gevent.event
from locust.env import Environment

from siotool.errors import GeneratorError
from siotool.swarm.config import WorkerConfig
from siotool.swarm.machines.joined_machines import RemoteWorker
from siotool.swarm.row_desk import RowDesk
from siotool.swarm.worker import BEGIN, READY, ROWS
from siotool.swarm.worker_process import WorkerProcess

#: How long workers may take to start, and to answer that they know when the run begins.
_START_S = 60.0
#: Second 0 is so far ahead at first, and twice as far whenever a worker learned of it too late.
_LEAD_S = 0.25
_LEAD_MOST_S = 2.0
_LOOK_S = 0.01

#: A worker of this machine, or of another one.
Worker = WorkerProcess | RemoteWorker


class Workers:
    """The workers of one run, and what they have answered to its master, Locust's ``runner``."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._workers: list[Worker] = []
        #: Workers that are ready, by number, and Locust's names for them.
        self._ready: dict[int, str] = {}
        #: By worker, second 0 that it has confirmed, and which second is its first.
        self._confirmed: dict[int, tuple[float, int]] = {}
        #: Second 0 of the run on the monotonic clock, once all have agreed on it.
        self.begin: float | None = None
        runner.register_message(READY, self._worker_ready)
        runner.register_message(BEGIN, self._worker_confirmed)

    def start(self, configs: Iterable[WorkerConfig]) -> None:
        """Start a process for each; it does not wait for them."""
        for config in configs:
            self._workers.append(WorkerProcess(config))

    def take(self, remote: Sequence[RemoteWorker]) -> None:
        """Take workers that other machines have started."""
        self._workers += remote

    def serve_rows(self, desk: RowDesk, none_left: Callable[[], object]) -> None:
        """Answer the workers' requests for rows; ``none_left`` is called when there were too few."""

        def asked(environment: Environment, msg: Any) -> None:
            count = msg.data["count"]
            rows = desk.take(count)
            self._runner.send_message(ROWS, {"asked": count, "rows": rows}, msg.node_id)
            if len(rows) < count:
                none_left()

        self._runner.register_message(ROWS, asked)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers)

    @property
    def alive(self) -> bool:
        """True while there is a worker left."""
        return any(worker.alive for worker in self._workers)

    def gather(self, gave_up: gevent.event.Event) -> bool:
        """Wait until every worker is ready; False when the run was given up first.

        Raises GeneratorError when one ends or does not come up.
        """
        deadline = monotonic() + _START_S
        while len(self._ready) < len(self._workers) and not gave_up.is_set():
            self._check("came up", self._ready, deadline)
            gave_up.wait(_LOOK_S)
        return not gave_up.is_set()

    def agree(self, gave_up: gevent.event.Event) -> bool:
        """Agree with every worker on when second 0 is; False when the run was given up first.

        Raises GeneratorError when one ends or does not answer.
        """
        deadline, lead = monotonic() + _START_S, _LEAD_S
        while not gave_up.is_set():
            at = monotonic() + lead
            self._runner.send_message(BEGIN, {"at": at, "second": 0})
            while monotonic() < at and not gave_up.is_set():
                known = [number for number, found in self._confirmed.items() if found == (at, 0)]
                if len(known) == len(self._workers):
                    self.begin = at
                    self._runner.complete = True
                    return True
                self._check("answered", known, deadline)
                gave_up.wait(_LOOK_S)
            lead = min(2 * lead, _LEAD_MOST_S)
        return False

    def forget(self, worker: Worker) -> None:
        """A worker is lost: Locust gives its share of the users to the others when it moves them next."""
        self._runner.forget(self._ready.get(worker.number, ""))

    def is_ready(self, worker: Worker) -> bool:
        """Whether a worker that is not of the run yet can hear."""
        return worker.number in self._ready

    def ask_to_begin(self, worker: Worker, second: int) -> None:
        """Ask such a worker to begin with a second of the run."""
        self._runner.send_message(BEGIN, {"at": self.begin, "second": second}, self._ready[worker.number])

    def begins_with(self, worker: Worker) -> int:
        """The second that it has confirmed, or −1."""
        at, second = self._confirmed.get(worker.number, (0.0, -1))
        return second if at == self.begin else -1

    def node_of(self, worker: Worker) -> str:
        """Locust's name for a worker that is ready."""
        return self._ready[worker.number]

    def admit(self, worker: Worker) -> None:
        """It is one of the run's from now on."""
        self._workers.append(worker)
        self._runner.admit(self._ready[worker.number])

    def kill(self) -> None:
        """Kill every process, also those that are stopped."""
        for worker in self._workers:
            worker.kill()

    def end(self) -> None:
        """End every process."""
        for worker in self._workers:
            worker.hang_up()
        for worker in self._workers:
            worker.end()

    def _check(self, did: str, found: Collection[int], deadline: float) -> None:
        for worker in self._workers:
            if not worker.alive:
                raise GeneratorError(
                    f"worker {worker.number} ended while starting ({worker.ending})",
                    "its message is above; siotool --debug loadtest … shows more",
                )
        if monotonic() > deadline:
            raise GeneratorError(
                f"only {len(found)} of {len(self._workers)} workers {did} within {_START_S:g} s",
                "is the machine overloaded? try fewer --processes",
            )

    def _worker_ready(self, environment: Environment, msg: Any) -> None:
        self._ready[msg.data["worker"]] = msg.node_id

    def _worker_confirmed(self, environment: Environment, msg: Any) -> None:
        self._confirmed[msg.data["worker"]] = (msg.data["at"], msg.data["second"])
