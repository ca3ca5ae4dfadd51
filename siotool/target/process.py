"""The embedded server as a child process: start it, know its URL, stop it."""

import os
import sys
from types import TracebackType
from typing import Self

from siotool.child_process import ChildProcess


class TargetProcess:
    """A chat server on a loopback port (``siotool.target.serve``) that lives as long as its parent.

    ``url`` and ``pid`` are known once ``start`` has returned. Also a context manager.
    """

    def __init__(self, **options: float) -> None:
        """Remember options of ``siotool.target.serve``, such as ``tick_rate=10``; starts nothing."""
        self._child = ChildProcess(
            [
                # -P: a user's folder may hold a file named like one of our libraries
                *(sys.executable, "-P", "-m", "siotool.target.serve"),
                *(f"--{name.replace('_', '-')}={value!r}" for name, value in options.items()),
                f"--parent={os.getpid()}",
            ],
            "the embedded target",
            "run siotool target to see its messages, or give the URL of your own server",
        )
        self.url = ""
        self.pid = 0

    def start(self) -> Self:
        """Start the server and wait until it accepts connections.

        Raises TargetError, with the server's stderr, when it ends first or is not ready in time.
        """
        ready = self._child.start(15.0)
        self.url, self.pid = str(ready["url"]), int(ready["pid"])
        return self

    def stop(self) -> None:
        """End the server."""
        self._child.stop()

    def __enter__(self) -> Self:
        return self if self._child.started else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
