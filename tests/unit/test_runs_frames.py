"""Runs as frames: what they hold is what the report says, and every column says its unit."""

import re
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import siotool.runs
from siotool.errors import InputError, RunFileError
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runs import reading
from siotool.runs.frame_names import TableName
from siotool.runs.frames import RunFrames, written

TABLES = get_args(TableName)
#: Columns that are counts, words, times of day or marks.
WITHOUT_UNIT = (
    r"run|started_at|ended|scenario|target|users_planned|processes|seed|siotool|bytes_source|path|stage|held|"
    r"draining|broken|op|name|count|failed|what|class|server|worker|to|size|level|text|open|users|attempted|"
    r"established|closed|left|stayed_away|hung|messages|expected|received|lost|duplicate|reordered|"
    r"misdelivered|away_now|back|recovered|replayed|caught_up|started|begun|sent|offered|issued|withheld|late|"
    r"connections(_begin|_end)?|files_(open|most|limit)|polling|beside|(server_)?store_(messages|dead)|"
    r"server_(files_open|files_opened|files_most|processes|connections|polling)"
)


@pytest.fixture
def folder(fabricated, to_jsonl, tmp_path):
    """Folders of the runs that the golden files have."""
    for name, run in fabricated.items():
        place = tmp_path / name
        place.mkdir()
        (place / "run.jsonl").write_text(to_jsonl(run))
    return tmp_path


@pytest.fixture
def chat(folder):
    return siotool.runs.load(folder / "chat")


def test_the_one_documented_call_takes_a_folder_a_file_and_several(folder):
    one = siotool.runs.load(str(folder / "echo"))
    same = siotool.runs.load(folder / "echo" / "run.jsonl")
    pd.testing.assert_frame_equal(one.seconds, same.seconds)
    both = siotool.runs.load(folder / "echo", folder / "chat")
    assert both.runs["run"].tolist() == ["20260101T000000Z-echo", "20260102T000000Z-chat"]
    assert len(both.operations) == len(one.operations) + len(siotool.runs.load(folder / "chat").operations)


def test_no_run_and_a_file_that_is_none_are_refused(tmp_path):
    with pytest.raises(InputError, match="no run to load"):
        siotool.runs.load()
    with pytest.raises(RunFileError, match=r"cannot read .*nowhere"):
        siotool.runs.load(tmp_path / "nowhere")


def test_operations_add_up_to_the_report(chat, folder):
    report = summarize([reading.read(folder / "chat")], Planned())
    whole = chat.operations.groupby(["op", "name"])[["count", "failed"]].sum()
    assert {(row.op, row.name): (row.count, row.failed) for row in report.operations} == {
        key: (row["count"], row["failed"]) for key, row in whole.iterrows()
    }
    for row in report.operations:
        mine = chat.operations[(chat.operations["op"] == row.op) & (chat.operations["name"] == row.name)]
        assert mine["max_s"].max() == row.max_s
        assert mine["p50_s"].min() <= row.p50_s <= mine["p99_s"].max()


def test_an_operation_without_times_has_none(make_run):
    import msgspec

    from siotool.histogram import Sparse

    def change(interval):
        operations = [msgspec.structs.replace(one, response=Sparse()) for one in interval.operations]
        return msgspec.structs.replace(interval, operations=operations)

    frame = RunFrames([make_run(change=change)]).operations
    assert frame[["p50_s", "p99_s", "max_s", "service_p50_s"]].isna().all().all()


def test_failures_are_by_class(chat, folder):
    report = summarize([reading.read(folder / "chat")], Planned())
    found = chat.failures.groupby(["what", "class"])["count"].sum()
    assert found["connect"].to_dict() == report.connections.failed
    assert found["closed"].to_dict() == report.connections.closed
    assert found["ack"].to_dict() == {"timeout": 9}
    assert chat.connections["failed"].sum() == sum(report.connections.failed.values())


def test_the_hold_phase_is_marked_as_in_the_report(chat, folder):
    report = summarize([reading.read(folder / "chat")], Planned())
    assert chat.seconds.loc[chat.seconds["held"], "duration_s"].sum() == report.steady.duration_s
    assert chat.operations["held"].any()


def test_servers_workers_audiences_and_notes_have_their_rows(chat, folder):
    echo = siotool.runs.load(folder / "echo")
    assert echo.servers["server"].unique().tolist() == ["server"]
    assert (
        echo.servers["rss_bytes"].max()
        == summarize([reading.read(folder / "echo")], Planned()).server.rss_bytes_max
    )
    assert (len(chat.workers), chat.workers["cpu_cores"].max()) == (30, 0.97)
    assert chat.servers.empty
    assert chat.audiences.groupby("to")["messages"].sum()["room"] == 60
    assert chat.notes["level"].tolist() == ["doubt", "warning"]
    assert echo.user_classes["name"].unique().tolist() == ["Echo"]
    assert (echo.losses["back"] == 0).all()


@pytest.mark.parametrize("name", ["echo", "chat"])
@pytest.mark.parametrize("table", TABLES)
def test_every_column_says_its_unit(fabricated, name, table):
    frame = getattr(RunFrames([fabricated[name]]), table)
    bare = [column for column in frame.columns if not re.search(r"(_s|_bytes|_cores|_share)$", column)]
    assert [column for column in bare if not re.fullmatch(WITHOUT_UNIT, column)] == []
    assert frame.columns[0] == "run"


@pytest.mark.parametrize("table", TABLES)
def test_a_run_without_intervals_has_every_frame_and_no_rows(make_run, table):
    run = make_run(ended=False)
    run.intervals.clear()
    frame = getattr(RunFrames([run]), table)
    assert len(frame) == (table == "runs")
    assert len(frame.columns) > 3


def test_frames_are_made_when_they_are_asked_for(fabricated):
    frames = RunFrames([fabricated["echo"]])
    assert "operations" not in vars(frames)
    assert frames.operations is frames.operations


@pytest.mark.parametrize("table", TABLES)
def test_a_file_of_each_table_reads_back(fabricated, tmp_path, table):
    runs = [fabricated["chat"]]
    frame = getattr(RunFrames(runs), table)
    (tmp_path / "a.parquet").write_bytes(written(runs, table, "parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)
    (tmp_path / "a.csv").write_text(written(runs, table, "csv"))
    again = pd.read_csv(tmp_path / "a.csv", keep_default_na=False)
    assert again.columns.tolist() == frame.columns.tolist()
    assert len(again) == len(frame)


def test_rates_are_over_the_interval_s_own_time(fabricated):
    frame = RunFrames([fabricated["echo"]]).operations
    last = frame[frame["op"] == "ack"].iloc[-1]
    assert (last["count"], last["rate_per_s"]) == (100, 100.0)
    assert np.isclose(last["p50_s"], 0.002, rtol=0.01)
