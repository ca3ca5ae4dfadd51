"""What was seen: the lines of ``run.jsonl``, and the only code that knows their form.

The file is append-only and readable up to its last whole line at any moment. The first
line is a ``header``; then one ``interval`` a second, ``note`` lines between them, and an
``end`` when the run ended in order. Every count of an interval is what happened within it;
totals are sums over intervals. ``in`` and ``out`` are as the clients see them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec

from siotool.errors import RunFileError
from siotool.histogram import Sparse
from siotool.workload import Target, Workload

VERSION = 1
FILE_NAME = "run.jsonl"

#: A line is an interval of a second at most, a file a run of some weeks: 1,000,000 seconds are eleven days.
LONGEST_LINE = 16 << 20
MOST_LINES = 4_000_000
#: Times are rounded to milliseconds.
_ROUNDING_S = 0.002

OpKind = Literal["connect", "upgrade", "namespace", "ack", "deliver", "reconnect", "custom"]

#: Counts and quantities that a run can have: no float is exact beyond, and no run so long or large.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Machine(msgspec.Struct, frozen=True):
    """Where the generator ran."""

    system: str
    cpus: Count
    memory_bytes: Count
    python: str


class MeasuredServer(msgspec.Struct, frozen=True):
    """How the server's use was sampled, and what it could use.

    ``source`` is a sentence such as ``pid 4711 and its children``. ``cores`` is how many
    cores the server can fill (one per event-loop process unless the user says otherwise);
    ``memory_bytes`` the memory of its machine, ``files_limit`` its open-file limit.
    """

    source: str
    pid: Count
    cores: Amount
    memory_bytes: Count | None = None
    files_limit: Count | None = None


class Header(msgspec.Struct, frozen=True, tag_field="kind", tag="header"):
    """First line of a run: everything that was decided before it started.

    ``compression``: the target would have compressed for clients that offer it.
    """

    version: Count
    run: str
    started_at: str
    siotool: str
    libraries: dict[str, str]
    machine: Machine
    target: Target
    workload: Workload
    bytes_source: str
    server: MeasuredServer | None = None
    compression: bool | None = None
    gates: list[str] = []
    default_gates: bool = True
    command: list[str] = []


class Operation(msgspec.Struct, frozen=True):
    """One kind of operation within an interval.

    ``response`` counts from the intended start, ``service`` from the actual send (equal
    where nothing was scheduled). ``count`` are the successes; those without a latency, such as
    a delivery without a send time, are in neither. ``errors`` are the failures by class;
    ``given_up`` is how long those of them had waited, from the intended start, that nobody had
    answered in time (``timeout``) or before the run ended (``unanswered``).
    """

    op: OpKind
    name: str
    count: Count = 0
    errors: dict[str, Count] = {}
    response: Sparse = Sparse()
    service: Sparse = Sparse()
    given_up: Sparse = Sparse()


class Connections(msgspec.Struct, frozen=True):
    """``open`` and ``users`` at the end of the interval; the rest counted within it.

    ``closed`` are connections that ended by class, ``left`` those that their users ended.
    ``hung`` counts the attempts that had no answer in time (``timeout``, or ``unanswered`` when
    the run ended first) by the phase they hung in: tcp, tls, upgrade, open, namespace.
    """

    open: Count = 0
    users: Count = 0
    attempted: Count = 0
    established: Count = 0
    failed: dict[str, Count] = {}
    closed: dict[str, Count] = {}
    hung: dict[str, Count] = {}
    left: Count = 0


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
    count: Count


class UserClass(msgspec.Struct, frozen=True):
    """Users of one class: ``users`` at the end of the interval, the rest counted within it.

    ``started`` and ``ended`` (by themselves) are users; ``attempted`` and ``established`` their
    connections; ``begun`` and ``failed`` their operations other than connecting, of which ``sent``
    are events sent to the server. ``offered``, ``issued`` and ``withheld`` are scheduled
    operations: what was due, what was begun, and what was not because the target kept the user
    from it. They are 0 where nothing is scheduled (a ``wait_time`` of the user's own).
    """

    name: str
    users: Count = 0
    started: Count = 0
    ended: Count = 0
    attempted: Count = 0
    established: Count = 0
    begun: Count = 0
    failed: Count = 0
    sent: Count = 0
    offered: Count = 0
    issued: Count = 0
    withheld: Count = 0


class Delivery(msgspec.Struct, frozen=True):
    """Stamped broadcasts whose account was closed within the interval.

    ``expected = received + lost``. A message is closed when its last due delivery arrived,
    or when it is given up; ``pending`` are the deliveries of open messages at its end.
    """

    published: Count = 0
    expected: Count = 0
    received: Count = 0
    lost: Count = 0
    duplicate: Count = 0
    reordered: Count = 0
    late: Count = 0
    pending: Count = 0


class Bytes(msgspec.Struct, frozen=True):
    """``payload``: Engine.IO packets. ``wire``: TCP payload (HTTP, frames, heartbeats, TLS)."""

    payload_in: Count = 0
    payload_out: Count = 0
    wire_in: Count = 0
    wire_out: Count = 0


class WorkerHealth(msgspec.Struct, frozen=True):
    """One generator process: is it the bottleneck?

    ``cpu_cores`` mean over the interval (1.0 is one full core), ``loop_lag_s`` the longest
    the connection loop was late, ``schedule_lag_s`` the longest a scheduled operation was.
    ``cpu_allowed`` is how many cores it may use (one interpreter: at most 1; less under a quota
    or an affinity mask). ``cpu_wait`` is the share of the interval in which its busiest thread
    was ready to run and had no CPU.
    """

    worker: Count
    cpu_cores: Amount
    rss_bytes: Count
    loop_lag_s: Amount
    schedule_lag_s: Amount
    files_open: Count
    files_limit: Count
    cpu_allowed: Annotated[float, msgspec.Meta(gt=0, le=1e12)] = 1.0
    cpu_wait: Amount = 0.0


class ServerUse(msgspec.Struct, frozen=True):
    """One sample of the server's processes."""

    cpu_cores: Amount
    rss_bytes: Count
    files_open: Count
    processes: Count


class Interval(msgspec.Struct, frozen=True, tag_field="kind", tag="interval"):
    """One second of the run; ``t_s`` is its end, in seconds since the start.

    ``overdue`` are the operations under way for more than a second at its end, by op.
    ``draining`` marks what came after the last stage, while the run waited for what was still
    under way: it belongs to no hold phase.
    """

    t_s: Amount
    duration_s: Amount
    stage: Count
    connections: Connections
    operations: list[Operation]
    delivery: Delivery
    bytes: Bytes
    generator: list[WorkerHealth]
    server: ServerUse | None = None
    exceptions: list[ScenarioFailure] = []
    user_classes: list[UserClass] = []
    overdue: dict[str, Count] = {}
    draining: bool = False


class Note(msgspec.Struct, frozen=True, tag_field="kind", tag="note"):
    """Something worth knowing that happened: a stage, a fault, a warning.

    ``level`` ``doubt`` makes the run suspect.
    """

    t_s: Amount
    level: Literal["info", "warning", "doubt"]
    text: str


class End(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """Last line of a run that ended in order.

    ``intervals`` is how many were written, None where nobody counted; ``exceptions`` came after
    the last of them.
    """

    t_s: Amount
    reason: Literal["finished", "interrupted", "workers_lost", "target_lost"]
    exceptions: list[ScenarioFailure] = []
    intervals: Count | None = None


Line = Header | Interval | Note | End


class Run(msgspec.Struct):
    """A run file in memory; ``end`` is None when the run was cut."""

    path: Path
    header: Header
    intervals: list[Interval]
    notes: list[Note]
    end: End | None
    truncated_line: bool = False


def read(path: Path) -> Run:
    """Read a run from its file or its folder.

    A last line that was cut is left out and flagged. Raises RunFileError naming the file,
    the line and the reason when it is no run file, of another version, damaged inside, longer
    than any run, or says what no run can have said.
    """
    run: Run | None = None
    cut = False
    path = _file(path)
    for number, line in _lines(path):
        if not line.endswith(b"\n"):
            cut = True
            break
        decoded = _decode(path, number, line[:-1])
        if run is None:
            if not isinstance(decoded, Header):
                raise _no_header(path)
            run = Run(path=path, header=decoded, intervals=[], notes=[], end=None)
        else:
            _append(run, number, decoded)
    if run is None:
        raise RunFileError(
            f"{path} holds no whole line", "the run ended before it began, or it is no run file"
        )
    run.truncated_line = cut
    return run


def _append(run: Run, number: int, line: Line) -> None:
    where = f"{run.path}:{number}"
    if run.end is not None:
        raise RunFileError(f"{where}: a line after the end of the run", "give one run per file")
    match line:
        case Interval():
            if problem := contradiction(line):
                raise RunFileError(f"{where}: {problem}", "no run has written this: the file was changed")
            run.intervals.append(line)
        case Note():
            run.notes.append(line)
        case End():
            run.end = line
        case Header():
            raise RunFileError(f"{where}: a second header", "give one run per file")


def contradiction(interval: Interval) -> str:
    """What in an interval no run can have written, however bad it was; empty when nothing."""
    delivery, connections = interval.delivery, interval.connections
    if delivery.expected != delivery.received + delivery.lost:
        return (
            f"{delivery.expected:,} deliveries were expected, and {delivery.received:,} received and "
            f"{delivery.lost:,} lost are not as many"
        )
    if interval.duration_s <= 0 or interval.duration_s > interval.t_s + _ROUNDING_S:
        return f"an interval of {interval.duration_s:g} s that ends at {interval.t_s:g} s"
    if interval.user_classes and sum(found.users for found in interval.user_classes) != connections.users:
        return f"{connections.users:,} users, and user classes that hold another number"
    for operation in interval.operations:
        times, given_up = sum(operation.response.n), sum(operation.given_up.n)
        if times > operation.count or given_up > sum(operation.errors.values()):
            return f"{operation.op} {operation.name} has more times than successes, or than failures"
    if sum(connections.hung.values()) > sum(connections.failed.values()):
        return "more connects hung than failed"
    return ""


def _file(path: Path) -> Path:
    try:
        return path / FILE_NAME if path.is_dir() else path
    except OSError:
        return path  # reading it will tell why


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, the last one perhaps without its end; refuses what has no end."""
    try:
        with path.open("rb") as stream:
            yield from _bounded(path, stream)
    except OSError as error:
        raise RunFileError(
            f"cannot read {path}: {error.strerror}", "give a run folder or its run.jsonl"
        ) from error


def _bounded(path: Path, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    for number in range(1, MOST_LINES + 2):
        line = stream.readline(LONGEST_LINE + 1)
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise RunFileError(
                f"{path}:{number}: a line of more than {LONGEST_LINE >> 20} MiB", "it is no run file"
            )
        if number > MOST_LINES:
            raise RunFileError(f"{path} has more than {MOST_LINES:,} lines", "it is no run file")
        yield number, line


def _no_header(path: Path) -> RunFileError:
    return RunFileError(f"{path} is not a siotool run: its first line is no header", "give a run.jsonl")


class _Version(msgspec.Struct):
    version: int | None = None
    kind: str | None = None


_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)

#: What decoding a line may raise; the last one for lists nested a hundred thousand deep.
_UNREADABLE = (ValueError, RecursionError)


def _decode(path: Path, number: int, line: bytes) -> Line:
    if number == 1:
        _check_version(path, line)
    try:
        return _decoder.decode(line)
    except _UNREADABLE as error:
        raise RunFileError(f"{path}:{number}: {error}", "the file is damaged or not a siotool run") from error


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
