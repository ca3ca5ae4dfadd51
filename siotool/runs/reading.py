"""Reads runs from a file, a folder or stdin, line by line; refuses what no run can have written."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from siotool.deliveries_by_node import DeliveriesByNode
from siotool.errors import RunFileError
from siotool.faults.planned_fault import FaultStep
from siotool.runfile import (
    FILE_NAME,
    VERSION,
    AudienceDeliveries,
    Connections,
    End,
    Header,
    Interval,
    Line,
    Note,
    Operation,
    Run,
)
from siotool.searched import FoundCapacity, Hold

#: A line is an interval of a second at most, a file a run of some weeks: 1,000,000 seconds are eleven days.
LONGEST_LINE = 16 << 20
MOST_LINES = 4_000_000
#: Times are rounded to milliseconds.
_ROUNDING_S = 0.002
#: No interval is shorter.
_SHORTEST_S = 1e-6


def read(path: Path) -> Run:
    """Read a run from its file or its folder.

    A last line that was cut is left out and flagged. Raises RunFileError naming the file,
    the line and the reason when it is no run file, of another version, damaged inside, longer
    than any run, or holds what no run can have written.
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
            names = [server.name for server in decoded.servers]
            if len(set(names)) < len(names):
                raise RunFileError(f"{path}:1: two servers of one name", "the file was changed")
            run = Run(path=path, header=decoded, intervals=[], notes=[], end=None, fault_steps=[])
        else:
            _append(run, number, decoded)
    if run is None:
        raise RunFileError(
            f"{path} has no complete line", "the run ended before it began, or it is no run file"
        )
    run.truncated_line = cut
    return run


def _append(run: Run, number: int, line: Line) -> None:
    where = f"{run.path}:{number}"
    if run.end is not None:
        raise RunFileError(f"{where}: a line after the end of the run", "give one run per file")
    match line:
        case Interval():
            if problem := contradiction(line) or _strangers(run.header, line):
                raise RunFileError(f"{where}: {problem}", "no run has written this: the file was changed")
            run.intervals.append(line)
        case Note():
            run.notes.append(line)
        case FaultStep():
            if line.fault >= len(run.header.faults):
                raise RunFileError(f"{where}: a fault that the header does not name", "the file was changed")
            run.fault_steps.append(line)
        case Hold():
            if line.begin_s > line.t_s:
                raise RunFileError(f"{where}: a hold that ends before it begins", "the file was changed")
            run.holds.append(line)
        case FoundCapacity():
            if line.high is not None and line.high < line.low:
                raise RunFileError(f"{where}: a capacity from high to low", "the file was changed")
            run.capacity = line
        case End():
            run.end = line
        case Header():
            raise RunFileError(f"{where}: a second header", "give one run per file")


def contradiction(interval: Interval) -> str:
    """What in an interval no run can have written; empty when nothing."""
    delivery, connections = interval.delivery, interval.connections
    if delivery.expected != delivery.received + delivery.lost:
        return (
            f"{delivery.expected:,} deliveries were expected, but {delivery.received:,} received and "
            f"{delivery.lost:,} lost do not add up to that"
        )
    if interval.duration_s < _SHORTEST_S or interval.duration_s > interval.t_s + _ROUNDING_S:
        return f"an interval of {interval.duration_s:g} s that ends at {interval.t_s:g} s"
    if interval.user_classes and sum(found.users for found in interval.user_classes) != connections.users:
        return f"{connections.users:,} users, but another number in the user classes"
    if interval.targets and any(
        getattr(connections, name) != sum(getattr(one.connections, name) for one in interval.targets)
        for name in ("open", "attempted", "established")
    ):
        return "the connections of the targets do not add up to those of the run"
    parts = [(one.operations, one.connections) for one in interval.targets]
    parts += [(found, Connections()) for found in interval.class_operations.values()]
    found = (_uncounted(*part) for part in ((interval.operations, connections), *parts))
    return next(filter(None, found), "") or _uneven(interval.audiences) or _unequal(interval.by_node)


def _uncounted(operations: list[Operation], connections: Connections) -> str:
    """More times than what they are times of, or more hung than failed; empty for neither."""
    for operation in operations:
        times, given_up = operation.response.count, operation.given_up.count
        if times > operation.count or given_up > sum(operation.errors.values()):
            return f"{operation.op} {operation.name} has more times than successes, or than failures"
    hung = sum(connections.hung.values()) > sum(connections.failed.values())
    return "more connects hung than failed" if hung else ""


def _uneven(audiences: list[AudienceDeliveries]) -> str:
    """Deliveries to audiences that do not add up, or more times than messages; empty for neither."""
    for found in audiences:
        if found.expected != found.received + found.lost:
            return f"{found.expected:,} deliveries to audiences of {found.size:,} do not add up"
        if found.first.count > found.messages:
            return f"audiences of {found.size:,} have more times than messages"
    return ""


def _unequal(by_node: DeliveriesByNode | None) -> str:
    """Deliveries by node that do not add up; empty when they do."""
    parts = () if by_node is None else (by_node.same, by_node.across, by_node.unknown)
    for part in parts:
        if part.expected != part.received + part.lost:
            return f"{part.expected:,} deliveries by node do not add up"
    return ""


def _strangers(header: Header, interval: Interval) -> str:
    """What an interval says of servers and targets that the header does not name; empty when nothing."""
    unknown = interval.servers.keys() - {server.name for server in header.servers}
    if unknown:
        return f"a sample of {', '.join(sorted(unknown))}, which the header does not name"
    if len(interval.targets) != len(header.targets):
        return f"{len(interval.targets)} targets, and {len(header.targets)} in the header"
    return ""


def _file(path: Path) -> Path:
    try:
        return path / FILE_NAME if path.is_dir() else path
    except OSError:
        return path  # reading it will say why


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, the last one perhaps without its end; refuses a file that is too long."""
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
    if head.version == VERSION:
        return
    older = head.version is None or head.version < VERSION
    raise RunFileError(
        f"{path} has run format {head.version}; this siotool reads {VERSION}",
        "record the run again with this siotool"
        if older
        else "read it with the siotool that wrote it (its version is in the first line)",
    )
