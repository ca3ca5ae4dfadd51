"""Tables in words: what every renderer can show."""

from typing import Literal

import msgspec

#: Never the only carrier of a meaning.
Tone = Literal["", "good", "bad", "strong"]


class Column(msgspec.Struct, frozen=True):
    """``wide_only`` columns are left out where there are 80 characters to a line."""

    name: str
    numeric: bool = False
    wide_only: bool = False


class Row(msgspec.Struct, frozen=True):
    """Cells in the order of the columns."""

    cells: list[str]
    tone: Tone = ""


class Table(msgspec.Struct, frozen=True):
    """``key`` is stable and names the table in anchors and charts."""

    key: str
    title: str
    columns: list[Column]
    rows: list[Row]
    note: str = ""
