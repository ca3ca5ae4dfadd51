"""Results go to stdout, messages to stderr; either may be a pipe that its reader closes."""

import errno
import io
import os
import sys

from siotool.errors import OutputError
from siotool.printable import one_line

_REMEDY = "free some space, or send the result elsewhere"


class _ForgivingPipe(io.RawIOBase):
    """A file descriptor whose reader may close it: the rest is dropped.

    ``carries_result`` makes any other failure to write (a full disk) an error. Messages on stderr
    are dropped instead: a run goes on without them.
    """

    def __init__(self, descriptor: int, *, carries_result: bool) -> None:
        self._descriptor = descriptor
        self._carries_result = carries_result
        self._terminal = os.isatty(descriptor)
        self._gone = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        if not self._gone:
            try:
                return os.write(self._descriptor, data)
            except OSError as error:
                self._gone = True  # before the exit flushes what is left and fails once more
                hung_up = self._terminal and error.errno == errno.EIO
                if self._carries_result and not hung_up and not isinstance(error, BrokenPipeError):
                    raise OutputError(f"cannot write stdout: {error.strerror}", _REMEDY) from error
        return len(data)


def allow_closed_pipes() -> None:
    """Let ``siotool … | head`` end with the command's own exit code.

    The command runs to its end, so that a gate's verdict survives a reader that left. A stdin that was
    closed, as by ``0<&-``, is empty.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started this, as by 2>&-: print() would take the other one
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
            continue
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue  # captured by a test, or closed
        pipe = io.BufferedWriter(_ForgivingPipe(descriptor, carries_result=name == "stdout"))  # type: ignore[type-var]
        wrapped = io.TextIOWrapper(
            pipe,
            encoding=stream.encoding,
            errors="replace",
            line_buffering=stream.isatty() or name == "stderr",
        )
        setattr(sys, name, wrapped)


def complain(message: str, hint: str = "") -> None:
    """Print an error and its remedy to stderr."""
    say(message)
    if hint:
        print(f"  {one_line(hint)}", file=sys.stderr)


def say(words: str) -> None:
    """Print a line to stderr; names of others in it are made safe to show."""
    print(f"siotool: {one_line(words)}", file=sys.stderr)
