"""Every printer shows every section of a document: each title, sentence, cell, note, fact and verdict."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
)
from tests.unit.printed import PRINTERS, as_text, missing

TONES = ["", "good", "bad", "strong"]
LEVELS = ["plain", "doubt", "warning", "remark", "note"]


#: What somebody may call a thing: with markup of every form in it.
words = st.text("aé1 <>&|*_`[]~\\'\"-", min_size=1, max_size=12).map(lambda text: f"x{text}x")
plain = st.text("aé1 ×/()", min_size=1, max_size=12).map(lambda text: f"x{text}x")
notes = st.just("") | words
figures = st.integers(0, 10**6).map("{:,}".format)


@st.composite
def tables(draw):
    columns = [Column(draw(words))]
    columns += draw(st.lists(st.builds(Column, words, st.just(True), st.booleans()), max_size=4))
    columns += draw(st.lists(st.builds(Column, words), max_size=1))
    bars = st.none() | st.builds(Bar, st.just(10.0), st.floats(0, 40), st.floats(0, 40), st.booleans())
    rows = draw(
        st.lists(
            st.builds(
                Row,
                st.tuples(words, *(figures if column.numeric else words for column in columns[1:])),
                st.sampled_from(TONES),
                bars,
                notes,
            ),
            min_size=1,
            max_size=4,
        )
    )
    return Table(columns, rows, draw(notes), draw(notes))


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
