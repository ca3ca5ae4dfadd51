import struct
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.plan.storage.backlog import (
    DOCUMENT,
    ROW,
    backlog,
    compare,
    document_store,
    drain,
    relational_store,
)
from siotool.plan.storage.bson_documents import Element, document_bytes, names_bytes
from siotool.plan.storage.postgres_rows import (
    FIXED_TYPES,
    RANDOM_FILL,
    Column,
    align,
    btree_entry_bytes,
    page_share,
    row,
    tuple_bytes,
    varying,
)

INTEGER, BIGINT, TIMESTAMP = (FIXED_TYPES[name] for name in ("integer", "bigint", "timestamp"))
SMALLINT, BOOLEAN = FIXED_TYPES["smallint"], FIXED_TYPES["boolean"]


@pytest.mark.parametrize(
    ("columns", "nulls", "length"),
    [
        pytest.param([], False, 24, id="the header alone: 23 bytes, aligned"),
        # https://stackoverflow.com/questions/13570613: 52 bytes a row with its line pointer, measured
        pytest.param([INTEGER] * 3 + [TIMESTAMP], False, 48, id="three integers pad the timestamp by 4"),
        pytest.param([TIMESTAMP] + [INTEGER] * 3, False, 44, id="the other way round nothing is padded"),
        pytest.param([BOOLEAN, BIGINT, SMALLINT], False, 24 + 18, id="a boolean before a bigint costs 8"),
        pytest.param([INTEGER] * 8, True, 24 + 32, id="8 columns' NULL bits fit the header's padding"),
        pytest.param([INTEGER] * 9, True, 32 + 36, id="9 columns' do not"),
        pytest.param([varying(126)], False, 24 + 127, id="up to 126 bytes: one byte of length"),
        pytest.param([varying(127)], False, 24 + 131, id="from 127 bytes: four"),
        pytest.param([BOOLEAN, varying(10)], False, 24 + 12, id="short values are not aligned"),
        pytest.param([BOOLEAN, varying(200)], False, 24 + 4 + 204, id="long ones start at a multiple of 4"),
    ],
)
def test_the_length_of_a_tuple(columns, nulls, length):
    assert tuple_bytes(columns, nulls=nulls) == length


def test_ten_million_integers_take_an_index_of_214_mib():
    # https://dba.stackexchange.com/questions/254305: a fresh index on 10,000,000 ints is 214 MB
    assert btree_entry_bytes(4.0) * 10e6 / 2**20 == pytest.approx(214, abs=0.5)


def test_keys_in_random_order_leave_their_pages_emptier():
    assert btree_entry_bytes(8.0, fill=RANDOM_FILL) > 1.28 * btree_entry_bytes(8.0)


def test_a_page_holds_157_rows_of_24_bytes_of_data():
    # (8192 − 24) / (24 + 24 + 4) = 157.08
    assert page_share(48.0) == pytest.approx(8192 / 157)


@pytest.mark.parametrize(
    ("payload", "compression", "tuple_length", "heap", "moved"),
    [
        pytest.param(1980.0, 1.0, 2032, 2048, 0, id="2,032 bytes stay: four to a page"),
        pytest.param(1981.0, 1.0, 72, 8192 / 107, None, id="one more moves out and leaves 18 bytes"),
        pytest.param(5000.0, 5.0, 1056, 8192 / 7, 0, id="what shrinks to 1,004 bytes stays"),
    ],
)
def test_long_payloads_are_compressed_then_moved_out(payload, compression, tuple_length, heap, moved):
    one = row(ROW, payload, compression=compression)
    assert one.tuple_bytes == tuple_length
    assert one.heap_bytes == pytest.approx(heap)
    if moved is None:
        assert payload < one.moved_bytes < 1.1 * payload
    else:
        assert one.moved_bytes == moved


def test_a_large_value_takes_whole_pages_of_pieces():
    # 1,000 pieces of 1,996 bytes, four to a page, and an index entry each
    one = row(ROW, 1996.0 * 1000)
    assert one.moved_bytes == pytest.approx(250 * 8192 + 1000 * btree_entry_bytes(8.0))


def encoded(document):
    """An independent BSON encoder, from bsonspec.org alone."""
    body = b""
    for name, value in document.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            body += b"\x12" + key + struct.pack("<q", value)
        elif isinstance(value, float):
            body += b"\x01" + key + struct.pack("<d", value)
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + key + struct.pack("<i", len(text)) + text
        elif isinstance(value, bytes):
            body += b"\x05" + key + struct.pack("<i", len(value)) + b"\0" + value
        elif isinstance(value, dict):
            body += b"\x03" + key + encoded(value)
        elif isinstance(value, list):
            body += b"\x04" + key + encoded({str(n): item for n, item in enumerate(value)})
        else:
            body += b"\x0a" + key
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def described(document):
    """The same document as elements."""
    elements = []
    for name, value in document.items():
        if isinstance(value, bool):
            elements.append(Element(name, "boolean"))
        elif isinstance(value, int):
            elements.append(Element(name, "int64"))
        elif isinstance(value, float):
            elements.append(Element(name, "double"))
        elif isinstance(value, str):
            elements.append(Element(name, "string", len(value.encode())))
        elif isinstance(value, bytes):
            elements.append(Element(name, "binary", len(value)))
        elif isinstance(value, dict):
            elements.append(Element(name, "document", document_bytes(described(value))))
        elif isinstance(value, list):
            numbered = {str(n): item for n, item in enumerate(value)}
            elements.append(Element(name, "array", document_bytes(described(numbered))))
        else:
            elements.append(Element(name, "null"))
    return elements


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | texts
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_bson_sizes_are_exact(document):
    assert document_bytes(described(document)) == len(encoded(document))


def test_published_bson_documents():
    # the two examples of https://bsonspec.org/faq.html
    assert document_bytes([Element("hello", "string", 5)]) == 22
    array = document_bytes([Element("0", "string", 7), Element("1", "double"), Element("2", "int32")])
    assert document_bytes([Element("BSON", "array", array)]) == 49


def test_kinds_of_fixed_size():
    kinds = {"objectid": 12, "date": 8, "timestamp": 8, "int32": 4, "decimal128": 16, "null": 0}
    for kind, size in kinds.items():
        assert document_bytes([Element("a", kind)]) == 4 + 1 + 2 + size + 1
    assert names_bytes(DOCUMENT) == len("_iduserat")


PEOPLE = {"offline_users": 1e6, "messages_per_s_each": 20 / 86400, "retention_s": 30 * 86400.0}


def test_the_backlog_of_a_million_users():
    kept = backlog(**PEOPLE, payload_bytes=200.0)
    assert kept.messages == pytest.approx(600e6)
    assert kept.messages_per_s == pytest.approx(231.48, abs=0.01)


def test_what_postgres_needs_for_it():
    store = relational_store(backlog(**PEOPLE, payload_bytes=200.0), dead_share=0.0)
    # 24 header + 24 columns + 4 + 200 = 252, aligned 256, line pointer 4: 31 to a page
    assert store.record_bytes == pytest.approx(8192 / 31)
    assert store.index_bytes == btree_entry_bytes(8.0) + btree_entry_bytes(16.0, fill=RANDOM_FILL)
    assert store.bytes == pytest.approx(600e6 * (store.record_bytes + store.index_bytes))
    assert store.all_bytes == 2 * store.bytes
    assert store.record_writes_per_s == pytest.approx(2 * 231.48, abs=0.02)
    assert store.index_writes_per_s == pytest.approx(2 * 231.48, abs=0.02)
    assert store.read_bytes == 7 + 4 * 4 + 24 + 200


def test_what_mongodb_needs_for_it():
    store = document_store(backlog(**PEOPLE, payload_bytes=200.0))
    document = encoded({"user": 1, "payload": "x" * 200})
    # _id: type, name, zero, 12 bytes; at: type, name, zero, 8 bytes
    assert store.record_bytes == len(document) + 17 + 12
    assert store.read_bytes == store.record_bytes
    assert store.all_bytes == pytest.approx(3 * 600e6 * (store.record_bytes + 44))
    assert store.index_writes_per_s == pytest.approx(4 * 231.48, abs=0.02)
    smaller = document_store(backlog(**PEOPLE, payload_bytes=200.0), compression=3.5)
    assert smaller.record_bytes == pytest.approx(store.record_bytes / 3.5)
    assert smaller.read_bytes == store.read_bytes


def test_dead_rows_take_their_room():
    kept = backlog(**PEOPLE, payload_bytes=200.0)
    assert relational_store(kept).bytes == pytest.approx(1.2 * relational_store(kept, dead_share=0.0).bytes)


def test_many_indexes_on_short_messages_make_it_2_to_10_times_the_data():
    # https://www.postgresql.org/message-id/4BC84C77.4080504
    kept = backlog(**PEOPLE, payload_bytes=50.0)
    assert 2 < relational_store(kept, keys=[(16.0, RANDOM_FILL)] * 5).factor < 10


def test_longer_names_cost_their_bytes_in_each_document():
    kept = backlog(**PEOPLE, payload_bytes=200.0)
    longer = [*DOCUMENT[:1], Element("recipient_user_id", "int64"), *DOCUMENT[2:]]
    extra = document_store(kept, elements=longer).record_bytes - document_store(kept).record_bytes
    assert extra == len("recipient_user_id") - len("user")


def test_the_drain_after_an_outage():
    drawn = drain(1e5, 100.0, 250.0, 50.0, read_per_s=1e5, still_coming_per_s=2e4)
    assert drawn.messages == 1e7
    assert drawn.bytes == 2.5e9
    assert drawn.messages_per_s == 220_000
    assert drawn.bytes_per_s == 55e6
    assert drawn.time_s == 125


def test_a_store_slower_than_its_messages_never_catches_up():
    assert drain(1.0, 1.0, 250.0, 60.0, read_per_s=10.0, still_coming_per_s=10.0).time_s == inf
    assert drain(0.0, 1.0, 250.0, 60.0, read_per_s=0.0).time_s == 0


def test_the_comparison_says_which_needs_less_of_what():
    kept = backlog(**PEOPLE, payload_bytes=200.0)
    said = compare(relational_store(kept), document_store(kept)).sentence
    assert said == (
        "PostgreSQL needs 14.3 % less disk over all copies (472 GB against 551 GB); "
        "PostgreSQL needs 50 % less index writes/s (463 against 926); "
        "PostgreSQL needs 5.73 % less to read per message of a drain (247 B against 262 B)."
    )
    other = compare(relational_store(kept), document_store(kept, compression=3.0)).sentence
    assert other.startswith("MongoDB needs 49.9 % less disk over all copies (236 GB against 472 GB)")
    same = compare(relational_store(kept), relational_store(kept)).sentence
    assert same.startswith("both need the same disk over all copies (472 GB)")


sizes = st.integers(0, 100_000).map(float)


@given(st.lists(st.tuples(st.floats(0, 1e7), sizes, st.floats(1, 10)), min_size=1, max_size=6))
def test_draws_are_single_figures_side_by_side(rows):
    def sized(users, payload, compression):
        kept = backlog(users, 1e-3, 86400.0, payload)
        both = compare(
            relational_store(kept, compression=compression), document_store(kept, compression=compression)
        )
        return both.relational.all_bytes, both.document.all_bytes

    columns = [np.array(column) for column in zip(*rows, strict=True)]
    drawn = sized(*columns)
    single = list(zip(*(sized(*one) for one in rows), strict=True))
    assert np.allclose(drawn, single, rtol=1e-12)
    kept = backlog(columns[0], 1e-3, 86400.0, columns[1])
    assert compare(relational_store(kept), document_store(kept)).sentence == ""


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_longer_payload_takes_no_less_in_a_document(first, second):
    short, long = sorted((first, second))
    stored = [document_store(backlog(1e3, 1.0, 10.0, float(size))).bytes for size in (short, long)]
    assert stored[0] <= stored[1]


@given(st.integers(0, 20_000))
def test_a_row_holds_its_payload_and_at_most_a_page_more(payload):
    one = row(ROW, float(payload))
    held = one.heap_bytes + one.moved_bytes
    assert payload < held
    # a tuple over a third of a page leaves up to another's room unused
    assert held < 1.35 * payload + 250
    assert one.tuple_bytes % 8 == 0


@given(st.lists(st.sampled_from([INTEGER, BIGINT, SMALLINT, BOOLEAN]), max_size=12))
def test_a_tuple_is_laid_out_as_c_would(columns: list[Column]):
    # the C compiler's own alignment, by struct: native order pads before each value
    codes = {1: "b", 2: "h", 4: "i", 8: "q"}
    native = struct.calcsize("@" + "".join(codes[int(column.bytes)] for column in columns))
    assert tuple_bytes(columns) == 24 + native
    assert align(float(native), 8) % 8 == 0
