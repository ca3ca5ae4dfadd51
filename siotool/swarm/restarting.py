"""Searches of a server that is started again in between: servers differ from start to start.

Variance between starts is larger than within one (Zhang, Meisner, Mars and Tang, Treadmill, ISCA 2016),
so one search cannot see it.
"""

import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from urllib.parse import urlsplit

import gevent
import gevent.subprocess

from siotool.errors import TargetError
from siotool.printable import one_line
from siotool.searched import FoundCapacity
from siotool.swarm.program import Program, Stages
from siotool.swarm.search_program import SearchProgram
from siotool.workload import Stage

#: So many searches are made.
SEARCHES = 3
#: Users leave within this before the server is started again.
LEAVE_S = 3.0
#: How long the command may take, and then the server until it listens.
PATIENCE_S = 120.0
_LOOK_S = 0.1


def searches(
    make: Callable[[list[FoundCapacity]], SearchProgram], command: str | None, url: str
) -> Iterator[Program]:
    """The programs of one run: a search, or several with restarts in between.

    ``make`` begins a search that knows what those before it found. Raises TargetError when the command fails
    or the server does not come up.
    """
    found: list[FoundCapacity] = []
    for number in range(SEARCHES if command else 1):
        if number and command:
            yield Stages([Stage(LEAVE_S, 0)])
            restart(command, url)
        search = make(list(found))
        yield search
        if search.own is not None:
            found.append(search.own)


def restart(command: str, url: str) -> None:
    """Run a shell command and wait until the target listens again. Raises TargetError."""
    # a file and no pipe: a server that the command leaves in the background would keep a pipe open
    with tempfile.TemporaryFile() as words:
        process = gevent.subprocess.Popen(
            command,
            shell=True,
            stdin=gevent.subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE_S)
        except gevent.subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            raise TargetError(
                f"--restart-command took longer than {PATIENCE_S:g} s",
                "let it start the server in the background",
            ) from None
        if code:
            words.seek(0)
            said = one_line(words.read().decode("utf-8", "replace"), 200)
            raise TargetError(f"--restart-command ended with {code}: {said}", "try it by hand")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    deadline = monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection((parts.hostname or "", port), timeout=1.0).close()
            return
        except OSError as error:
            if monotonic() > deadline:
                raise TargetError(
                    f"{url} does not listen {PATIENCE_S:g} s after --restart-command: {error}",
                    "try it by hand",
                ) from error
            gevent.sleep(_LOOK_S)
