"""What a row takes on PostgreSQL's disk: alignment, page, oversized values and B-tree, to the byte.

https://www.postgresql.org/docs/current/storage-page-layout.html and storage-toast.html; constants
from postgres/postgres src/include/access/{htup_details,heaptoast,nbtree}.h, for pages of 8 KiB
on 64-bit machines.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Generic

import msgspec

from siotool.plan.numbers import N, N_co, ceil, where

PAGE_BYTES = 8192
PAGE_HEADER_BYTES = 24
LINE_POINTER_BYTES = 4
TUPLE_HEADER_BYTES = 23
MAX_ALIGN = 8

#: Beyond this a row's large values are compressed and then moved out: four rows to a page.
TOAST_THRESHOLD_BYTES = 2032
#: One piece of a value that was moved out, and what stays in the row in its place.
TOAST_CHUNK_BYTES = 1996
TOAST_POINTER_BYTES = 18

#: Values of up to this many bytes have one byte of length before them and no alignment, longer
#: ones four and four.
SHORT_VALUE_BYTES = 126

BTREE_SPECIAL_BYTES = 16
#: fillfactor of leaf pages that fill in key order, and of the pages above them
#: (BTREE_DEFAULT_FILLFACTOR, BTREE_NONLEAF_FILLFACTOR).
ORDERED_FILL = 0.90
INNER_FILL = 0.70
#: How full leaf pages are on average when keys arrive in random order: ln 2 (A. Yao, "On random
#: 2-3 trees", 1978).
RANDOM_FILL = 0.69


class Column(msgspec.Struct, Generic[N_co], frozen=True):
    """A column: the bytes of its value and its alignment; ``align`` 0 marks one of varying length."""

    bytes: N_co
    align: int


#: Sizes and alignments (pg_type.typlen, typalign) of types a message table has.
FIXED_TYPES: Mapping[str, Column[float]] = MappingProxyType(
    {
        "bigint": Column(8, 8),
        "integer": Column(4, 4),
        "smallint": Column(2, 2),
        "boolean": Column(1, 1),
        "timestamp": Column(8, 8),
        "uuid": Column(16, 1),
        "double": Column(8, 8),
    }
)


def varying(value_bytes: N) -> Column[N]:
    """Return a column of type text, bytea or jsonb whose value has so many bytes."""
    return Column(value_bytes, 0)


class Row(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """What one row takes: ``tuple_bytes`` on its page, ``heap_bytes`` with its share of the page, and
    ``moved_bytes`` in the TOAST table and its index, pages included.
    """

    tuple_bytes: N
    heap_bytes: N
    moved_bytes: N


def align(offset: N, boundary: int) -> N:
    """Round up to a multiple of ``boundary``."""
    return ceil(offset / boundary) * boundary


def tuple_bytes(columns: Sequence[Column[N]], *, nulls: bool = False) -> N:
    """Return the length of a tuple, header included, before it is aligned on its page.

    The header has 23 bytes, with NULLs also a bit for each column, and is aligned to 8. Each value
    starts at its own alignment, so the order of columns counts.
    """
    end: N = 0.0
    for column in columns:
        if column.align:
            end = align(end, column.align) + column.bytes
        else:
            short = column.bytes <= SHORT_VALUE_BYTES
            end = where(short, end + 1, align(end, 4) + 4) + column.bytes
    return _header_bytes(len(columns), nulls) + end


def _header_bytes(columns: int, nulls: bool) -> float:
    return align(TUPLE_HEADER_BYTES + ((columns + 7) // 8 if nulls else 0), MAX_ALIGN)


def row(columns: Sequence[Column[N]], payload_bytes: N, *, compression: N = 1.0) -> Row[N]:
    """Return what a row of ``columns`` and, last, a payload of text or bytea takes.

    ``compression``: the payload's size over what PostgreSQL's own compression leaves of it; it is
    tried only beyond 2,032 bytes, and 1 means that it gains nothing. What is then still too long
    moves out in pieces of 1,996 bytes, four to a page, with an index entry each.
    """
    whole = list(columns)
    whole.append(varying(payload_bytes))
    plain = tuple_bytes(whole)
    gains = compression > 1
    stored = where(gains, payload_bytes / compression + 4, payload_bytes)  # 4: the original length
    whole[-1] = varying(stored)
    packed = tuple_bytes(whole)
    inline = where(plain <= TOAST_THRESHOLD_BYTES, plain, packed)
    moves = inline > TOAST_THRESHOLD_BYTES
    pointer = _header_bytes(len(columns) + 1, False) + _data_bytes(columns) + TOAST_POINTER_BYTES
    length = where(moves, pointer, inline)
    return Row(
        tuple_bytes=align(length, MAX_ALIGN),
        heap_bytes=page_share(length),
        moved_bytes=where(moves, _moved_bytes(stored), 0.0),
    )


def _data_bytes(columns: Sequence[Column[N]]) -> N:
    return tuple_bytes(columns) - _header_bytes(len(columns), False)


def page_share(tuple_length: N) -> N:
    """Return a tuple's share of a full page: what fits no further tuple is shared out too."""
    fits = _floor((PAGE_BYTES - PAGE_HEADER_BYTES) / (align(tuple_length, MAX_ALIGN) + LINE_POINTER_BYTES))
    return PAGE_BYTES / fits


def _moved_bytes(stored: N) -> N:
    whole = _floor(stored / TOAST_CHUNK_BYTES)
    rest = stored - whole * TOAST_CHUNK_BYTES
    # chunk_id oid, chunk_seq integer, chunk_data bytea, always with four bytes of length
    piece = align(24 + 4 + 4 + 4 + rest, MAX_ALIGN) + LINE_POINTER_BYTES
    last = where(rest > 0, piece * PAGE_BYTES / (PAGE_BYTES - PAGE_HEADER_BYTES), 0.0)
    pieces = ceil(stored / TOAST_CHUNK_BYTES)
    return whole * PAGE_BYTES / 4 + last + pieces * btree_entry_bytes(8)


def btree_entry_bytes(key_bytes: N, *, fill: N = ORDERED_FILL) -> N:
    """Return the bytes of a B-tree per entry, the pages above the leaves included.

    An entry has 8 bytes of header, its key, aligned to 8, and 4 of line pointer; a page has 24
    + 16 bytes of its own and repeats one key. ``fill``: ``ORDERED_FILL`` for keys that only grow, as a
    serial id or the time, ``RANDOM_FILL`` for the rest. 10,000,000 integers take 214 MiB, measured
    (https://dba.stackexchange.com/questions/254305).
    """
    entry = align(8 + key_bytes, MAX_ALIGN) + LINE_POINTER_BYTES
    leaf = ceil(_filled(fill) / entry) - 1
    inner = ceil(_filled(INNER_FILL) / entry) - 1
    return PAGE_BYTES / leaf * inner / (inner - 1)


def _filled(fill: N) -> N:
    return PAGE_BYTES * fill - PAGE_HEADER_BYTES - BTREE_SPECIAL_BYTES


def _floor(value: N) -> N:
    return -ceil(-value)
