"""The backlog of users that are offline: what a message takes in each kind of store, to the byte."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.documents import money_sections
from siotool.plan.storage.offline import all_bytes, storage
from siotool.plan.storage.stores import (
    DEAD_SHARE,
    ORDERED_FILL,
    RANDOM_FILL,
    btree_entry_bytes,
    document_store,
    page_share,
    relational_store,
    row_bytes,
)
from tests.unit.bson_documents import Element, document_bytes


def test_ten_million_integers_take_an_index_of_214_mib():
    # https://dba.stackexchange.com/questions/254305: a fresh index on 10,000,000 ints is 214 MB
    assert btree_entry_bytes(4.0, ORDERED_FILL) * 10e6 / 2**20 == pytest.approx(214, abs=0.5)


def test_keys_in_random_order_leave_their_pages_emptier():
    assert btree_entry_bytes(8.0, RANDOM_FILL) > 1.28 * btree_entry_bytes(8.0, ORDERED_FILL)


def test_a_page_holds_157_rows_of_24_bytes_of_data():
    # (8192 − 24) / (24 + 24 + 4) = 157.08
    assert page_share(48.0) == pytest.approx(8192 / 157)


@pytest.mark.parametrize(
    ("payload", "tuple_length", "moved"),
    [
        pytest.param(126.0, 24 + 24 + 127, 0, id="up to 126 bytes: one byte of length"),
        pytest.param(127.0, 24 + 24 + 131, 0, id="from 127 bytes: four"),
        pytest.param(1980.0, 2032, 0, id="2,032 bytes stay: four to a page"),
        pytest.param(1981.0, 72, None, id="one more moves out and leaves 18 bytes"),
    ],
)
def test_long_payloads_are_moved_out(payload, tuple_length, moved):
    heap, out = row_bytes(payload)
    assert heap == page_share(float(tuple_length))
    if moved is None:
        assert payload < out < 1.1 * payload
    else:
        assert out == moved


def test_a_large_value_takes_whole_pages_of_pieces():
    # 1,000 pieces of 1,996 bytes, four to a page, and an index entry each
    _, moved = row_bytes(1996.0 * 1000)
    assert moved == pytest.approx(250 * 8192 + 1000 * btree_entry_bytes(8.0, ORDERED_FILL))


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


KEYS = {
    "workload.connections": "1k",
    "storage.offline_users": "1M",
    "storage.messages": "20/d",
    "storage.retention": "30d",
    "storage.message_size": "200B",
    "storage.replicas": "3",
}


def test_the_backlog_of_a_million_users(plan_inputs):
    kept = storage(plan_inputs(KEYS), draws=100, seed=1)
    assert kept.messages == pytest.approx(600e6)
    assert kept.messages_per_s == pytest.approx(231.48, abs=0.01)
    rows, documents = kept.stores
    assert rows.bytes == pytest.approx(600e6 * (rows.record_bytes + rows.index_bytes + rows.dead_bytes))
    assert documents.dead_bytes == 0
    assert rows.all_bytes == rows.all_bytes_p95 == pytest.approx(3 * rows.bytes)
    assert rows.record_writes_per_s == pytest.approx(2 * 231.48, abs=0.02)
    assert rows.index_writes_per_s == pytest.approx(2 * 231.48, abs=0.02)
    assert documents.index_writes_per_s == pytest.approx(4 * 231.48, abs=0.02)
    assert documents.drain_bytes == pytest.approx(600e6 * 262)
    assert documents.drain_bytes_per_s == pytest.approx(600e6 * 262 / 3600)


def test_a_message_of_a_conversation_is_kept_once_and_read_by_all(plan_inputs):
    alone = storage(plan_inputs(KEYS), draws=100, seed=1)
    shared = storage(
        plan_inputs(KEYS | {"storage.readers": "10", "storage.drain_rate": "100k/s"}), draws=100, seed=1
    )
    assert shared.messages == pytest.approx(alone.messages / 10)
    assert shared.messages_per_s == pytest.approx(alone.messages_per_s / 10)
    assert shared.stores[0].all_bytes == pytest.approx(alone.stores[0].all_bytes / 10)
    # what is read is not less
    assert shared.stores[0].drain_bytes == pytest.approx(alone.stores[0].drain_bytes)
    assert shared.drain_messages_per_s == pytest.approx(600e6 / 3600)
    assert (alone.drain_s, shared.drain_s) == (None, pytest.approx(6000))
    said = [
        " ".join(block.text for block in money_sections.storage(one).blocks[:-1]) for one in (alone, shared)
    ]
    assert ["The servers take 1.67 h for it." in words for words in said] == [False, True]


@pytest.mark.parametrize(
    ("kind", "other", "dead_share"), [("document", 0, 0.0), ("relational", 1, DEAD_SHARE)]
)
def test_what_a_message_was_measured_to_take_stands_for_the_formula_of_its_kind(
    plan_inputs, kind, other, dead_share
):
    """PouchDB Server keeps each document twice, which is in no formula for MongoDB."""
    chosen = KEYS | {"storage.kind": kind}
    formula, kept = (
        storage(plan_inputs(chosen | more), draws=100, seed=1)
        for more in ({}, {"storage.stored_size": "700B"})
    )
    (mine,) = (store for store in kept.stores if store.kind == kind)
    assert (mine.chosen, mine.name) == (True, f"the {kind} store as measured")
    assert mine.bytes == pytest.approx(600e6 * 700 * (1 + dead_share))
    assert kept.stores[other] == formula.stores[other]
    writes = {store.kind: store.record_writes_per_s for store in formula.stores}
    assert mine.record_writes_per_s == writes[kind]


def test_a_measured_size_is_that_of_a_store_that_is_named(plan_inputs):
    with pytest.raises(InputError, match="no kind is chosen"):
        storage(plan_inputs(KEYS | {"storage.stored_size": "700B"}), draws=100, seed=1)


def test_what_postgres_needs_for_a_message():
    store = relational_store(200.0)
    # 24 header + 24 columns + 4 + 200 = 252, aligned 256, line pointer 4: 31 to a page; dead rows on top
    assert store.record_bytes == pytest.approx(8192 / 31)
    index = btree_entry_bytes(8.0, ORDERED_FILL) + btree_entry_bytes(16.0, RANDOM_FILL)
    assert store.index_bytes == pytest.approx(index)
    assert store.dead_bytes == pytest.approx(DEAD_SHARE * (8192 / 31 + index))
    assert store.read_bytes == 7 + 4 * 4 + 24 + 200


def test_what_mongodb_needs_for_a_message():
    store = document_store(200.0)
    document = encoded({"user": 1, "payload": "x" * 200})
    # _id: type, name, zero, 12 bytes; at: type, name, zero, 8 bytes
    assert store.record_bytes == store.read_bytes == len(document) + 17 + 12
    assert store.index_bytes == 12 + 16 + 2 * 8


def test_the_comparison_says_which_needs_less_of_what(plan_inputs):
    assert storage(plan_inputs(KEYS), draws=100, seed=1).sentence == (
        "MongoDB needs 22.2 % less disk over all copies (551 GB against 708 GB); "
        "PostgreSQL needs 50 % less index writes/s (463 against 926); "
        "PostgreSQL needs 5.73 % less to read per message of a drain (247 B against 262 B)."
    )


def test_what_both_need_alike_is_said(plan_inputs):
    said = storage(plan_inputs(KEYS | {"storage.messages": "0/d"}), draws=100, seed=1).sentence
    assert said.startswith("both need the same disk over all copies (0 B); both need the same index writes/s")


sizes = st.integers(0, 100_000).map(float)


@given(st.lists(st.tuples(st.floats(0, 1e7), sizes), min_size=1, max_size=6))
def test_draws_are_single_figures_side_by_side(rows):
    def sized(users, payload):
        values = {
            "storage.offline_users": users,
            "storage.messages": 1e-3,
            "storage.retention": 86400.0,
            "storage.replicas": 2.0,
            "storage.readers": 1.0,
        }
        return [all_bytes(store(payload), values) for store in (relational_store, document_store)]

    drawn = sized(*(np.array(column) for column in zip(*rows, strict=True)))
    single = list(zip(*(sized(*one) for one in rows), strict=True))
    assert np.allclose(drawn, single, rtol=1e-12)


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_longer_payload_takes_no_less_in_a_document(first, second):
    short, long = sorted((first, second))
    assert document_store(float(short)).record_bytes <= document_store(float(long)).record_bytes


@given(st.integers(0, 20_000))
def test_a_row_holds_its_payload_and_at_most_a_page_more(payload):
    held = sum(row_bytes(float(payload)))
    assert payload < held
    # a tuple over a third of a page leaves up to another's room unused
    assert held < 1.35 * payload + 250
