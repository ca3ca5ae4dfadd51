"""What was seen: the lines of ``run.jsonl``, and the only code that knows their form.

The file is append-only and readable up to its last whole line at any moment. The first
line is a ``header``; then one ``interval`` a second, ``note`` lines between them, and an
``end`` when the run ended in order. Every count of an interval is what happened within it;
totals are sums over intervals. ``in`` and ``out`` are as the clients see them.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from siotool.errors import OutputError, RunFileError
from siotool.histogram import Sparse
from siotool.workload import Target, Workload

VERSION = 1
FILE_NAME = "run.jsonl"

OpKind = Literal["connect", "upgrade", "namespace", "ack", "deliver", "reconnect", "custom"]


class Machine(msgspec.Struct, frozen=True):
    """Where the generator ran."""

    system: str
    cpus: int
    memory_bytes: int
    python: str


class Server(msgspec.Struct, frozen=True):
    """How the server's use was sampled, and what it could use.

    ``source`` is a sentence such as ``pid 4711 and its children``. ``cores`` is how many
    cores the server can fill (one per event-loop process unless the user says otherwise);
    ``memory_bytes`` the memory of its machine, ``files_limit`` its open-file limit.
    """

    source: str
    pid: int
    cores: float
    memory_bytes: int | None = None
    files_limit: int | None = None


class Header(msgspec.Struct, frozen=True, tag_field="kind", tag="header"):
    """First line of a run: everything that was decided before it started."""

    version: int
    run: str
    started_at: str
    siotool: str
    libraries: dict[str, str]
    machine: Machine
    target: Target
    workload: Workload
    bytes_source: str
    server: Server | None = None
    gates: list[str] = []
    default_gates: bool = True
    command: list[str] = []


class Operation(msgspec.Struct, frozen=True):
    """One kind of operation within an interval.

    ``response`` counts from the intended start, ``service`` from the actual send (equal
    where nothing was scheduled). ``count`` are the successes; those without a latency, such as
    a delivery without a send time, are in neither. ``errors`` are the failures by class.
    """

    op: OpKind
    name: str
    count: int = 0
    errors: dict[str, int] = {}
    response: Sparse = Sparse()
    service: Sparse = Sparse()


class Connections(msgspec.Struct, frozen=True):
    """``open`` and ``users`` at the end of the interval; the rest counted within it.

    ``hung`` counts the attempts that had no answer in time (``timeout``, or ``unanswered`` when
    the run ended first) by the phase they hung in: tcp, tls, upgrade, open, namespace.
    """

    open: int = 0
    users: int = 0
    attempted: int = 0
    established: int = 0
    failed: dict[str, int] = {}
    closed: dict[str, int] = {}
    hung: dict[str, int] = {}


#: The name under which operations stand together once there are more names than are kept apart.
OTHER = "(other)"

#: Kinds of a failure that no exception made: a failed check, and a call of ``fail``.
CHECK_FAILED, FAIL = "check_failed", "fail"
JUDGED = frozenset({CHECK_FAILED, FAIL})
#: How ``where`` begins for an operation that was reported as failed through Locust's event.
REQUEST_EVENT = "request event"


class ScenarioFailure(msgspec.Struct, frozen=True):
    """What a scenario's own code raised, or judged to be wrong, within an interval.

    ``kind`` is the exception's class, ``check_failed`` for a failed check, ``fail`` for a call
    of ``fail``. ``message`` is shortened. ``where`` names the place in the scenario.
    """

    kind: str
    message: str
    where: str
    count: int


class UserClass(msgspec.Struct, frozen=True):
    """Users of one class: ``users`` at the end of the interval, the rest counted within it.

    ``started`` and ``ended`` (by themselves) are users; ``attempted`` and ``established`` their
    connections; ``begun`` and ``failed`` their operations other than connecting. ``offered``,
    ``achieved`` and ``withheld`` are scheduled operations: what was due, what was begun, and what
    was not because the target kept the user from it. They are 0 where nothing is scheduled
    (users with a ``wait_time`` of their own).
    """

    name: str
    users: int = 0
    started: int = 0
    ended: int = 0
    attempted: int = 0
    established: int = 0
    begun: int = 0
    failed: int = 0
    offered: int = 0
    achieved: int = 0
    withheld: int = 0


class Delivery(msgspec.Struct, frozen=True):
    """Stamped broadcasts whose account was closed within the interval.

    ``expected = received + lost``. A message is closed when its last due delivery arrived,
    or when it is given up; ``pending`` are the deliveries of open messages at its end.
    """

    published: int = 0
    expected: int = 0
    received: int = 0
    lost: int = 0
    duplicate: int = 0
    reordered: int = 0
    late: int = 0
    pending: int = 0


class Bytes(msgspec.Struct, frozen=True):
    """``payload``: Engine.IO packets. ``wire``: TCP payload (HTTP, frames, heartbeats, TLS)."""

    payload_in: int = 0
    payload_out: int = 0
    wire_in: int = 0
    wire_out: int = 0


class WorkerHealth(msgspec.Struct, frozen=True):
    """One generator process: is it the bottleneck?

    ``cpu_cores`` mean over the interval (1.0 is one full core), ``loop_lag_s`` the longest
    the connection loop was late, ``schedule_lag_s`` the longest a scheduled operation was.
    ``cpu_allowed`` is how many cores it may use (one interpreter: at most 1; less under a quota
    or an affinity mask). ``cpu_wait`` is the share of the interval in which its busiest thread
    was ready to run and had no CPU.
    """

    worker: int
    cpu_cores: float
    rss_bytes: int
    loop_lag_s: float
    schedule_lag_s: float
    files_open: int
    files_limit: int
    cpu_allowed: float = 1.0
    cpu_wait: float = 0.0


class ServerUse(msgspec.Struct, frozen=True):
    """One sample of the server's processes."""

    cpu_cores: float
    rss_bytes: int
    files_open: int
    processes: int


class Interval(msgspec.Struct, frozen=True, tag_field="kind", tag="interval"):
    """One second of the run; ``t_s`` is its end, in seconds since the start.

    ``overdue`` are the operations under way for more than a second at its end, by op.
    ``draining`` marks what came after the last stage, while the run waited for what was still
    under way: it belongs to no hold phase.
    """

    t_s: float
    duration_s: float
    stage: int
    connections: Connections
    operations: list[Operation]
    delivery: Delivery
    bytes: Bytes
    generator: list[WorkerHealth]
    server: ServerUse | None = None
    exceptions: list[ScenarioFailure] = []
    user_classes: list[UserClass] = []
    overdue: dict[str, int] = {}
    draining: bool = False


class Note(msgspec.Struct, frozen=True, tag_field="kind", tag="note"):
    """Something worth knowing that happened: a stage, a fault, a warning.

    ``level`` ``doubt`` makes the run suspect.
    """

    t_s: float
    level: Literal["info", "warning", "doubt"]
    text: str


class End(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """Last line of a run that ended in order; ``exceptions`` came after its last second."""

    t_s: float
    reason: Literal["finished", "interrupted", "workers_lost", "target_lost"]
    exceptions: list[ScenarioFailure] = []


Line = Header | Interval | Note | End


class Run(msgspec.Struct):
    """A run file in memory; ``end`` is None when the run was cut."""

    path: Path
    header: Header
    intervals: list[Interval]
    notes: list[Note]
    end: End | None
    truncated_line: bool = False


class Writer:
    """Appends lines to a new run file; each is on disk when ``write`` returns."""

    def __init__(self, folder: Path) -> None:
        """Make ``folder`` and an empty run file in it; never overwrites one."""
        self.path = folder / FILE_NAME
        try:
            if folder.is_file():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError:
            raise OutputError(f"{self.path} already exists", "choose another --out folder") from None
        except OSError as error:
            raise OutputError(
                f"cannot write a run to {folder}: {error.strerror}", "choose another folder with --out"
            ) from error
        self._size = 0
        self._encoder = msgspec.json.Encoder()

    def write(self, line: Line) -> None:
        """Append one line. Raises OutputError, and leaves whole lines, when the disk is full."""
        data = self._encoder.encode(line) + b"\n"
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            with suppress(OSError):  # the half line stays, and readers leave it out
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise OutputError(
                f"cannot go on writing {self.path}: {error.strerror}",
                "what was measured until here is kept; free some space or choose another --out",
            ) from error
        self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> Run:
    """Read a run from its file or its folder.

    A last line that was cut is left out and flagged. Raises RunFileError naming the file,
    the line and the reason when it is no run file, of another version, or damaged inside.
    """
    try:
        if path.is_dir():
            path = path / FILE_NAME
        data = path.read_bytes()
    except OSError as error:
        raise RunFileError(
            f"cannot read {path}: {error.strerror}", "give a run folder or its run.jsonl"
        ) from error
    *whole, rest = data.split(b"\n")
    if not whole:
        raise RunFileError(
            f"{path} holds no whole line", "the run ended before it began, or it is no run file"
        )
    lines = list(_decode(path, whole))
    header = lines[0]
    if not isinstance(header, Header):
        raise _no_header(path)
    run = Run(path=path, header=header, intervals=[], notes=[], end=None, truncated_line=bool(rest))
    for number, line in enumerate(lines[1:], start=2):
        match line:
            case Interval():
                run.intervals.append(line)
            case Note():
                run.notes.append(line)
            case End():
                run.end = line
            case Header():
                raise RunFileError(f"{path}:{number}: a second header", "give one run per file")
    return run


def _no_header(path: Path) -> RunFileError:
    return RunFileError(f"{path} is not a siotool run: its first line is no header", "give a run.jsonl")


class _Version(msgspec.Struct):
    version: int | None = None
    kind: str | None = None


#: What decoding a line may raise; the last one for lists nested a hundred thousand deep.
_UNREADABLE = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _decode(path: Path, lines: list[bytes]) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    for number, line in enumerate(lines, start=1):
        if number == 1:
            _check_version(path, line)
        try:
            yield decoder.decode(line)
        except _UNREADABLE as error:
            raise RunFileError(
                f"{path}:{number}: {error}", "the file is damaged or not a siotool run"
            ) from error


def _check_version(path: Path, line: bytes) -> None:
    try:
        head = msgspec.json.decode(line, type=_Version)
    except _UNREADABLE:
        head = _Version()
    if head.kind != "header":
        raise _no_header(path)
    if head.version != VERSION:
        raise RunFileError(
            f"{path} has run format {head.version}; this siotool reads {VERSION}",
            "read it with the siotool that wrote it (its version is in the first line)",
        )


def newest(folder: Path) -> Path:
    """Return the newest run file below ``folder``; raises RunFileError when there is none."""
    runs = sorted(folder.glob(f"*/{FILE_NAME}"), key=lambda p: (p.stat().st_mtime, p.parent.name))
    if not runs:
        raise RunFileError(f"no run in {folder}/", "run siotool loadtest first, or name a run")
    return runs[-1]
