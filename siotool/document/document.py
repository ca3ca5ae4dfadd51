"""A document in a reader's order. Every printer prints any document, whatever it is about.

Words and written figures only, except charts, whose figures are in SI units. A printer shows
every section of a document; how it looks there is the printer's business.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

#: Never the only carrier of a meaning.
Tone: TypeAlias = Literal["", "good", "bad", "strong"]

#: How much a sentence asks of its reader: a ``doubt`` is a reason not to believe the answer, a ``warning``
#: one to act, a ``remark`` worth knowing, a ``note`` says how figures were made.
Level: TypeAlias = Literal["plain", "doubt", "warning", "remark", "note"]

#: What an axis counts; it decides how its figures are written. A ``clock`` counts seconds from a beginning,
#: a ``day`` seconds since 1970 in UTC.
Unit: TypeAlias = Literal[
    "bytes",
    "bytes_per_s",
    "clock",
    "cores",
    "count",
    "day",
    "factor",
    "per_s",
    "seconds",
    "servers",
    "share",
]


class Way(msgspec.Struct, frozen=True):
    """One way of obtaining figures. Tables, charts and sentences refer to it by its ``name``."""

    name: str
    text: str


class Sentence(msgspec.Struct, frozen=True):
    """A sentence or two, and how much they ask of the reader; ``how`` as in a table."""

    text: str
    level: Level = "plain"
    how: Sequence[str] = ()


class Fact(msgspec.Struct, frozen=True):
    """One figure a reader takes along, with its name."""

    name: str
    value: str


class Equation(msgspec.Struct, frozen=True):
    """One quotient in several writings (what stands above the bar, and below), and its result."""

    subject: str
    quotients: Sequence[tuple[str, str]]
    result: str


class Column(msgspec.Struct, frozen=True):
    """``wide_only`` columns are written below the table where there are 80 characters to a line.

    The last column is for words about its row, unless it is numeric.
    """

    name: str
    numeric: bool = False
    wide_only: bool = False


def columns(*names: str) -> list[Column]:
    """Return columns by their names: numeric where a name ends in ``>``, ``wide_only`` after a ``?``."""
    return [Column(name.rstrip(">?"), name.rstrip("?").endswith(">"), name.endswith("?")) for name in names]


class Bar(msgspec.Struct, frozen=True):
    """Where a row's bar begins and how long its two parts are, in percent of the track.

    ``endless``: there is no number. ``mark`` is where a thin line crosses it.
    A bar says nothing that the row's cells do not say.
    """

    begin: float = 0.0
    solid: float = 0.0
    soft: float = 0.0
    endless: bool = False
    mark: float | None = None


class Row(msgspec.Struct, frozen=True):
    """Cells in the order of the columns. Rows of one ``group`` stand together under its name."""

    cells: Sequence[str]
    tone: Tone = ""
    bar: Bar | None = None
    group: str = ""


class Table(msgspec.Struct, frozen=True):
    """``folded`` names a table that is shown on demand, where a printer can fold it; above it where not.

    Where lines are short, the rows of a ``told`` table are a paragraph for each group of them.
    ``how`` names the ways in which its figures were obtained, each a ``Way`` of the same document.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""
    folded: str = ""
    told: bool = False
    how: Sequence[str] = ()


class Curve(msgspec.Struct, frozen=True):
    """Points (horizontal, vertical) under one name; None where nothing is known.

    ``drawn``: straight from point to point, with a step half-way or at the end, as dots, or as a
    thin dashed line that the chart's note explains.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    drawn: Literal["linear", "step", "step-after", "dots", "dashed"] = "linear"


class Axis(msgspec.Struct, frozen=True):
    """``low`` and ``high`` bound it where they are known; ``name`` is the value under the pointer."""

    unit: Unit
    name: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False


class Rule(msgspec.Struct, frozen=True):
    """A line across a chart, at ``x`` or at ``y``; dashed; the chart's note explains it."""

    x: float | None = None
    y: float | None = None


class Chart(msgspec.Struct, frozen=True):
    """Curves over two axes. ``shades`` are spans of the horizontal, ``troubles`` those in which something was
    broken; ``key`` is unique in its document.

    ``telling`` charts say what no table says: printers without pictures write them in words or blocks.
    The points of such a chart are equally far apart. ``how`` as in a table.
    """

    key: str
    title: str
    x: Axis
    y: Axis
    curves: Sequence[Curve]
    note: str = ""
    rules: Sequence[Rule] = ()
    shades: Sequence[tuple[float, float]] = ()
    height: int = 190
    telling: bool = False
    how: Sequence[str] = ()
    troubles: Sequence[tuple[float, float]] = ()


Block: TypeAlias = Sentence | Fact | Equation | Table | Chart | Way


class Section(msgspec.Struct, frozen=True):
    """``key`` is stable and names the section in anchors; blocks are in a reader's order."""

    key: str
    title: str
    blocks: Sequence[Block]


class Document(msgspec.Struct, frozen=True):
    """An answer on one page.

    ``name`` is that of the command, ``context`` what was asked, ``verdict`` what was proven (if
    anything was judged), ``headline`` the answer, ``answer`` what it rests on, ``facts`` its
    figures. A page, which is read far from its command, also says what it was ``made_of``.
    """

    name: str
    context: str
    headline: str
    tone: Tone
    sections: Sequence[Section]
    verdict: str = ""
    answer: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    made_of: str = ""
