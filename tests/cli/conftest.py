"""Running a command inside the test's own process, for tests of what it says and not of its process.

A process of its own takes half a second to start. Pipes, signals and imports are tested with one,
in the modules that are about them.
"""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from unittest import mock

import pytest

from siotool.cli import app


@pytest.fixture(scope="session")
def siotool() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run ``siotool ARGUMENTS`` in a folder, with ``given`` on stdin; as ``subprocess.run`` returns it."""

    def run(
        *arguments: object, cwd=None, given: str | None = None, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        stdout, stderr = io.StringIO(), io.StringIO()
        argv = ["siotool", *map(str, arguments)]
        with _as_a_process(argv, cwd, given, variables), _captured(stdout, stderr):
            try:
                app.main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
        return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())

    return run


_TERMINAL = frozenset(("COLUMNS", "NO_COLOR", "FORCE_COLOR"))


@contextlib.contextmanager
def _as_a_process(argv, cwd, given, variables) -> Iterator[None]:
    plain = {key: text for key, text in os.environ.items() if key not in _TERMINAL}
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(sys, "stdin", io.StringIO(given or "")),
        mock.patch.dict(os.environ, plain | variables, clear=True),
        contextlib.chdir(cwd or os.curdir),
    ):
        yield


@contextlib.contextmanager
def _captured(stdout, stderr) -> Iterator[None]:
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        yield
