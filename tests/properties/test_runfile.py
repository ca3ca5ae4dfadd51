"""Whatever is written is read back, and whatever is read is a run or a clear refusal."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool import runfile
from siotool.errors import RunFileError
from siotool.histogram import SIZE, Histogram, Sparse, bucket_value
from siotool.measured_servers import MeasuredServer
from siotool.runfile import Bytes, Connections, End, Header, Interval, Line, Note, Operation, TargetUse
from siotool.runs import reading
from siotool.runs.reading import contradiction
from siotool.runwriter import Writer
from siotool.workload import WeightedTarget


def filled(counts: dict[int, int]) -> Histogram:
    """A histogram with so many values in each bucket."""
    histogram = Histogram()
    for bucket, count in counts.items():
        histogram.record([bucket_value(bucket)])
        histogram.counts[bucket] += count - 1
        histogram.sum_s += (count - 1) * bucket_value(bucket)
    return histogram


HISTOGRAMS = st.dictionaries(st.integers(0, SIZE - 1), st.integers(1, 10**9), max_size=5).map(
    lambda counts: filled(counts).sparse()
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    Sparse: HISTOGRAMS,
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=20),
    type(None): st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Every value of a type that a run file uses; at most two of each."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        base, meta = arguments
        if base is int:
            return st.integers(meta.ge, meta.le)
        least = meta.ge if meta.gt is None else meta.gt
        return st.floats(least, meta.le, allow_nan=False, exclude_min=meta.gt is not None)
    if kind in LEAVES:
        found = LEAVES[kind]
    elif origin is Literal:
        found = st.sampled_from(arguments)
    elif origin in (UnionType, Union):
        found = st.one_of(*(values(argument) for argument in arguments))
    elif origin is list:
        found = st.lists(values(arguments[0]), max_size=2)
    elif origin is tuple:
        found = st.tuples(*map(values, arguments))
    elif origin is dict:
        found = st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    else:
        fields = msgspec.structs.fields(kind)
        found = st.builds(kind, **{field.name: values(field.type) for field in fields})
    return found


def consistent(interval: Interval) -> Interval:
    """The same without what no run can have written."""
    delivery = interval.delivery
    operations = [
        msgspec.structs.replace(found, count=max(found.count, found.response.count))
        for found in interval.operations
    ]
    classes = [msgspec.structs.replace(found, users=found.users // 8) for found in interval.user_classes]
    users = sum(found.users for found in classes) or interval.connections.users
    return msgspec.structs.replace(
        interval,
        t_s=max(1.0, interval.t_s),
        duration_s=max(0.5, min(interval.duration_s, interval.t_s)),
        delivery=msgspec.structs.replace(
            delivery,
            expected=delivery.received // 2 + delivery.lost // 2,
            received=delivery.received // 2,
            lost=delivery.lost // 2,
        ),
        connections=msgspec.structs.replace(interval.connections, users=users, hung={}),
        operations=operations,
        user_classes=classes,
        servers=dict(zip(NAMES, interval.servers.values(), strict=False)),
        targets=halves(interval.connections, operations),
    )


#: The targets of every header; each has half of what an interval counts.
TARGETS = [WeightedTarget("http://a"), WeightedTarget("http://b", 3)]


def halves(whole: Connections, operations: list[Operation]) -> list[TargetUse]:
    counts = {name: getattr(whole, name) for name in ("open", "attempted", "established")}
    parts = [{name: count // 2 for name, count in counts.items()}]
    parts.append({name: count - parts[0][name] for name, count in counts.items()})
    return [TargetUse(Connections(**part), operations, Bytes()) for part in parts]


NAMES = ("a", "b", "c")


def of_this_format(header: Header) -> Header:
    """With servers under the names of the samples."""
    servers = [
        msgspec.structs.replace(server, name=name)
        for name, server in zip(NAMES, header.servers * len(NAMES), strict=False)
    ]
    return msgspec.structs.replace(
        header,
        version=runfile.VERSION,
        targets=TARGETS,
        servers=servers or [MeasuredServer(name, [1], "pid 1", 1.0) for name in NAMES],
    )


headers = values(Header).map(of_this_format)
intervals = values(Interval).map(consistent).filter(lambda interval: not contradiction(interval))
later_lines = st.lists(intervals | values(Note), max_size=4)


@settings(max_examples=60)
@given(headers, later_lines, st.none() | values(End))
def test_every_line_comes_back_as_it_was(header: Header, lines: list[Line], end: End | None) -> None:
    with TemporaryDirectory() as folder:
        writer = Writer(Path(folder) / "run")
        for line in [header, *lines, *([end] if end else [])]:
            writer.write(line)
        writer.close()
        run = reading.read(writer.path)
    assert (run.header, run.end, run.truncated_line) == (header, end, False)
    assert run.intervals == [line for line in lines if isinstance(line, Interval)]
    assert run.notes == [line for line in lines if isinstance(line, Note)]


def outcome(data: bytes) -> runfile.Run | None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        path.write_bytes(data)
        try:
            return reading.read(path)
        except RunFileError as error:
            refusal = error
    assert str(path) in refusal.message
    assert refusal.hint
    return None


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_run_or_a_refusal(data: bytes) -> None:
    assert outcome(data) is None


# a run takes a hundred times as long to make as to damage: 50 runs, and 500 damages in all
@settings(max_examples=50)
@given(
    headers,
    later_lines,
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=10, max_size=10),
)
def test_a_damaged_byte_is_a_run_or_a_refusal(
    header: Header, lines: list[Line], damages: list[tuple[int, int]]
) -> None:
    whole = b"".join(msgspec.json.encode(line) + b"\n" for line in [header, *lines])
    for place, byte in damages:
        damaged = bytearray(whole)
        damaged[place % len(whole)] = byte
        run = outcome(bytes(damaged))
        if run is not None:
            for interval in run.intervals:
                for operation in interval.operations:
                    Histogram().add(operation.response)  # what was accepted can be used
