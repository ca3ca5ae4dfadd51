"""The process that runs the commands of faults, and undoes them when its parent is gone.

``python -m siotool.faults.command_keeper --parent PID`` prints ``{}`` once it is ready. It reads a
``CommandStep`` from each line of standard input and prints a ``CommandEnded`` for each command that
ends. When standard input closes, or the parent ends, it runs what is left to be undone, and ends.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from types import FrameType
from typing import IO

import msgspec

from siotool.faults.command_lines import CommandEnded, CommandStep
from siotool.printable import one_line
from siotool.told_lines import ToldLines

#: How long a command may run, and one that undoes at the end.
PATIENCE_S, LAST_S = 120.0, 20.0
#: How long one that was killed may take to be gone.
_KILLED_S = 2.0
_LOOK_S = 0.05
_SAID = 200


class _RunningCommand:
    """A shell command in a session of its own, so that a Ctrl-C of the run is not for it."""

    def __init__(self, asked: CommandStep, patience_s: float) -> None:
        self.asked = asked
        self._until = time.monotonic() + patience_s
        self._patience_s = patience_s
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ended()
        self._process = subprocess.Popen(
            asked.command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=self._words,
            stderr=self._words,
            start_new_session=True,
        )

    def ended(self) -> CommandEnded | None:
        """Return how it ended, None while it runs; one that takes too long is killed."""
        code = self._process.poll()
        late = ""
        if code is None:
            if time.monotonic() < self._until:
                return None
            code, late = self._kill()
        self._words.seek(0)
        said = late + one_line(self._words.read().decode("utf-8", "replace")[-4 * _SAID :], _SAID)
        self._words.close()
        return CommandEnded(self.asked.fault, self.asked.step, code, said)

    def hurry(self, patience_s: float) -> None:
        """Give it no more than so long from now on."""
        self._until = min(self._until, time.monotonic() + patience_s)

    def _kill(self) -> tuple[int, str]:
        """Kill it: its exit code, or -9 where it could not be killed, and what to say of that."""
        late = f"it took longer than {self._patience_s:g} s and "
        # what runs as another user, as by sudo, may not be killed
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            return self._process.wait(_KILLED_S), late + "was killed; "
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL, late + "could not be killed; "


class CommandKeeper:
    """The commands that run, and those that are still to be run for each fault."""

    def __init__(self) -> None:
        self._running: list[_RunningCommand] = []
        self._to_undo: dict[int, str] = {}

    def take(self, asked: CommandStep) -> None:
        """Begin a command."""
        if asked.step == "undo":
            self._to_undo.pop(asked.fault, None)
        elif asked.undo:
            self._to_undo[asked.fault] = asked.undo
        self._running.append(_RunningCommand(asked, PATIENCE_S))

    def look(self) -> list[CommandEnded]:
        """Return the commands that have ended."""
        found = [(one, one.ended()) for one in self._running]
        self._running = [one for one, ended in found if ended is None]
        return [ended for _, ended in found if ended is not None]

    def undo_all(self) -> None:
        """Run what is left to be undone, the last fault first, and wait for it.

        What is under way ends before, or it would be done after it was undone.
        """
        for running in self._running:
            running.hurry(LAST_S)
        while self._running:
            self.look()
            time.sleep(_LOOK_S)
        for fault, command in reversed(self._to_undo.items()):
            last = _RunningCommand(CommandStep(fault, "undo", command), LAST_S)
            while last.ended() is None:
                time.sleep(_LOOK_S)
        self._to_undo.clear()


def main() -> None:
    """Run as the child of a siotool process."""
    parser = argparse.ArgumentParser(prog="python -m siotool.faults.command_keeper", description=__doc__)
    parser.add_argument("--parent", type=int, required=True, metavar="PID")
    parent = parser.parse_args().parent
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, _live_on)
    keeper = CommandKeeper()
    _say({})
    lines = ToldLines()
    try:
        while os.getppid() == parent and (told := lines.within(_LOOK_S)) is not None:
            for line in told:
                keeper.take(msgspec.json.decode(line, type=CommandStep))
            for ended in keeper.look():
                _say(ended)
    finally:
        keeper.undo_all()


def _live_on(_number: int, _frame: FrameType | None) -> None:
    """Leave what is to be undone in good hands; a signal that is ignored would be for commands too."""


def _say(line: object) -> None:
    try:
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the parent has ended: what is left is to be undone all the same
        return


if __name__ == "__main__":
    main()
