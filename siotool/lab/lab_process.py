"""A lab as this process sees it: started, known, stopped.

It imports nothing that gevent's monkey patching breaks: the generator's parent is a gevent process.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import psutil

from siotool.child_process import ChildProcess
from siotool.errors import TargetError
from siotool.lab.keeper_lines import AskedAction, DoneAction, KeeperLine
from siotool.lab.lab import Lab
from siotool.lab.needs import no_folder
from siotool.lab.process_tree import send_to, trees_of
from siotool.lab.running_lab import LabMember, RunningLab

#: Backend, servers and balancer have 30 s each; their ends 5 s each.
_READY_S, _END_S = 100.0, 20.0
#: Characters of what its keeper said last.
_SAID = 200


class LabProcess:
    """A lab that lives as long as this process, kept by ``siotool.lab.keeper``. A context manager.

    ``running`` is known inside of it.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        """Take a lab that fits the machine (``check_machine``); starts nothing."""
        self._folder = folder.resolve()
        self._child = ChildProcess(
            [
                *(
                    sys.executable,
                    "-P",
                    "-m",
                    "siotool.lab.keeper",
                    "--lab",
                    msgspec.json.encode(lab).decode(),
                ),
                *("--folder", str(self._folder), "--parent", str(os.getpid())),
            ],
            "the lab",
            "siotool lab doctor says what is missing",
        )
        self.running = RunningLab(1, [], str(self._folder), "", [])
        #: All processes of its parts that were told.
        self._known: set[psutil.Process] = set()

    def ask(self, asked: AskedAction) -> None:
        """Have an action carried out; ``news`` says when it is over."""
        self._child.tell(msgspec.json.encode(asked))

    def news(self, within_s: float = 0.5) -> list[KeeperLine]:
        """Return which programs have ended by themselves and which actions are over since the last question.

        Waits so long for the first. Raises TargetError when the keeper has ended.
        """
        lines = self._child.more_lines(within_s)
        ended = self._child.ended
        found: list[KeeperLine] = []
        for line in lines:
            try:
                found.append(msgspec.json.decode(line, type=KeeperLine))
            except msgspec.DecodeError:
                if not ended:  # its last words are those of an error
                    raise
        for one in found:
            if isinstance(one, DoneAction):
                self._know(one.moved)
        if ended:
            self._let_go()
            why = self._child.said()[-_SAID:]
            raise TargetError(
                f"the lab has ended: {why}".rstrip(": "), f"what its programs said is in {self._folder}"
            )
        return found

    def __enter__(self) -> Self:
        # others of this machine are not to read what its backends' passwords are
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)  # one that was there may be open to all
        except OSError as error:
            raise no_folder(self._folder, error) from error
        ready = self._child.start(_READY_S)
        if "error" in ready:
            self._child.stop(_END_S)
            raise TargetError(ready["error"], ready["hint"])
        self.running = msgspec.convert(ready, RunningLab)
        self._know(self.running.members)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.stop(_END_S)
        self._let_go()

    def _know(self, members: Sequence[LabMember]) -> None:
        for one in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._known.add(psutil.Process(one.pid))

    def _let_go(self) -> None:
        """Have stopped processes go on that a killed keeper has left: until then no signal ends them.

        A process is known by its start too: its number may be a stranger's by now.
        """
        left = [one.pid for one in self._known if one.is_running()]
        if left:
            for pids in trees_of(left).values():
                send_to(pids, signal.SIGCONT)
