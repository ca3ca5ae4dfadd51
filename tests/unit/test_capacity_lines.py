"""The lines of a run file on a search for capacity: read back, joined, and refused where they cannot be."""

from pathlib import Path

import msgspec
import pytest

from siotool.errors import RunFileError
from siotool.report.capacity_figures import capacity_of, unlike_searches
from siotool.report.capacity_tables import capacity_sentence
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import VERSION, End, Header, Run
from siotool.runs.reading import read
from siotool.searched import LOWEST_FAILED, FoundCapacity, Hold
from siotool.workload import Target, Workload

HEADER = Header(
    version=VERSION,
    run="a",
    started_at="2026-01-01T00:00:00+00:00",
    siotool="1",
    libraries={},
    generators=[],
    target=Target("http://here"),
    workload=Workload("echo", {}, [], 1, 1),
    bytes_source="kernel",
)
HELD = Hold(
    t_s=9,
    begin_s=4,
    load=40,
    outcome="passed",
    gate="p99:ack > 200ms",
    missed=0.0,
    allowed=0.01,
    operations=200,
    blocks=5,
    settling_s=4.0,
)
KNOWN = FoundCapacity(
    t_s=9,
    search="users",
    unit="connections",
    value=52,
    low=40,
    high=60,
    confidence=0.95,
    gate="p99:ack > 200ms",
    limited_by="server",
    seconds=9,
)


def written(folder: Path, *lines: object) -> Path:
    path = folder / "run.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in (HEADER, *lines)))
    return path


def run_with(found: FoundCapacity | None) -> Run:
    return Run(Path("run.jsonl"), HEADER, [], [], None, capacity=found)


def test_the_last_line_on_a_capacity_counts_and_a_search_that_was_cut_keeps_it(tmp_path: Path) -> None:
    final = msgspec.structs.replace(KNOWN, low=50, high=54, complete=True)
    path = written(tmp_path, HELD, KNOWN, HELD, final, End(12, "finished"))
    whole = read(path)
    assert (len(whole.holds), whole.capacity) == (2, final)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]) + b'{"kind":"hold","t_')
    cut = read(path)
    assert (len(cut.holds), cut.capacity, cut.truncated_line) == (1, KNOWN, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (msgspec.structs.replace(HELD, begin_s=10), "a hold that ends before it begins"),
        (msgspec.structs.replace(KNOWN, low=61), "a capacity from high to low"),
    ],
)
def test_what_no_search_has_written_is_refused(tmp_path: Path, line: object, said: str) -> None:
    with pytest.raises(RunFileError, match=said):
        read(written(tmp_path, line))


def test_several_searches_make_the_interval_that_holds_all_of_theirs() -> None:
    other = msgspec.structs.replace(KNOWN, low=30, high=55, value=45, confidence=0.9)
    found = capacity_of([run_with(KNOWN), run_with(None), run_with(other)])
    assert found is not None
    assert (found.low, found.high, found.confidence, found.at_least) == (30, 60, 0.9, False)


def test_a_search_without_an_upper_end_leaves_the_joined_one_open() -> None:
    open_end = msgspec.structs.replace(KNOWN, low=40, high=None, value=None)
    found = capacity_of([run_with(KNOWN), run_with(open_end)])
    assert found is not None
    assert (found.low, found.high, found.value, found.at_least) == (40, None, None, True)


def test_searches_of_unlike_axes_and_runs_without_a_search_have_no_capacity() -> None:
    assert capacity_of([run_with(None)]) is None
    assert capacity_of([run_with(KNOWN), run_with(msgspec.structs.replace(KNOWN, search="rate"))]) is None


@pytest.mark.parametrize("order", [1, -1], ids=["the one that failed comes first", "it comes last"])
def test_a_lowest_load_that_failed_in_one_of_several_searches_failed_whatever_their_order(order: int) -> None:
    """The last search alone decided, and the same two runs passed or failed by their order."""
    fine = msgspec.structs.replace(KNOWN, why="the interval is as narrow as wanted", complete=True)
    none = msgspec.structs.replace(fine, why=LOWEST_FAILED, low=0, high=20, value=None)
    passed = run_with(fine)
    passed.holds = [msgspec.structs.replace(HELD, load=10), HELD]
    failed = run_with(none)
    failed.holds = [msgspec.structs.replace(HELD, load=20, outcome="failed", gate="lost > 1%")]
    found = capacity_of([passed, failed][::order])
    assert found is not None
    assert (found.why, found.low, found.high) == (LOWEST_FAILED, 0, 60)
    said = capacity_sentence(found)
    assert said.startswith("the lowest load, 20 connections, failed 'lost > 1%' already")
    # also beside one that found no upper end
    passed.capacity = msgspec.structs.replace(fine, high=None, value=None)
    found = capacity_of([passed, failed][::order])
    assert found is not None
    assert capacity_sentence(found) == said


def test_runs_that_searched_along_different_axes_are_told_to_have_no_capacity_in_common() -> None:
    users, rate = run_with(KNOWN), run_with(msgspec.structs.replace(KNOWN, search="rate"))
    rate.header = msgspec.structs.replace(HEADER, run="b")
    (said,) = unlike_searches([users, run_with(None), rate])
    assert said.startswith("the runs searched along different axes (--search rate, users)")
    assert not list(unlike_searches([users, users, run_with(None)]))
    report = summarize([users, rate], Planned())
    assert report.capacity is None
    assert said in report.remarks
