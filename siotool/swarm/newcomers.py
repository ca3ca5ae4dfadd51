"""Workers that take the place of lost ones while the run goes on.

Such a worker starts, agrees with the parent on which second of the run is its first, and is let in when that
begins: its seconds are awaited from then on, and Locust shares out the users anew.
"""

import math
from time import monotonic

import gevent
import gevent.event

from siotool.swarm.machines.joined_machines import RemoteWorker
from siotool.swarm.recorder import Recorder
from siotool.swarm.spawner import Spawner
from siotool.swarm.workers import Workers

#: How long one may take to start, and to agree on its first second.
_START_S = 60.0
#: That second is so far ahead at first, and twice as far whenever the worker learned of it too late.
_LEAD_S, _LEAD_MOST_S = 1.0, 8.0
_LOOK_S = 0.02


class Newcomers:
    """Lets such workers in, until the run is ``over``."""

    def __init__(
        self, workers: Workers, recorder: Recorder, spawner: Spawner, over: gevent.event.Event
    ) -> None:
        self._workers = workers
        self._recorder = recorder
        self._spawner = spawner
        self._over = over

    def let_in(self, worker: RemoteWorker) -> None:
        """Wait until a worker is there, and let it in; or say that it did not come."""
        deadline, lead_s = monotonic() + _START_S, _LEAD_S
        while not self._over.is_set():
            if not worker.alive or monotonic() > deadline:
                self._recorder.note("warning", f"no worker came in place of a lost one ({worker.ending})")
                break
            if self._recorder.begin and self._workers.is_ready(worker):
                second = math.ceil(monotonic() - self._recorder.begin + lead_s)
                self._workers.ask_to_begin(worker, second)
                gevent.sleep(max(0.0, self._recorder.begin + second - monotonic()))
                if self._workers.begins_with(worker) == second and self._join(worker, second):
                    return
                lead_s = min(2 * lead_s, _LEAD_MOST_S)
            gevent.sleep(_LOOK_S)
        worker.kill()

    def _join(self, worker: RemoteWorker, second: int) -> bool:
        """Let it in as its first second begins; False when that is not to be."""
        if self._over.is_set() or not worker.alive or not self._spawner.lacks_one:
            return False
        if not self._recorder.timeline.join(worker.number, second):
            return False
        lost = self._spawner.welcome(worker.number, self._workers.node_of(worker))
        self._workers.admit(worker)  # from here on users may start there
        self._spawner.share_out()
        self._recorder.note(
            "warning",
            f"generator worker {worker.number} on {worker.host} has taken the place of worker {lost}",
        )
        return True
