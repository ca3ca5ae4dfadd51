"""Real servers for the integration tests."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from siotool import runfile
from siotool.errors import RunFileError
from siotool.report.contents import UserClassFigures
from siotool.report.users import sum_up_user_classes
from siotool.runs import reading
from tests.held_ports import held_port
from tests.integration.labs import missing

T = TypeVar("T")

NODE_TARGET = Path(__file__).parents[1] / "targets/node"


@dataclass(frozen=True)
class NodeServer:
    """A running tests/targets/node/server.mjs."""

    url: str
    pid: int
    process: subprocess.Popen[bytes]

    def counters(self) -> dict[str, Any]:
        """What the server itself counted; see counters() in server.mjs."""
        return self._ask("GET", "/counters")

    def stall(self, ms: int) -> None:
        """Block the server's event loop; returns when it is over."""
        self._ask("POST", f"/stall?ms={ms}")

    def kick(self, *, close: bool = True) -> int:
        """Disconnect every client from its namespace, and close its transport or not; returns how many."""
        return int(self._ask("POST", f"/kick?close={'true' if close else 'false'}")["kicked"])

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the server, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(10)

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


@contextmanager
def _node_servers() -> Iterator[Callable[..., NodeServer]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (NODE_TARGET / "node_modules").is_dir():
        pytest.skip("tests/targets/node is not installed: run make node")
    servers: list[NodeServer] = []

    def start(**options: float) -> NodeServer:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        process = subprocess.Popen(
            [node, NODE_TARGET / "server.mjs", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"server.mjs ended with code {process.wait()} before it listened")
        ready = json.loads(line)
        server = NodeServer(f"http://127.0.0.1:{ready['port']}", ready["pid"], process)
        servers.append(server)
        return server

    yield start
    for server in servers:
        with server.process as process:  # closes its stdin, upon which it ends
            process.send_signal(signal.SIGCONT)
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def node_server() -> Iterator[Callable[..., NodeServer]]:
    """Start Node.js servers: ``node_server(tick_rate=10, omit_every=50)``; options of server.mjs.

    They end with the test. Skips where node or its packages are missing (``make node``).
    """
    with _node_servers() as start:
        yield start


@pytest.fixture(scope="module")
def lasting_node_server() -> Iterator[Callable[..., NodeServer]]:
    """Start Node.js servers that end with the module, for runs that many tests look at."""
    with _node_servers() as start:
        yield start


def _until(question: Callable[[], T], *, what: str, within_s: float = 20) -> T:
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        if time.monotonic() > deadline:
            pytest.fail(f"within {within_s:g} s not: {what}")
        time.sleep(0.02)
    return answer


@pytest.fixture
def until() -> Callable[..., Any]:
    """Ask again until the answer is true, and return it: ``until(lambda: …, what="…", within_s=20)``."""
    return _until


@dataclass(frozen=True)
class Finished:
    """A ``siotool loadtest`` that has ended: its exit code, its streams and its folder."""

    code: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The run file's lines as any JSON parser reads them."""
        return [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]

    @cached_property
    def run(self) -> runfile.Run:
        """The run file."""
        return reading.read(self.folder)

    @cached_property
    def report(self) -> dict[str, Any]:
        """The report that was left beside the run file."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    def operation(self, op: str, name: str) -> dict[str, Any]:
        """The report's row of an operation."""
        row: dict[str, Any]
        (row,) = (row for row in self.report["operations"] if (row["op"], row["name"]) == (op, name))
        return row

    def counted(self, user_class: str) -> UserClassFigures:
        """What the users of a class did."""
        (found,) = (found for found in sum_up_user_classes([self.run]) if found.name == user_class)
        return found

    def total(self, kind: str, name: str) -> int:
        """A number summed over the intervals: ``total("delivery", "lost")``."""
        return sum(getattr(getattr(interval, kind), name) for interval in self.run.intervals)

    def classes(self, name: str) -> dict[str, int]:
        """Connections by class over the run: ``failed`` or ``closed``."""
        total = Counter[str]()
        for interval in self.run.intervals:
            total.update(getattr(interval.connections, name))
        return dict(total)


class Loadtest:
    """A ``siotool loadtest`` on its way, in a session of its own."""

    def __init__(
        self, place: Path, arguments: list[str], stdout: int | None, inside: tuple[str, ...] = ()
    ) -> None:
        """``inside``: a command that runs it somewhere else, as in a network namespace."""
        place.mkdir(parents=True)
        self.folder = place / "run"
        self._streams = place / "stdout", place / "stderr"
        plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
        with self._streams[0].open("wb") as out, self._streams[1].open("wb") as err:
            self.process = subprocess.Popen(
                [*inside, sys.executable, "-m", "siotool", "loadtest", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=err,
                env=plain,
                cwd=place,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has said on stderr by now."""
        return self._streams[1].read_text(encoding="utf-8", errors="replace")

    @property
    def run(self) -> runfile.Run | None:
        """What the run file holds by now; None before it is there."""
        with suppress(RunFileError):
            return reading.read(self.folder)
        return None

    def reached(self, second: int, *, within_s: float = 40) -> runfile.Run:
        """Wait until so many seconds are written down."""

        def far_enough() -> runfile.Run | None:
            assert self.process.poll() is None, f"ended early: {self._streams[1].read_text()}"
            run = self.run
            return run if run and len(run.intervals) >= second else None

        found = _until(far_enough, what=f"second {second} in the run file", within_s=within_s)
        assert found is not None
        return found

    def family(self, module: str = "") -> list[psutil.Process]:
        """Living processes that it started, directly or not; those that run ``module``."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children(recursive=True)
            return [p for p in found if not module or module in p.cmdline()]
        return []

    def workers(self) -> list[psutil.Process]:
        """Generator processes, in the order of their numbers."""
        return sorted(self.family("siotool.swarm.worker"), key=lambda process: process.pid)

    def interrupt(self) -> None:
        """Press Ctrl-C: everything in the terminal's foreground gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def finish(self, timeout: float = 60) -> Finished:
        """Wait for its end."""
        code = self.process.wait(timeout)
        out, err = (path.read_text(encoding="utf-8") for path in self._streams)
        return Finished(code, out, err, self.folder)

    def cut(self) -> None:
        """End whatever is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def _loadtests(folder: Path) -> Iterator[Callable[..., Loadtest]]:
    started: list[Loadtest] = []
    numbers = itertools.count()

    def start(*arguments: Any, stdout: int | None = None, inside: tuple[str, ...] = ()) -> Loadtest:
        place = folder / f"loadtest-{next(numbers)}"
        texts = [str(argument) for argument in arguments]
        if "--out" not in texts:
            texts += ["--out", str(place / "run")]
        if "--processes" not in texts and "--distributed" not in texts:
            texts += ["--processes", "1"]
        test = Loadtest(place, texts, stdout, inside)
        started.append(test)
        return test

    try:
        yield start
    finally:
        for one in started:
            one.cut()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Loadtest]]:
    """Start ``siotool loadtest`` with some options, in one worker if they do not say how many."""
    with _loadtests(tmp_path) as starter:
        yield starter


@pytest.fixture
def loadtest(start: Callable[..., Loadtest]) -> Callable[..., Finished]:
    """Run ``siotool loadtest`` with some options to its end."""
    return lambda *arguments, **options: start(*arguments, **options).finish()


@pytest.fixture(scope="module")
def lasting_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Loadtest]]:
    """Do the same as ``start``, for runs that many tests of a module look at."""
    with _loadtests(tmp_path_factory.mktemp("loadtest")) as starter:
        yield starter


@pytest.fixture
def hold() -> Iterator[Callable[[], int]]:
    """Hold a port until the test is over, for a service that is told it."""
    with ExitStack() as held:
        yield lambda: held.enter_context(held_port())


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs; one that ended and waits to be collected does not."""

    def look(pid: int) -> bool:
        status = Path(f"/proc/{pid}/stat")
        try:
            os.kill(pid, 0)
            return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):  # now, or while its state was read
            return False

    return look


@pytest.fixture(scope="session")
def lab_programs() -> None:
    """Skip where a program or a package of labs is missing."""
    if lacking := missing():
        pytest.skip(f"{', '.join(lacking)}: not installed; siotool lab doctor says how to get it (make lab)")
