"""The parts of a lab that runs: its programs, and the workers of a primary, which are its servers."""

import contextlib
import os
import signal
from typing import Any, Protocol

import psutil

from siotool.errors import TargetError
from siotool.lab.running_lab import LabMember
from siotool.lab.running_program import RunningProgram


class RunningPart(Protocol):
    """What can be ended and started again."""

    @property
    def name(self) -> str:
        """Its name in the lab."""

    @property
    def pid(self) -> int:
        """Its process, which may have ended."""

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None as long as it is not known."""

    @property
    def member(self) -> LabMember:
        """How it is told."""

    def ask_to_end(self) -> None:
        """Have it end in order."""

    def start_again(self) -> None:
        """Start it; it has ended."""

    def ready(self) -> bool:
        """Whether it is ready since it was started. Raises TargetError when it has ended instead."""

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""


class ProgramPart:
    """A program."""

    def __init__(self, running: RunningProgram) -> None:
        self.running = running
        self.name = running.program.name

    @property
    def pid(self) -> int:
        """Its process, which may have ended."""
        return self.running.process.pid

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return self.running.process.poll() is not None

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None as long as it is not known."""
        return self.running.process.poll()

    @property
    def member(self) -> LabMember:
        """How it is told."""
        program = self.running.program
        port = self.running.said.get("metrics_port", 0)
        log = str(self.running.log)
        return LabMember(
            self.name, program.role, self.pid, program.port, _metrics(port), list(program.command), log
        )

    def ask_to_end(self) -> None:
        """Have it end in order."""
        self.running.ask_to_end()

    def start_again(self) -> None:
        """Start it; it has ended."""
        self.running.end(0.0)  # what its process has left behind
        self.running = RunningProgram(self.running.program, self.running.log)

    def ready(self) -> bool:
        """Whether it is ready since it was started. Raises TargetError when it has ended instead."""
        return self.running.ready()

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.running.process.stdin is not None
        with contextlib.suppress(OSError):
            self.running.process.stdin.write(f"{line}\n".encode())
            self.running.process.stdin.flush()


class WorkerPart:
    """A worker of a primary, which the primary starts."""

    def __init__(self, primary: ProgramPart, number: int) -> None:
        """``number`` counts from 1."""
        self._primary = primary
        self._number = number
        self._before = 0
        #: What was last said of it: its primary, started again, says nothing of it until it is ready.
        self._known: dict[str, Any] = dict(primary.running.said["workers"][number - 1])
        self.name = f"server-{number}"
        self.primary = primary.name

    @property
    def _said(self) -> dict[str, Any]:
        running = self._primary.running
        again = [line for line in running.lines() if line.get("worker") == self._number]
        if again:
            self._known = again[-1]
        elif "workers" in running.said:
            self._known = dict(running.said["workers"][self._number - 1])
        return self._known

    @property
    def pid(self) -> int:
        """Its process, which may have ended."""
        return int(self._said["pid"])

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None as long as its primary has not said it."""
        said = [line["code"] for line in self._primary.running.lines() if line.get("ended") == self.pid]
        return said[-1] if said else None

    @property
    def member(self) -> LabMember:
        """How it is told: it has no port and no command of its own."""
        log = str(self._primary.running.log)
        return LabMember(self.name, "server", self.pid, 0, _metrics(self._said["metrics_port"]), [], log)

    def ask_to_end(self) -> None:
        """Have it end in order."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def start_again(self) -> None:
        """Start it; it has ended."""
        self._before = self.pid
        self._primary.tell(f"fork {self._number}")

    def ready(self) -> bool:
        """Whether it is ready since it was started. Raises TargetError when it has ended instead."""
        if self._primary.ended:
            raise TargetError(f"{self.name} cannot start: its primary has ended")
        return self.pid != self._before and not self.ended

    def tell(self, line: str) -> None:
        """Write a line to the standard input of its primary."""
        self._primary.tell(line)


def parts_of_program(own: ProgramPart) -> list[RunningPart]:
    """Return the parts that a program makes; after a primary its workers."""
    workers = own.running.said.get("workers", ())
    return [own, *(WorkerPart(own, number) for number, _ in enumerate(workers, 1))]


def _metrics(port: int) -> str:
    return f"http://127.0.0.1:{port}/metrics" if port else ""
