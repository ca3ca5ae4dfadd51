"""Every printer shows every section of a document: each title, sentence, cell, note, fact and verdict."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from siotool.document import markdown
from siotool.document.course import as_table
from siotool.document.document import (
    Axis,
    Bar,
    Chart,
    Column,
    Curve,
    Document,
    Equation,
    Fact,
    Row,
    Rule,
    Section,
    Sentence,
    Table,
    Unit,
    Way,
    columns,
)
from tests.unit.printed import PRINTERS, as_text, missing

TONES = ["", "good", "bad", "strong"]
LEVELS = ["plain", "doubt", "warning", "remark", "note"]


#: What somebody may call a thing: with markup of every form in it.
words = st.text("aé1 <>&|*_`[]~\\'\"-", min_size=1, max_size=12).map(lambda text: f"x{text}x")
plain = st.text("aé1 ×/()[]", min_size=1, max_size=12).map(lambda text: f"x{text}x")
notes = st.just("") | words
figures = st.integers(0, 10**6).map("{:,}".format)


@st.composite
def tables(draw):
    named = [Column(draw(words))]
    named += draw(st.lists(st.builds(Column, words, st.just(True), st.booleans()), max_size=4))
    named += draw(st.lists(st.builds(Column, words), max_size=1))
    bars = st.none() | st.builds(Bar, st.just(10.0), st.floats(0, 40), st.floats(0, 40), st.booleans())
    rows = draw(
        st.lists(
            st.builds(
                Row,
                st.tuples(words, *(figures if column.numeric else words for column in named[1:])),
                st.sampled_from(TONES),
                bars,
                notes,
            ),
            max_size=4,
        )
    )
    return Table(named, rows, draw(notes), draw(notes), how=draw(st.lists(words, max_size=2)))


curves = st.lists(st.none() | st.floats(0, 1e6), min_size=2, max_size=150).flatmap(
    lambda values: st.builds(
        Curve,
        words,
        st.just([(float(n), value) for n, value in enumerate(values)]),
        st.sampled_from(["linear", "step", "step-after", "dots", "dashed"]),
    )
)
units = st.sampled_from(get_args(Unit))
charts = st.builds(
    Chart,
    st.uuids().map(str),
    words,
    st.builds(Axis, units, notes),
    st.builds(Axis, units),
    st.lists(curves, min_size=1, max_size=3),
    notes,
    st.just([Rule(x=1.0), Rule(y=2.0)]),
    st.just([(0.5, 1.5)]),
    telling=st.booleans(),
)
blocks = (
    st.builds(Sentence, words, st.sampled_from(LEVELS))
    | st.builds(Fact, words, words)
    | st.builds(Equation, plain, st.lists(st.tuples(plain, plain), min_size=1, max_size=2), plain)
    | tables()
    | charts
    | st.builds(Way, words, words)
)
sections = st.builds(Section, st.uuids().map(str), words, st.lists(blocks, min_size=1, max_size=5))
documents = st.builds(
    Document,
    words,
    words,
    words,
    st.sampled_from(TONES),
    st.lists(sections, max_size=3),
    notes,
    st.lists(words, max_size=2),
    st.lists(st.builds(Fact, words, words), max_size=2),
    words,
)


@pytest.mark.parametrize("printer", PRINTERS)
@settings(settings.get_profile("brief"))
@given(document=documents)
def test_everything_is_in_every_form(printer, document):
    assert missing(document, printer) == []


@settings(settings.get_profile("brief"))
@given(document=documents)
def test_text_fits_80_columns(document):
    assert max(map(len, as_text(document, 80).splitlines())) <= 80


def test_a_told_table_is_a_paragraph_for_each_group_where_lines_are_short():
    """A table of many inputs would flood the terminal."""
    columns = [Column("input"), Column("value", True), Column("its 90 %", True)]
    rows = [
        Row(["connections", "10", "5 to 20"], group="typed"),
        Row(["rate", "1 /s", ""], group="typed"),
        Row(["tls", "false", ""], group="default"),
    ]
    table = Table(columns, rows, folded="3 inputs", told=True)
    shown = as_text(Document("", "", "", "", [Section("inputs", "Inputs", [table])]), 80)
    assert [line.strip() for line in shown.splitlines() if line.strip()] == [
        "Inputs",
        "3 inputs:",
        "· typed: connections 10 (5 to 20); rate 1 /s",
        "· default: tls false",
    ]
    bare = Table([Column("fleet"), Column("suffices", True)], [Row(["5 servers", "95 %"])], told=True)
    assert "· fleet, suffices: 5 servers 95 %" in as_text(
        Document("", "", "", "", [Section("sure", "How sure", [bare])]), 80
    )


def test_groups_keep_their_names_where_a_table_is_a_list():
    rows = [Row(["connect", "1,234"], group="Echo"), Row(["ack", "56"], group="Chat"), Row(["sum", "7"])]
    table = Table([Column("operation in words"), Column("times that it was done", True)], rows)

    shown = as_text(Document("", "", "", "", [Section("a", "All", [table])]), 36)
    assert [line.strip() for line in shown.splitlines() if line.strip()][1:] == [
        "Echo",
        "connect",
        "times that it was done 1,234",
        "Chat",
        "ack",
        "times that it was done 56",
        "sum",
        "times that it was done 7",
    ]


@pytest.mark.parametrize("printer", PRINTERS)
def test_what_a_printer_leaves_out_would_be_found(printer, monkeypatch):
    """The control of the tests above: a printer that drops a section, a block or a cell is caught."""
    rows = [Row(["event loop", "3"])]
    told = Section("b", "What decides", [Sentence("Nobody knows."), Table(columns("name", "servers>"), rows)])
    document = Document("d", "c", "h", "good", [Section("a", "First", [Fact("P50", "2")]), told])
    make = PRINTERS[printer]
    assert missing(document, printer) == []
    monkeypatch.setitem(PRINTERS, printer, lambda d: make(replace(d, sections=d.sections[:1])))
    assert missing(document, printer) == [
        "What decides",
        "Nobody knows.",
        "name",
        "servers",
        "event loop",
        "3",
    ]
    without = replace(told, blocks=told.blocks[:1])
    monkeypatch.setitem(PRINTERS, printer, lambda d: make(replace(d, sections=[d.sections[0], without])))
    assert missing(document, printer) == ["name", "servers", "event loop", "3"]


def test_columns_are_read_from_their_names():
    assert columns("a", "b>", "c>?", "d?", "e>f") == [
        Column("a"),
        Column("b", numeric=True),
        Column("c", numeric=True, wide_only=True),
        Column("d", wide_only=True),
        Column("e>f"),
    ]


def test_a_chart_that_tells_is_blocks_in_text_and_a_short_table_in_markdown():
    points = [(n / 10, float(n) if n < 200 else None) for n in range(300)]
    chart = Chart(
        "c",
        "Attempts",
        Axis("clock", "time", low=0.0, high=30.0),
        Axis("per_s"),
        [Curve("attempts", points), Curve("back", [(x, 0.0) for x, _ in points])],
        telling=True,
    )
    document = Document("d", "c", "h", "", [Section("s", "Course", [chart])])
    *_, attempts, back, ends = as_text(document, 80).splitlines()
    strip = attempts.split()[1]
    assert strip[0] == "▁" < strip[20] < strip[33] == "█"
    assert attempts.endswith(("≤ 199 /s", "≤ 199 /s "))
    assert "≤ 0 /s" in back
    assert ends.split() == ["0", "30", "s"]
    rows = [line for line in markdown.render(document).splitlines() if line.startswith("|")]
    assert rows[0] == "| time | attempts, at most | back, at most |"
    assert len(rows) == 2 + 20
    assert rows[2] == "| 0 s | 14 /s | 0 /s |"
    assert rows[-1] == "| 28.5 s | – | 0 /s |"


def test_a_table_in_the_place_of_a_chart_says_where_it_shows_the_highest_only():
    def table(count):
        curve = Curve("tries", [(float(n), n + 0.5) for n in range(count)])
        return as_table(Chart("k", "t", Axis("count"), Axis("per_s"), [curve]))

    whole, thinned = table(20), table(21)
    assert (whole.columns[1].name, len(whole.rows)) == ("tries", 20)
    assert (thinned.columns[1].name, len(thinned.rows)) == ("tries, at most", 11)
    # the highest of two; whole numbers where one more or less is no matter
    assert [row.cells[1] for row in thinned.rows[:2]] == ["1.5 /s", "3.5 /s"]
    assert [row.cells[1] for row in whole.rows[9:11]] == ["9.5 /s", "10 /s"]


def test_bars_are_blocks_where_figures_leave_room():
    rows = [Row(["1", "2 s"], bar=Bar(solid=100)), Row(["2", "1 s"], bar=Bar(begin=50, solid=25, soft=25))]
    document = Document("d", "c", "h", "", [Section("s", "Fleets", [Table(columns("n>", "back>"), rows)])])
    assert f" {'█' * 20}" in as_text(document, 80)
    assert f" {' ' * 10}{'█' * 5}{'▒' * 5}" in as_text(document, 80)
    assert "█" not in as_text(document, 24)
