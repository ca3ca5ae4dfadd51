"""What one message kept for a user who is offline takes, as a row of PostgreSQL and in MongoDB.

Socket.IO delivers at most once and keeps nothing for users who are away
(https://socket.io/docs/v4/delivery-guarantees): a service that wants its users to find what they
missed stores a message for each of them.

A row is (id bigint, user_id bigint, created_at timestamp, payload): the widest first, so that nothing
is padded. It is counted to the byte, with alignment, page, oversized values and B-tree
(https://www.postgresql.org/docs/current/storage-page-layout.html and storage-toast.html; constants
from postgres/postgres src/include/access/{htup_details,heaptoast,nbtree}.h, for pages of 8 KiB
on 64-bit machines). A document is {_id, user, at, payload} in BSON (https://bsonspec.org/spec.html),
which repeats the names. Payloads are assumed not to compress; WiredTiger's snappy left a third of three
real collections (MongoDB, "The cost of not knowing MongoDB", part 3).
"""

from typing import Generic

import msgspec

from siotool.plan.numbers import N, ceil, where

PAGE_BYTES = 8192
PAGE_HEADER_BYTES = 24
LINE_POINTER_BYTES = 4
MAX_ALIGN = 8

#: A tuple's header, aligned to 8, and the three columns before the payload.
HEADER_BYTES = 24
COLUMN_BYTES = 24

#: Beyond this a row's large values are moved out: four rows to a page.
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

#: Dead rows before autovacuum removes them, over live ones: autovacuum_vacuum_scale_factor
#: (https://www.postgresql.org/docs/current/runtime-config-autovacuum.html).
DEAD_SHARE = 0.2

#: BSON: a length and a zero around the elements; of each a type, its name and a zero, and its value:
#: an object id, an integer of 64 bits, a date, and a string with its own length and zero.
DOCUMENT_BYTES = 5 + (5 + 12) + (6 + 8) + (4 + 8) + (9 + 5)

#: Bytes of the document's keys: _id, and (user, at).
DOCUMENT_KEYS = (12, 16)

#: Beside its key, an entry of WiredTiger's index holds a type byte for each field, an end, the
#: record's number and the cell's own length, about 8 bytes. Prefix compression, on by default
#: (https://www.mongodb.com/docs/manual/core/wiredtiger), makes it less: this is the most.
DOCUMENT_ENTRY_BYTES = 8


class Store(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """One kind of store, and what a message takes in one copy of it.

    ``record_bytes`` and ``index_bytes`` on disk, and ``dead_bytes`` of deleted ones for each that is kept,
    while messages come and go; ``record_writes`` and ``index_writes`` when it is stored once and deleted
    once; ``read_bytes``: what a drain has to send to the servers.
    """

    name: str
    record_bytes: N
    index_bytes: N
    dead_bytes: N
    record_writes: float
    index_writes: float
    read_bytes: N


def relational_store(payload_bytes: N) -> Store[N]:
    """Return what PostgreSQL needs: a row for each user and message.

    Its indexes are the id, which grows, and (user_id, id), which finds one user's messages in
    order. Deleted rows not yet vacuumed, with their index entries, are counted as dead. Real tables
    with many indexes are 2 to 10 times their data
    (https://www.postgresql.org/message-id/4BC84C77.4080504). A delete marks the row and leaves the
    indexes to vacuum, so it is one write. A row is read as a DataRow of values in binary: 7 bytes, and
    4 before each value
    (https://www.postgresql.org/docs/current/protocol-message-formats.html).
    """
    heap, moved = row_bytes(payload_bytes)
    index = btree_entry_bytes(8, ORDERED_FILL) + btree_entry_bytes(16, RANDOM_FILL)
    return Store(
        name="PostgreSQL",
        record_bytes=heap + moved,
        index_bytes=0.0 * payload_bytes + index,
        dead_bytes=(heap + moved + index) * DEAD_SHARE,
        record_writes=2.0,
        index_writes=2.0,
        read_bytes=7 + 4 * 4 + COLUMN_BYTES + payload_bytes,
    )


def document_store(payload_bytes: N) -> Store[N]:
    """Return what MongoDB needs: a document for each user and message, its field names in each.

    Inserts and deletes are written to the oplog as well, and both change every index at once.
    """
    size = DOCUMENT_BYTES + payload_bytes
    index = float(sum(DOCUMENT_KEYS) + len(DOCUMENT_KEYS) * DOCUMENT_ENTRY_BYTES)
    return Store(
        name="MongoDB",
        record_bytes=size,
        index_bytes=0.0 * payload_bytes + index,
        dead_bytes=0.0 * payload_bytes,
        record_writes=4.0,
        index_writes=4.0,
        read_bytes=size,
    )


def measured_store(name: str, store: Store[N], stored_bytes: N) -> Store[N]:
    """Return the store with what a message was measured to take in one of its kind, indexes included.

    It may be any store of that kind: its writes, and the share of what is deleted, are those of ``store``.
    """
    dead_share = store.dead_bytes / (store.record_bytes + store.index_bytes)
    return Store(
        name=name,
        record_bytes=stored_bytes,
        index_bytes=0.0 * stored_bytes,
        dead_bytes=stored_bytes * dead_share,
        record_writes=store.record_writes,
        index_writes=store.index_writes,
        read_bytes=store.read_bytes,
    )


def row_bytes(payload_bytes: N) -> tuple[N, N]:
    """Return what a row takes of its page, and in the TOAST table and its index, pages included.

    What is too long moves out in pieces of 1,996 bytes, four to a page, with an index entry each.
    """
    plain = HEADER_BYTES + COLUMN_BYTES + where(payload_bytes <= SHORT_VALUE_BYTES, 1.0, 4.0) + payload_bytes
    moves = plain > TOAST_THRESHOLD_BYTES
    length = where(moves, float(HEADER_BYTES + COLUMN_BYTES + TOAST_POINTER_BYTES), plain)
    return page_share(length), where(moves, _moved_bytes(payload_bytes), 0.0)


def page_share(tuple_length: N) -> N:
    """Return a tuple's share of a full page: what fits no further tuple is shared out too."""
    fits = _floor((PAGE_BYTES - PAGE_HEADER_BYTES) / (_aligned(tuple_length) + LINE_POINTER_BYTES))
    return PAGE_BYTES / fits


def _moved_bytes(stored: N) -> N:
    whole = _floor(stored / TOAST_CHUNK_BYTES)
    rest = stored - whole * TOAST_CHUNK_BYTES
    # chunk_id oid, chunk_seq integer, chunk_data bytea, always with four bytes of length
    piece = _aligned(HEADER_BYTES + 4 + 4 + 4 + rest) + LINE_POINTER_BYTES
    last = where(rest > 0, piece * PAGE_BYTES / (PAGE_BYTES - PAGE_HEADER_BYTES), 0.0)
    pieces = ceil(stored / TOAST_CHUNK_BYTES)
    return whole * PAGE_BYTES / 4 + last + pieces * btree_entry_bytes(8, ORDERED_FILL)


def btree_entry_bytes(key_bytes: float, fill: float) -> float:
    """Return the bytes of a B-tree per entry, the pages above the leaves included.

    An entry has 8 bytes of header, its key, aligned to 8, and 4 of line pointer; a page has 24
    + 16 bytes of its own and repeats one key. ``fill``: ``ORDERED_FILL`` for keys that only grow, as a
    serial id or the time, ``RANDOM_FILL`` for the rest. 10,000,000 integers take 214 MiB, measured
    (https://dba.stackexchange.com/questions/254305).
    """
    entry = _aligned(8 + key_bytes) + LINE_POINTER_BYTES
    leaf, inner = (
        ceil((PAGE_BYTES * full - PAGE_HEADER_BYTES - BTREE_SPECIAL_BYTES) / entry) - 1
        for full in (fill, INNER_FILL)
    )
    return PAGE_BYTES / leaf * inner / (inner - 1)


def _aligned(offset: N) -> N:
    return ceil(offset / MAX_ALIGN) * MAX_ALIGN


def _floor(value: N) -> N:
    return -ceil(-value)
