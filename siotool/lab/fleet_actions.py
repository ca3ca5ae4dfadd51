"""Carries out actions on a fleet that runs, step by step: each wait is a ``yield``, so that others go on."""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from siotool.errors import TargetError
from siotool.lab.lab_action import LabAction
from siotool.lab.part_throttle import PartThrottle
from siotool.lab.process_tree import pids_of_tree, send_to, trees_of
from siotool.lab.running_fleet import END_S, READY_S, RunningFleet

#: A server that drains has so much time to end beyond that.
_AFTER_DRAIN_S = 10.0
#: How long a balancer may take to read its configuration again.
_RELOAD_S, _RELOAD_AGAIN_S = 10.0, 1.0

#: A step of an action is over; the next one may begin a moment later.
Steps = Iterator[None]


class FleetActions:
    """What can be done to one fleet, and what is throttled now."""

    def __init__(self, fleet: RunningFleet) -> None:
        self._fleet = fleet
        self._throttled: dict[str, PartThrottle] = {}
        #: Parts that are stopped until they are to continue, whatever is throttled meanwhile.
        self._stopped: set[str] = set()

    def carry_out(self, action: LabAction) -> Steps:
        """Do it, one step after another. Raises TargetError when it fails."""
        match action.verb:
            case "kill":
                self._kill(action.parts)
                yield from self._wait_for_end(action.parts, END_S)
            case "stop" | "continue":
                self._pause(action.parts, stop=action.verb == "stop")
                yield
            case "throttle":
                self._let_run([part for part in action.parts if part in self._throttled])
                now = time.monotonic()
                self._throttled |= {part: PartThrottle(action.share, now) for part in action.parts}
                yield
            case "unthrottle":
                for part in action.parts:
                    self._throttled.pop(part, None)
                self._let_run(action.parts)
                yield
            case "start":
                asked = action.parts
                needed = [part for part in asked if self._fleet.part(part).ended or not action.as_needed]
                yield from self._start(needed)
                yield from self._send_clients_to(asked)
            case "restart":
                yield from self._restart(action.parts)
            case "drain":
                yield from self._drain(action.parts, action.over_s)
            case "rolling":
                yield from self._deploy(action)
            case "reload":
                yield from self._reload()
            case "failover":
                old, new = self._fleet.in_roles(action.parts)
                self._check_run([new])  # before the only one that is left is killed
                self._kill([old])
                self._fleet.promote(new, old)
                yield
            case _:
                self._change_connections(action)
                yield

    def throttle(self) -> float | None:
        """Stop and continue what is throttled; returns in how many seconds to call again, None for never.

        To find the processes takes its time: what is due then, and how long it lasts, is reckoned after it.
        """
        if not self._throttled:
            return None
        if min(one.due_at for one in self._throttled.values()) <= time.monotonic():
            found = self._running(self._throttled)
            for name, one in self._throttled.items():
                if one.due_at <= (now := time.monotonic()):
                    number = signal.SIGCONT if one.turn(now) else signal.SIGSTOP
                    send_to(found.get(name, ()), number)
        due_at = min(one.due_at for one in self._throttled.values())
        return max(0.001, due_at - time.monotonic())

    def _change_connections(self, action: LabAction) -> None:
        """Give a toxic to the connections of parts, or heal them."""
        proxy = self._fleet.toxiproxy
        assert proxy is not None, "a lab has one where a fault names a toxic"
        for part in action.parts:
            if action.toxic is None:
                proxy.heal(part, action.healed)
            else:
                proxy.add(part, action.toxic)

    def _kill(self, parts: Sequence[str]) -> None:
        self._check_run(parts)
        for part in parts:
            self._fleet.expect_end(part)
        self._signal(parts, signal.SIGKILL)

    def _pause(self, parts: Sequence[str], *, stop: bool) -> None:
        if not stop:
            self._stopped -= set(parts)
            self._let_run(parts)
            return
        self._check_run(parts)
        if stopped := [name for name in parts if name in self._stopped]:
            raise TargetError(f"{', '.join(stopped)} is stopped already")
        self._stopped |= set(parts)
        self._signal(parts, signal.SIGSTOP)

    def _let_run(self, parts: Sequence[str]) -> None:
        """Have the processes of parts go on that do not belong to a part that is stopped."""
        for pids in self._running(parts).values():
            send_to(pids, signal.SIGCONT)

    def _running(self, names: Collection[str]) -> dict[str, list[int]]:
        """The processes of parts by name, without those of parts that are stopped."""
        pids = {
            name: self._fleet.part(name).pid
            for name in {*names, *self._stopped}
            if not self._fleet.part(name).ended
        }
        trees = trees_of(pids.values())
        stopped = {pid for name in self._stopped & pids.keys() for pid in trees[pids[name]]}
        return {
            name: [pid for pid in trees[pids[name]] if pid not in stopped] for name in pids if name in names
        }

    def _check_run(self, parts: Sequence[str]) -> None:
        ended = [name for name in parts if self._fleet.part(name).ended]
        if ended:
            raise TargetError(f"{', '.join(ended)} does not run")

    def _signal(self, parts: Sequence[str], number: signal.Signals) -> None:
        """Signal those that run: the number of a process that has ended may be a stranger's by now."""
        found = trees_of([part.pid for part in map(self._fleet.part, parts) if not part.ended])
        for pids in found.values():
            send_to(pids, number)

    def _start(self, parts: Sequence[str]) -> Steps:
        found = [self._fleet.part(name) for name in parts]
        # or some would be started, and some not
        if running := [part.name for part in found if not part.ended]:
            raise TargetError(f"{', '.join(running)} runs already")
        self._forget_stopped(parts)
        for part in found:
            part.start_again()
        yield from _until(lambda: all(part.ready() for part in found), READY_S, parts, "is not ready")
        self._fleet.know_again(parts)
        yield from self._send_clients_to(parts)

    def _send_clients_to(self, parts: Sequence[str]) -> Steps:
        """Have the balancer know servers that were taken out, also one whose drain has failed."""
        if self._fleet.put_back(parts):
            balancer = self._fleet.balancer
            if balancer is not None and balancer.ended:  # it reads that when it is started
                self._fleet.write_balancer()
            else:
                yield from self._reload()

    def _restart(self, parts: Sequence[str]) -> Steps:
        for name in parts:
            self._fleet.expect_end(name).ask_to_end()
        self._forget_stopped(parts)
        self._signal(parts, signal.SIGCONT)  # one that was stopped ends in order too
        yield from self._wait_for_end(parts, END_S)
        yield from self._start(parts)

    def _forget_stopped(self, parts: Sequence[str]) -> None:
        """New processes take the place of these parts', and of the workers of a primary among them."""
        self._stopped -= {part.name for part in self._fleet.concerned(parts)}

    def _drain(self, parts: Sequence[str], over_s: float) -> Steps:
        self._fleet.take_out(parts)
        yield from self._reload()
        for name in parts:
            self._fleet.expect_end(name).tell(f"drain {round(over_s * 1000)}")
        yield from self._wait_for_end(parts, over_s + _AFTER_DRAIN_S)

    def _deploy(self, action: LabAction) -> Steps:
        for number, part in enumerate(action.parts):
            if number:
                pause = time.monotonic() + action.pause_s
                while time.monotonic() < pause:
                    yield
            if action.drained:
                yield from self._drain([part], action.over_s)
                yield from self._start([part])
            else:
                yield from self._restart([part])

    def _wait_for_end(self, parts: Sequence[str], within_s: float) -> Steps:
        found = [self._fleet.part(name) for name in parts]
        yield from _until(lambda: all(part.ended for part in found), within_s, parts, "does not end")

    def _reload(self) -> Steps:
        """Have the balancer read its configuration; over once its new processes have begun."""
        balancer = self._fleet.balancer
        assert balancer is not None, "checked before anything starts"
        self._fleet.write_balancer()
        self._check_run([balancer.name])
        before = pids_of_tree(balancer.pid)
        deadline = time.monotonic() + _RELOAD_S
        again_at = 0.0
        while not pids_of_tree(balancer.pid) - before:
            now = time.monotonic()
            if now > deadline:
                raise TargetError(
                    f"{balancer.name} has not read its configuration again within {_RELOAD_S:g} s"
                )
            if now >= again_at:  # HAProxy loses a signal that comes right after its start
                again_at = now + _RELOAD_AGAIN_S
                os.kill(balancer.pid, _RELOADS[balancer.name])
            yield


#: The signal on which a balancer reads its configuration again.
_RELOADS = {"nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}


def _until(done: Callable[[], bool], within_s: float, parts: Sequence[str], problem: str) -> Steps:
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            raise TargetError(f"{', '.join(parts)} {problem} within {within_s:g} s")
        yield
