import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from siotool.cli.report import newest
from siotool.errors import ExitCode, OutputError, RunFileError
from siotool.histogram import Histogram
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.runfile import (
    FILE_NAME,
    VERSION,
    Bytes,
    Connections,
    Delivery,
    End,
    GeneratorMachine,
    Header,
    Interval,
    Line,
    Note,
    Operation,
    UserClass,
    WorkerHealth,
)
from siotool.runs import reading
from siotool.runwriter import Writer
from siotool.workload import Stage, Target, Workload


def latencies() -> Histogram:
    histogram = Histogram()
    histogram.record([0.0042, 0.0084, 1.5])
    return histogram


HEADER = Header(
    version=VERSION,
    run="20260102T030405Z-echo",
    started_at="2026-01-02T03:04:05Z",
    siotool="0.1.0",
    libraries={"locust": "2.47.0"},
    generators=[GeneratorMachine("localhost", 1, "Linux", 2, 8_000_000_000, "3.11.7", 0.0)],
    target=Target(url="http://127.0.0.1:3000"),
    workload=Workload(
        scenario="echo",
        settings={"rate": 1.5, "size": 64, "text": "é\n\u2028", "burst": True},
        stages=[Stage(duration_s=1.0, users=10)],
        processes=2,
        seed=7,
    ),
    bytes_source="TCP_INFO",
    servers=[
        MeasuredServer(
            name="server", source="pid 4711 and its children", pids=[4711], cores=1.0, files_limit=1024
        )
    ],
    gates=["lost > 0"],
    command=["siotool", "loadtest", "demo"],
)
INTERVAL = Interval(
    t_s=1.0,
    duration_s=1.0,
    stage=0,
    connections=Connections(open=10, users=10, attempted=11, established=10, failed={"refused": 1}),
    operations=[
        Operation(op="ack", name="echo", count=3, errors={"timeout": 2}, response=latencies().sparse())
    ],
    delivery=Delivery(published=1, expected=10, received=9, lost=1),
    bytes=Bytes(payload_in=100, payload_out=50, wire_in=150, wire_out=90),
    generator=[
        WorkerHealth(
            worker=0,
            cpu_cores=0.25,
            rss_bytes=60_000_000,
            loop_lag_s=0.001,
            schedule_lag_s=0.0,
            files_open=30,
            files_limit=1024,
        )
    ],
    servers={"server": ServerUse(cpu_cores=0.5, rss_bytes=90_000_000, files_open=25, processes=1)},
)
NOTE = Note(t_s=1.0, level="doubt", text="the generator used 98 % of a core\nfor 3 s")
END = End(t_s=2.0, reason="finished")
LINES: list[Line] = [HEADER, INTERVAL, NOTE, INTERVAL, END]


def written(folder: Path, lines: list[Line]) -> Path:
    writer = Writer(folder)
    for line in lines:
        writer.write(line)
    writer.close()
    return writer.path


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Take all rights to a folder away for a while; root, who has them anyway, becomes somebody else."""
    user = os.geteuid()
    folder.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(stat.S_IRWXU)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    run = reading.read(written(tmp_path / "run", LINES))
    assert run.header == HEADER
    assert run.intervals == [INTERVAL, INTERVAL]
    assert run.notes == [NOTE]
    assert run.end == END
    assert not run.truncated_line


def test_a_run_is_read_by_its_folder_too(tmp_path: Path) -> None:
    path = written(tmp_path / "run", LINES)
    assert reading.read(path.parent) == reading.read(path)


def test_a_histogram_survives_the_file(tmp_path: Path) -> None:
    run = reading.read(written(tmp_path / "run", LINES))
    whole = Histogram()
    whole.add(run.intervals[0].operations[0].response)
    assert whole.sparse() == latencies().sparse()


def test_a_line_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for count, line in enumerate(LINES, start=1):
        writer.write(line)
        assert writer.path.read_bytes().count(b"\n") == count
    writer.close()


def test_each_line_is_one_json_object_naming_its_kind(tmp_path: Path) -> None:
    lines = written(tmp_path / "run", LINES).read_bytes().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["header", "interval", "note", "interval", "end"]


def test_a_run_cut_anywhere_keeps_its_whole_lines(tmp_path: Path) -> None:
    data = written(tmp_path / "run", LINES).read_bytes()
    ends = [position + 1 for position, byte in enumerate(data) if byte == 0x0A]
    cut = tmp_path / FILE_NAME
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        if whole == 0:
            with pytest.raises(RunFileError, match="has no complete line"):
                reading.read(cut)
            continue
        run = reading.read(cut)
        assert 1 + len(run.intervals) + len(run.notes) + (run.end is not None) == whole
        assert run.truncated_line == (length not in ends)


def refusal(path: Path) -> RunFileError:
    with pytest.raises(RunFileError) as caught:
        reading.read(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.USAGE
    return caught.value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "no complete line", id="an empty file"),
        pytest.param(b'{"kind":"hea', "no complete line", id="nothing but a cut header"),
        pytest.param(b"\n", "first line is no header", id="an empty line"),
        pytest.param(b"time,users\n1,2\n", "first line is no header", id="a CSV file"),
        pytest.param(
            b'{"kind":"other","version":2}\n', "first line is no header", id="another program's JSON"
        ),
        pytest.param(b'["header"]\n', "first line is no header", id="JSON that is no object"),
        pytest.param(b"\x7fELF\x02\x01\x01\0\xff\n\xfe", "first line is no header", id="a binary"),
        pytest.param(
            b'{"kind":"header","version":3,"x":' + b"[" * 500_000 + b"\n",
            "first line is no header",
            id="a bomb",
        ),
        pytest.param(b'{"kind":"header","version":0}\n', "run format 0", id="an older format"),
        pytest.param(b'{"kind":"header","version":4}\n', "run format 4", id="a newer format"),
        pytest.param(b'{"kind":"header"}\n', "run format None", id="no version"),
        pytest.param(
            b'{"kind":"header","version":3}\n', ":1: Object missing", id="a header without its keys"
        ),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(data)
    assert reason in refusal(path).message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(msgspec.json.encode(HEADER), ":3: a second header", id="two runs in one file"),
        pytest.param(b'{"kind":"interval","t_s":1}', ":3: Object missing", id="an interval without its keys"),
        pytest.param(b'{"kind":"inter', ":3: Input data was truncated", id="a line cut in the middle"),
        pytest.param(b'{"kind":"surprise"}', ":3: Invalid value 'surprise'", id="an unknown kind"),
        pytest.param(
            b'{"kind":"note","t_s":1,"level":"info","text":"\xff"}',
            ":3: 'utf-8' codec",
            id="bytes that are no text",
        ),
        pytest.param(b"", ":3: Input data was truncated", id="an empty line"),
        pytest.param(
            msgspec.json.encode(INTERVAL).replace(b'"steps":"', b'"steps":"////////'),
            ":3: not a histogram",
            id="a wild bucket",
        ),
        pytest.param(b'{"kind":"note","x":' + b"[" * 500_000, ":3: maximum recursion", id="a bomb"),
    ],
)
def test_damage_inside_is_named_by_its_line(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "run.jsonl"
    parts = [msgspec.json.encode(HEADER), msgspec.json.encode(NOTE), line, msgspec.json.encode(END), b""]
    path.write_bytes(b"\n".join(parts))
    assert reason in refusal(path).message


@pytest.mark.parametrize(("users", "held"), [(10, True), (9, False), (11, False)])
def test_users_are_those_of_their_classes(tmp_path: Path, users: int, held: bool) -> None:
    path = tmp_path / "run.jsonl"
    one = msgspec.structs.replace(
        INTERVAL,
        connections=msgspec.structs.replace(INTERVAL.connections, users=10),
        user_classes=[UserClass("A", users=4), UserClass("B", users=users - 4)],
    )
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in (HEADER, one, END)))
    if held:
        assert reading.read(path).intervals == [one]
    else:
        assert "user classes" in refusal(path).message


def test_a_run_of_format_1_is_refused_and_said_what_to_do() -> None:
    """What siotool 0.1.0 wrote: one server by its pid, and one machine."""
    refused = refusal(Path(__file__).parents[1] / "golden/run_format_1.jsonl")
    assert refused.message.endswith("has run format 1; this siotool reads 3")
    assert refused.hint == "record the run again with this siotool"


def test_a_run_of_a_later_format_is_left_to_the_siotool_that_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(HEADER, version=4)) + b"\n")
    assert "the siotool that wrote it" in refusal(path).hint


SERVERS = [
    MeasuredServer("a", [1], "pid 1", 2.0, 8_000, 1024, "one"),
    MeasuredServer("b", [2, 3], "pids 2 and 3", 1.0, 8_000, 4096, "one"),
    MeasuredServer("c", [4], "pid 4", 1.0, 6_000, None, "two"),
]


def test_several_servers_together_are_their_sum_and_share_the_memory_of_a_machine() -> None:
    header = msgspec.structs.replace(HEADER, servers=SERVERS)
    assert header.server == MeasuredServer(
        "a, b, c", [1, 2, 3, 4], "a: pid 1; b: pids 2 and 3; c: pid 4", 4.0, 14_000, 1024, "one, two"
    )
    uses = {"a": ServerUse(0.5, 100, 7, 1), "b": ServerUse(0.25, 50, 3, 2)}
    assert msgspec.structs.replace(INTERVAL, servers=uses).server == ServerUse(0.75, 150, 10, 3, files_most=7)


def test_servers_and_generators_are_read_as_they_were_written(tmp_path: Path) -> None:
    header = msgspec.structs.replace(
        HEADER,
        servers=SERVERS,
        generators=[
            *HEADER.generators,
            msgspec.structs.replace(HEADER.generators[0], host="two", clock_error_s=0.002),
        ],
    )
    uses = {name: ServerUse(0.5, 100, 7, 1) for name in "abc"}
    lines: list[Line] = [header, msgspec.structs.replace(INTERVAL, servers=uses)]
    run = reading.read(written(tmp_path / "run", lines))
    assert (run.header, run.intervals) == (header, lines[1:])


@pytest.mark.parametrize(
    ("servers", "reason"),
    [
        pytest.param(
            [msgspec.structs.replace(SERVERS[0], cores=0.0)], ":1: Expected `float` > 0.0", id="no core"
        ),
        pytest.param(SERVERS, ":2: a sample of server, which the header", id="a sample of no server"),
        pytest.param([SERVERS[0], SERVERS[0]], ":1: two servers of one name", id="two of one name"),
    ],
)
def test_servers_that_do_not_fit_are_refused(
    tmp_path: Path, servers: list[MeasuredServer], reason: str
) -> None:
    lines: list[Line] = [msgspec.structs.replace(HEADER, servers=servers), INTERVAL]
    assert reason in refusal(written(tmp_path / "run", lines)).message


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "run", LINES)
    path.write_bytes(path.read_bytes().replace(b'"kind":"note"', b'"kind":"note","mood":"good"'))
    assert reading.read(path).notes == [NOTE]


def test_a_missing_run_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nothing" / "run.jsonl").message


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"run\.jsonl: No such file"):
        reading.read(tmp_path)


def test_a_run_one_may_not_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "run", LINES)
    with closed(path.parent):
        assert "Permission denied" in refusal(path).message


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "run", LINES)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="already exists") as caught:
        Writer(tmp_path / "run")
    assert caught.value.exit_code == ExitCode.USAGE
    assert path.read_bytes() == before


def test_a_folder_that_exists_without_a_run_is_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert reading.read(written(tmp_path / "run", LINES)).end == END


def test_a_place_one_may_not_write_to_is_refused(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    denied = pytest.raises(OutputError, match=r"cannot write a run to .*: Permission denied")
    with closed(reports), denied as caught:
        Writer(reports / "run")
    assert "--out" in caught.value.hint
    assert list(reports.iterdir()) == []


def test_a_file_in_the_folder_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot write a run to .*/run/x: Not a directory"):
        Writer(tmp_path / "run" / "x")
    assert (tmp_path / "run").read_text() == "mine"


FULL_DISK = """
import resource, sys
from pathlib import Path
import msgspec
from siotool.errors import OutputError
from siotool.runfile import End, Header, Note
from siotool.runwriter import Writer

writer = Writer(Path(sys.argv[1]))
writer.write(msgspec.json.decode(sys.argv[2], type=Header))
limit = writer.path.stat().st_size + 1000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
wrote = 0
try:
    while True:
        writer.write(Note(t_s=1.0, level="info", text="x" * 100))
        wrote += 1
except OutputError as error:
    print(wrote, int(error.exit_code), writer.path.read_bytes()[-1], error.message)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.write(End(t_s=2.0, reason="finished"))
"""


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "run", msgspec.json.encode(HEADER)],
        capture_output=True,
        text=True,
        check=True,
    )
    wrote, code, last_byte, message = child.stdout.split(maxsplit=3)
    assert int(code) == ExitCode.USAGE
    assert int(last_byte) == ord("\n")
    assert "cannot go on writing" in message
    assert "File too large" in message
    run = reading.read(tmp_path / "run")
    assert 0 < int(wrote) < 10
    assert len(run.notes) == int(wrote)
    assert run.end == End(t_s=2.0, reason="finished")


def test_the_newest_run_is_the_one_written_last(tmp_path: Path) -> None:
    for age, name in enumerate(["b", "a", "c"]):
        path = written(tmp_path / name, LINES)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert newest(tmp_path) == tmp_path / "b" / FILE_NAME


def test_no_newest_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="no run in") as caught:
        newest(tmp_path / "reports")
    assert "siotool loadtest" in caught.value.hint
