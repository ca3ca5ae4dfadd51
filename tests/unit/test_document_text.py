"""The text of a report on terminals of any width: names whole, figures whole, nothing cut."""

import msgspec
import pytest

from siotool.document.document import Row, Table, columns
from siotool.document.groups import NONE
from siotool.document.text_rows import beside
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.report_document import as_document
from tests.unit.printed import as_text


def printed(report, width):
    return [line.rstrip() for line in as_text(as_document(report), width).splitlines()]


@pytest.fixture(scope="module")
def reports(fabricated):
    gates = [parse("p99:ack > 200ms"), parse("connect_errors > 1%")]
    return {name: summarize([fabricated[name]], Planned(connections=1e6), gates) for name in ("echo", "chat")}


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 160])
@pytest.mark.parametrize("name", ["echo", "chat"])
def test_names_and_figures_are_whole_on_any_terminal(reports, name, width):
    """On 60 columns the names of operations were gone, on 40 the figures were cut in two."""
    lines = printed(reports[name], width)
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    sections = as_document(reports[name]).sections
    for table in (block for section in sections for block in section.blocks if isinstance(block, Table)):
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if column.numeric and not column.wide_only:
                    assert any(cell in line for line in lines), cell
    for operation in ("connect websocket", "ack echo" if name == "echo" else "ack join"):
        assert operation in said
    assert "…" not in said.replace("CPU it m…", "")


def test_a_terminal_of_80_columns_has_columns(reports):
    (header,) = [line for line in printed(reports["echo"], 80) if line.startswith(" operation ")]
    assert header.split() == ["operation", "count", "errors", "per", "s", "mean", "max"]


ONES = Table(
    columns("of", "same>?", "other>?", "words"),
    [Row(["a", "1 %", "10", "x"]), Row(["b", "1 %", "20", "y"])],
)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        pytest.param(ONES, ["same: 1 % in every row", "other: a 10, b 20"], id="by the names of the rows"),
        pytest.param(
            msgspec.structs.replace(ONES, columns=columns("of>", "same>?", "other>?", "words")),
            ["same: 1 % in every row", "other: 10 (a), 20 (b)"],
            id="a name that is a figure itself stands behind",
        ),
        pytest.param(
            msgspec.structs.replace(ONES, rows=[*ONES.rows, Row(["c", NONE, NONE, "z"])]),
            ["same: a 1 %, b 1 %", "other: a 10, b 20"],
            id="a row that says nothing is not every row",
        ),
        pytest.param(
            msgspec.structs.replace(ONES, rows=ONES.rows[:1]), ["same 1 % · other 10"], id="one row"
        ),
    ],
)
def test_columns_that_are_left_out_are_told_below(table: Table, said: list[str]) -> None:
    assert beside(table) == said
