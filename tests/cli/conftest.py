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

    def run(*arguments: str, cwd=None, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        stdout, stderr = io.StringIO(), io.StringIO()
        with _as_a_process(["siotool", *map(str, arguments)], cwd, given, stdout, stderr):
            try:
                app.main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
        return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())

    return run


@contextlib.contextmanager
def _as_a_process(argv, cwd, given, stdout, stderr) -> Iterator[None]:
    plain = {key: text for key, text in os.environ.items() if key not in _TERMINAL}
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(sys, "stdin", io.StringIO(given or "")),
        mock.patch.dict(os.environ, plain, clear=True),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        contextlib.chdir(cwd or os.curdir),
    ):
        yield


_TERMINAL = frozenset(("COLUMNS", "NO_COLOR", "FORCE_COLOR"))
