"""Text that a server or a run file brought reaches a terminal only as printable text, shortened."""

import csv
import io
import json
import sys
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from siotool.cli import streams
from siotool.cli.outcome import rendered
from siotool.cli.output import styled
from siotool.errors import RunFileError
from siotool.printable import LINE_AT_MOST, escaped, one_line, printable
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Note, Operation, ScenarioFailure
from siotool.runs import reading
from siotool.runs.frame_names import TableName
from siotool.runs.frames import written
from siotool.swarm.live import LiveView, PlainProgress
from siotool.terminal import Printable

#: Clears a screen, links, rings, overwrites the line, writes backwards, hides, takes no width.
EVIL = "\x1b[2J\x1b]8;;http://evil\x07x\r\x07\u202e\u200b\x9b31m\ud800end"


@given(st.text(), st.integers(1, 50))
def test_what_is_left_is_printable_and_no_longer_than_asked(text, most):
    shown = printable(text, most)
    assert len(shown) <= most
    assert shown.replace("\n", "").isprintable()
    assert one_line(text, most).isprintable()


def test_ordinary_text_stays_as_it_is():
    for text in ("größe 🚀", "a|b <c> *d*", "two\nlines", ""):
        assert printable(text) == text


@pytest.fixture
def evil_run(make_run):
    """A run whose every name was chosen by somebody unkind; no file can hold a lone surrogate."""
    evil = EVIL.replace("\ud800", "")
    run = make_run()
    names = Operation("ack", evil + "n" * 2000, count=3, errors={evil: 1})
    failure = ScenarioFailure(evil, evil, evil, 2)
    last = run.intervals[-1]
    connections = msgspec.structs.replace(last.connections, failed={evil: 1}, attempted=1)
    run.intervals[-1] = msgspec.structs.replace(
        last, operations=[names], exceptions=[failure], connections=connections
    )
    run.notes += [Note(2.0, "doubt", evil), Note(3.0, "warning", evil)]
    workload = msgspec.structs.replace(run.header.workload, scenario=evil, settings={evil: evil})
    target = msgspec.structs.replace(run.header.target, url=evil, namespace=evil)
    run.header = msgspec.structs.replace(run.header, run=evil, workload=workload, target=target)
    return run


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_a_report_of_it_moves_no_cursor(evil_run, form):
    text = rendered(summarize([evil_run], Planned(), default_gates=True), form)
    data = text if form != "html" else text.split("<script", 1)[0]  # data are JSON, and escaped there
    assert data.replace("\n", "").isprintable()
    assert "n" * (LINE_AT_MOST + 1) not in data.replace(" ", "").replace("\n", "")


def test_json_keeps_it_as_an_escape(evil_run):
    """A script is to see what there was, and its terminal is not."""
    scenario = evil_run.header.workload.scenario
    evil_run.header = msgspec.structs.replace(evil_run.header, run="x\x7f\U000e0041")
    text = rendered(summarize([evil_run], Planned()), "json")
    assert text.replace("\n", "").isprintable()
    assert r"\u202e" in text
    found = json.loads(text)
    assert (found["valid"], found["scenario"]) == ("suspect", scenario)
    assert found["runs"][0]["run"] == "x\x7f\U000e0041"


@given(st.dictionaries(st.text(), st.text()))
def test_escapes_change_nothing_of_what_json_says(found):
    text = escaped(msgspec.json.encode(found).decode())
    assert text.isprintable()
    assert json.loads(text) == found


@pytest.mark.parametrize("table", get_args(TableName))
def test_csv_holds_it_printable(evil_run, table):
    """Only what a terminal shows; Parquet and frames hold what there was."""
    text = written([evil_run], table, "csv")
    assert text.replace("\n", "").isprintable()
    assert "evil" in text or table == "audiences"  # it has no rows


@pytest.mark.parametrize("name", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_csv_is_a_formula_and_numbers_stay_numbers(make_run, name):
    run = make_run()
    operations = [Operation("ack", name, count=3), Operation("ack", "a-b", count=4)]
    run.intervals[:] = [msgspec.structs.replace(run.intervals[0], operations=operations)]
    rows = list(csv.DictReader(io.StringIO(written([run], "operations", "csv"))))
    assert rows[0]["name"] == f"'{printable(name)}"
    assert (rows[0]["count"], rows[0]["t_s"]) == ("3", "1")
    assert rows[1]["name"] == "a-b"


@pytest.mark.parametrize("live", [True, False], ids=["live view", "plain lines"])
def test_a_running_test_shows_it_printable(evil_run, live):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=live, color_system=None, width=200, height=60)
    shown = LiveView(evil_run.header, console) if live else PlainProgress(evil_run.header, stream)
    shown.start()
    for interval in evil_run.intervals:
        shown.update(interval)
    for note in evil_run.notes:
        shown.note(note)
    shown.stop()
    text = stream.getvalue()
    assert "evil" in text
    for bad in ("\x1b[2J", "\x1b]8", "\x07", "\u202e", "\u200b", "\x9b"):
        assert bad not in text


def test_errors_on_stderr_are_printable(capsys):
    streams.complain(f"the server says {EVIL}" + "y" * 5000, EVIL)
    err = capsys.readouterr().err
    assert err.replace("\n", "").isprintable()
    assert err.count("\n") == 2
    assert len(err) < 3000


def test_styles_stay_and_escapes_in_names_do_not(monkeypatch):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=80)
    console.print(Printable(Text(EVIL, style="bold red")))
    assert "\x1b[1;31m" in stream.getvalue(), "the style is ours"
    assert "\x1b[2J" not in stream.getvalue()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert styled(Text(EVIL), "-").strip("\n").isprintable()


def test_a_run_file_is_named_printable_when_it_is_refused(tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    path.write_text('{"kind":"header","version":1,"run":"\\u001b[2J"}\n')
    with pytest.raises(RunFileError) as caught:
        reading.read(path)
    streams.complain(caught.value.message, caught.value.hint)
    assert "\x1b" not in capsys.readouterr().err
