"""The lines of a run file on a search for capacity: read back, joined, and refused where they cannot be."""

from pathlib import Path

import msgspec
import pytest

from siotool.document.document import Sentence
from siotool.errors import RunFileError
from siotool.report.capacity_figures import capacity_of, unlike_searches
from siotool.report.capacity_tables import capacity, capacity_sentence
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import VERSION, End, Header, Run
from siotool.runs.reading import read
from siotool.search.joined_searches import joined_searches
from siotool.searched import FAILED_IN_ONE, LOWEST_FAILED, NOT_SHOWN, TIME, TIME_OVER, FoundCapacity, Hold
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


ENDED = msgspec.structs.replace(KNOWN, complete=True, why="the interval is as narrow as wanted")
BOUND = msgspec.structs.replace(ENDED, high=None, value=None, limited_by="bound", why="no gate failed")
LATE = msgspec.structs.replace(BOUND, limited_by=TIME, why=TIME_OVER)
OPEN = msgspec.structs.replace(BOUND, limited_by="", why=NOT_SHOWN)
OWN = msgspec.structs.replace(BOUND, limited_by="generator")
CUT = msgspec.structs.replace(BOUND, limited_by="", why="", complete=False)


def less(found: FoundCapacity) -> FoundCapacity:
    return msgspec.structs.replace(found, low=0, value=None)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("found", "limited_by", "why"),
    [
        pytest.param([BOUND, LATE], TIME, TIME_OVER, id="a bound, and no time"),
        pytest.param([BOUND, OPEN, ENDED], "", NOT_SHOWN, id="a bound, and one that was not shown"),
        pytest.param([LATE, OWN, BOUND], "generator", "no gate failed", id="the generator's limit"),
        pytest.param([less(OPEN), BOUND, ENDED], "", NOT_SHOWN, id="nothing was shown in one"),
        pytest.param(
            [msgspec.structs.replace(less(ENDED), why=TIME_OVER), BOUND], "bound", TIME_OVER, id="a low of 0"
        ),
        pytest.param([ENDED, CUT, BOUND], "", "", id="one was ended early"),
    ],
)
def test_what_is_told_of_several_searches_is_of_the_one_that_takes_most_from_them(
    found: list[FoundCapacity], limited_by: str, why: str, order: int
) -> None:
    """The first one's limit stood beside the last one's reason; a search out of time made no doubt."""
    joined = joined_searches(found[::order])
    assert (joined.limited_by, joined.why, joined.high) == (limited_by, why, None)


@pytest.mark.parametrize("order", [1, -1])
def test_a_bound_in_one_search_does_not_hide_that_a_load_failed_in_another(order: int) -> None:
    """One said 10 to 20, one at least 30: "no gate failed up to the load that was not to be exceeded"."""
    narrow = msgspec.structs.replace(ENDED, low=10, value=15, high=20)
    found = capacity_of([run_with(one) for one in (narrow, BOUND)[::order]])
    assert found is not None
    assert (found.low, found.high, found.limited_by, found.why) == (10, None, "bound", FAILED_IN_ONE)
    said = capacity_sentence(found)
    assert said.endswith("; no gate failed up to the bound in one search, and one failed in another")
    # also where the runs joined searches of their own
    restarted = joined_searches([narrow, BOUND])
    assert joined_searches([BOUND, restarted][::order]).why == FAILED_IN_ONE


def test_how_long_a_load_was_held_is_not_added_up_over_searches() -> None:
    """Three searches that held it for a minute each were told to have held it for three."""
    sure = msgspec.structs.replace(BOUND, confidence=0.5)
    minute = msgspec.structs.replace(HELD, begin_s=6, t_s=66, blocks=60)
    climb = msgspec.structs.replace(HELD, begin_s=1, t_s=5, blocks=4)
    one = run_with(sure)
    one.holds = [
        climb,
        minute,
        msgspec.structs.replace(minute, begin_s=80, t_s=130, blocks=50, restarts=1),
    ]
    other = run_with(sure)
    other.holds = [minute]
    other.header = msgspec.structs.replace(HEADER, run="b")
    said = capacity(summarize([one, other], Planned())).blocks[0]
    assert isinstance(said, Sentence)
    assert "this load was held for 1.07 min:" in said.text


def test_runs_that_searched_along_different_axes_are_told_to_have_no_capacity_in_common() -> None:
    users, rate = run_with(KNOWN), run_with(msgspec.structs.replace(KNOWN, search="rate"))
    rate.header = msgspec.structs.replace(HEADER, run="b")
    (said,) = unlike_searches([users, run_with(None), rate])
    assert said.startswith("the runs searched along different axes (--search rate, users)")
    assert not list(unlike_searches([users, users, run_with(None)]))
    report = summarize([users, rate], Planned())
    assert report.capacity is None
    assert said in report.remarks
