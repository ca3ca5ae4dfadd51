"""Messages kept for users who are offline: in a table or in a document store, as a calculation.

Socket.IO delivers at most once and keeps nothing for who is away
(https://socket.io/docs/v4/delivery-guarantees): a service that wants its users to find what they
missed stores a message for each of them. What that takes, in PostgreSQL and in MongoDB:

    messages = offline users × messages per second to each × retention
    bytes = messages × (record + index entries) × copies
"""

from collections.abc import Callable, Sequence
from typing import Generic

import msgspec

from siotool.plan.numbers import N, N_co, divide, is_array, maximum, single
from siotool.plan.storage.bson_documents import Element, document_bytes
from siotool.plan.storage.postgres_rows import (
    FIXED_TYPES,
    ORDERED_FILL,
    RANDOM_FILL,
    Column,
    btree_entry_bytes,
    row,
)
from siotool.units import format_count, format_share, format_size

#: id, user_id, created_at before the payload: the widest first, so that nothing is padded.
ROW = (FIXED_TYPES["bigint"], FIXED_TYPES["bigint"], FIXED_TYPES["timestamp"])

#: (bytes of the key, how full its pages get): the id, which grows, and (user_id, id), which finds one
#: user's messages in order.
ROW_KEYS = ((8.0, ORDERED_FILL), (16.0, RANDOM_FILL))

#: The same message as a document; the payload is added last.
DOCUMENT = (Element("_id", "objectid"), Element("user", "int64"), Element("at", "date"))

#: Bytes of the document's keys: _id, and (user, at).
DOCUMENT_KEYS = (12.0, 16.0)

#: Beside its key, an entry of WiredTiger's index holds a type byte for each field, an end, the
#: record's number and the cell's own length, about 8 bytes. Prefix compression, on by default
#: (https://www.mongodb.com/docs/manual/core/wiredtiger), makes it less: this is the most.
DOCUMENT_ENTRY_BYTES = 8.0

#: Dead rows before autovacuum takes them away, over live ones: autovacuum_vacuum_scale_factor
#: (https://www.postgresql.org/docs/current/runtime-config-autovacuum.html).
DEAD_SHARE = 0.2

#: What snappy, WiredTiger's default, left of three real collections: 3.3 to 3.7 times less (11.10 GB
#: to 3.33, 8.19 to 2.34, 11.96 to 3.24; MongoDB, "The cost of not knowing MongoDB", part 3). Many
#: small numbers under the same names: messages shrink less, encrypted ones not at all.
SNAPPY_MEASURED = (3.3, 3.7)

#: A primary and a standby; the three members a replica set is recommended to have
#: (https://www.mongodb.com/docs/manual/core/replica-set-architectures).
ROW_COPIES = 2.0
DOCUMENT_COPIES = 3.0


class Backlog(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """What is to be kept: ``messages`` at most, ``messages_per_s`` coming in, ``payload_bytes`` each."""

    messages: N
    messages_per_s: N
    payload_bytes: N


class Store(msgspec.Struct, Generic[N_co], frozen=True, kw_only=True):
    """What one kind of store needs for a backlog.

    ``record_bytes`` and ``index_bytes`` per message on disk, ``bytes`` of one copy, ``all_bytes``
    of all; ``factor``: a copy over the payloads alone. Rates are those of one copy when
    each message is stored once and deleted once: ``record_writes_per_s``,
    ``index_writes_per_s``. ``read_bytes`` per message: what a drain has to send to the servers.
    """

    name: str
    record_bytes: N_co
    index_bytes: N_co
    bytes: N_co
    all_bytes: N_co
    factor: N_co
    record_writes_per_s: N_co
    index_writes_per_s: N_co
    read_bytes: N_co


class Drain(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """What returning users draw from a backlog.

    ``messages`` and ``bytes`` in all; ``messages_per_s`` and ``bytes_per_s`` to finish within the
    window; ``time_s`` to finish at the store's own rate, infinite when more comes in than goes out.
    """

    messages: N
    bytes: N
    messages_per_s: N
    bytes_per_s: N
    time_s: N


class Comparison(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """Both stores for the same backlog; ``sentence`` says which needs less of what (empty for draws)."""

    relational: Store[N]
    document: Store[N]
    sentence: str


def backlog(offline_users: N, messages_per_s_each: N, retention_s: N, payload_bytes: N) -> Backlog[N]:
    """Return what is kept for ``offline_users``, each sent ``messages_per_s_each``, for ``retention_s``.

    All of them stay away for as long as messages are kept: the most that can be there.
    """
    coming = offline_users * messages_per_s_each
    return Backlog(messages=coming * retention_s, messages_per_s=coming, payload_bytes=payload_bytes)


def relational_store(
    kept: Backlog[N],
    *,
    columns: Sequence[Column[N]] = ROW,
    keys: Sequence[tuple[N, N]] = ROW_KEYS,
    compression: N = 1.0,
    dead_share: N = DEAD_SHARE,
    copies: N = ROW_COPIES,
) -> Store[N]:
    """Return what PostgreSQL needs: a row for each user and message.

    ``keys``: (bytes, fill) of each index. ``compression`` of payloads that make a row longer than
    2,032 bytes. ``dead_share``: deleted rows not yet vacuumed; 0 for a table per day that is dropped
    whole. Real tables with many indexes are 2 to 10 times their data
    (https://www.postgresql.org/message-id/4BC84C77.4080504). A delete marks the row and leaves
    the indexes to vacuum, so it is one write.
    """
    one = row(columns, kept.payload_bytes, compression=compression)
    record = (one.heap_bytes + one.moved_bytes) * (1 + dead_share)
    index: N = 0.0
    for key_bytes, fill in keys:
        index = index + btree_entry_bytes(key_bytes, fill=fill) * (1 + dead_share)
    return _store(
        "PostgreSQL",
        kept,
        record,
        index,
        copies,
        record_writes=2.0,
        index_writes=float(len(keys)),
        read_bytes=_data_row_bytes(columns, kept.payload_bytes),
    )


def _data_row_bytes(columns: Sequence[Column[N]], payload_bytes: N) -> N:
    """A DataRow message of values in binary: 7 bytes, and 4 before each value
    (https://www.postgresql.org/docs/current/protocol-message-formats.html).
    """
    values: N = 0.0
    for column in columns:
        values = values + column.bytes
    return 7 + 4 * (len(columns) + 1) + values + payload_bytes


def document_store(
    kept: Backlog[N],
    *,
    elements: Sequence[Element[N]] = DOCUMENT,
    payload_name: str = "payload",
    keys: Sequence[N] = DOCUMENT_KEYS,
    compression: N = 1.0,
    copies: N = DOCUMENT_COPIES,
) -> Store[N]:
    """Return what MongoDB needs: a document for each user and message, its field names in each.

    ``compression`` of WiredTiger's blocks: measure it on your messages (``SNAPPY_MEASURED``); 1 is a
    payload that does not shrink. Inserts and deletes are written to the oplog as well, and both
    change every index at once.
    """
    whole = list(elements)
    whole.append(Element(payload_name, "string", kept.payload_bytes))
    size = document_bytes(whole)
    index: N = 0.0
    for key_bytes in keys:
        index = index + key_bytes + DOCUMENT_ENTRY_BYTES
    return _store(
        "MongoDB",
        kept,
        size / maximum(compression, 1.0),
        index,
        copies,
        record_writes=4.0,
        index_writes=2.0 * len(keys),
        read_bytes=size,
    )


def _store(
    name: str,
    kept: Backlog[N],
    record: N,
    index: N,
    copies: N,
    *,
    record_writes: float,
    index_writes: float,
    read_bytes: N,
) -> Store[N]:
    each = record + index
    return Store(
        name=name,
        record_bytes=record,
        index_bytes=index,
        bytes=kept.messages * each,
        all_bytes=kept.messages * each * copies,
        factor=divide(each, kept.payload_bytes),
        record_writes_per_s=kept.messages_per_s * record_writes,
        index_writes_per_s=kept.messages_per_s * index_writes,
        read_bytes=read_bytes,
    )


def drain(
    returning_users: N,
    queued_each: N,
    message_bytes: N,
    window_s: N,
    *,
    read_per_s: N,
    still_coming_per_s: N = 0.0,
) -> Drain[N]:
    """Return the load of ``returning_users`` who each fetch ``queued_each`` messages within ``window_s``.

    After an outage everybody returns within the reconnect window. ``message_bytes``: what one
    costs to read (``Store.read_bytes``). ``read_per_s``: messages per second the store can give;
    ``still_coming_per_s``: those added to the queues meanwhile.
    """
    messages = returning_users * queued_each
    needed = divide(messages, window_s)
    return Drain(
        messages=messages,
        bytes=messages * message_bytes,
        messages_per_s=needed + still_coming_per_s,
        bytes_per_s=(needed + still_coming_per_s) * message_bytes,
        time_s=divide(messages, read_per_s - still_coming_per_s),
    )


def compare(relational: Store[N], document: Store[N]) -> Comparison[N]:
    """Return both stores with a sentence that says which needs less of what."""
    figures = (relational.all_bytes, document.all_bytes, document.index_writes_per_s)
    sentence = "" if any(map(is_array, figures)) else _sentence(relational, document)
    return Comparison(relational=relational, document=document, sentence=sentence)


def _sentence(relational: Store[N], document: Store[N]) -> str:
    clauses = [
        _clause(
            "disk over all copies", single(relational.all_bytes), single(document.all_bytes), format_size
        ),
        _clause(
            "index writes/s",
            single(relational.index_writes_per_s),
            single(document.index_writes_per_s),
            format_count,
        ),
        _clause(
            "to read per message of a drain",
            single(relational.read_bytes),
            single(document.read_bytes),
            format_size,
        ),
    ]
    return "; ".join(clauses).format(relational=relational.name, document=document.name) + "."


def _clause(what: str, rows: float, documents: float, write: Callable[[float], str]) -> str:
    if rows == documents:
        return f"both need the same {what} ({write(rows)})"
    better, less, more = ("relational", rows, documents)
    if documents < rows:
        better, less, more = ("document", documents, rows)
    share = format_share(1 - less / more)
    return f"{{{better}}} needs {share} less {what} ({write(less)} against {write(more)})"
