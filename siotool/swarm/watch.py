"""The parent's checks of its workers and clocks: which worker is lost or silent, and what was paused."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from siotool.swarm.config import Reason
from siotool.swarm.patience import HELD_UP_S, Patience, suspended_s
from siotool.swarm.recorder import Recorder
from siotool.swarm.workers import Worker, Workers
from siotool.units import format_duration


class Watch:
    """Writes each second once it is whole; notes what is wrong with workers and clocks."""

    def __init__(
        self, recorder: Recorder, workers: Workers, runner: Any, lost: Callable[[int, int], object]
    ) -> None:
        """``lost`` is called when a worker is lost while others go on: with its number, and the first second
        that it has not reported.
        """
        self._lost = lost
        self._recorder = recorder
        self._workers = workers
        self._runner = runner
        self._patience = Patience(recorder.begin)
        self._suspended_s = suspended_s()

    def look(self, *, over: bool) -> Reason | None:
        """Look once; returns why the run ends, None as long as it need not. ``over``: it ends already."""
        self._look_at_clocks(over=over)
        self._recorder.close_seconds()
        for worker in self._workers:
            self._look_after(worker)
        if over:
            return None
        if not self._workers.alive:
            return "workers_lost"
        if self._runner.state in ("stopping", "stopped"):
            self._recorder.note("warning", "stopped from Locust's UI")
            return "interrupted"
        return None

    def lose(self, worker: Worker, text: str) -> None:
        """A worker is lost, unless it already was or has reported everything; ``text`` says how."""
        if (due := self._recorder.timeline.due(worker.number)) is not None:
            self._recorder.timeline.lose(worker.number)
            self._workers.forget(worker)
            self._recorder.note("doubt", f"generator worker {worker.number} {text}")
            if self._workers.alive:
                self._lost(worker.number, due)

    def _look_at_clocks(self, *, over: bool) -> None:
        held_up = self._patience.look(monotonic())
        if held_up > 2 * HELD_UP_S and not over:
            self._recorder.note(
                "doubt",
                f"the parent process was paused for {format_duration(held_up)}: "
                "changes of stage may have come late",
            )
        before, self._suspended_s = self._suspended_s, suspended_s()
        if self._suspended_s - before > HELD_UP_S:
            asleep = format_duration(self._suspended_s - before)
            self._recorder.note("doubt", f"this machine was suspended for {asleep}")

    def _look_after(self, worker: Worker) -> None:
        if not worker.alive:
            self.lose(worker, f"was lost ({worker.ending})")
            return
        due = self._recorder.timeline.due(worker.number)
        if due is not None and self._patience.silent(due, monotonic(), worker.patience_s):
            worker.kill()
            self.lose(
                worker,
                f"did not report second {due + 1} within {worker.patience_s:g} s (stopped, or busy in a "
                "scenario's code?): it was killed, and its users with it",
            )
