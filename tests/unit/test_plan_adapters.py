import json
from math import inf

import msgspec
import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.adapters import limits as adapter_limits
from siotool.plan.adapters.laws import (
    ADAPTERS,
    adapter_named,
    backend_rate,
    decoded_per_node,
    hosting_share,
    received_per_node,
)
from siotool.plan.adapters.requests import Requests
from siotool.plan.inputs.fields import ADAPTERS as CHOICES
from tests.unit.bson_documents import Element, document_bytes


@pytest.mark.parametrize(
    ("nodes", "discarded"),
    [
        pytest.param(100, 0.904, id="socket.io#5226: of 100 nodes nine in ten discard a room of 10"),
        pytest.param(200, 0.951, id="socket.io#5226: with twice the nodes it is 95.1 %"),
    ],
)
def test_what_classic_nodes_receive_in_vain(nodes, discarded):
    redis = ADAPTERS["redis"]
    received = received_per_node(redis, 1000.0, 10.0, nodes)
    decoded = decoded_per_node(redis, 1000.0, 10.0, nodes)
    assert received == 1000
    assert 1 - decoded / received == pytest.approx(discarded, abs=0.0005)


def test_a_chat_of_500_by_user_rooms_on_32_nodes():
    # https://github.com/socketio/socket.io-redis-adapter/issues/510
    assert backend_rate(ADAPTERS["redis"], 500.0, 1.0, 32.0) == 16_000


@pytest.mark.parametrize(
    ("name", "received", "decoded", "delivered"),
    [
        pytest.param("none", 0, 0, 0, id="nothing leaves a process without an adapter"),
        pytest.param("cluster", 75, 75, 300, id="the primary leaves the sender out"),
        pytest.param("redis", 100, 43.75, 400, id="every node, but only holders decode"),
        pytest.param("redis-sharded", 43.75, 43.75, 175, id="holders of a room of two: 1 − (3/4)²"),
        pytest.param("redis-streams", 100, 100, 400, id="every node reads and decodes the stream"),
        pytest.param("postgres", 100, 100, 400, id="a node parses its own notification to know it"),
        pytest.param("mongo", 75, 75, 300, id="the change stream's $match leaves the sender out"),
        pytest.param("python-redis", 100, 100, 400, id="every process decodes everything"),
    ],
)
def test_each_law_for_rooms_of_two_on_four_nodes(name, received, decoded, delivered):
    adapter = ADAPTERS[name]
    assert received_per_node(adapter, 100.0, 2.0, 4.0) == pytest.approx(received)
    assert decoded_per_node(adapter, 100.0, 2.0, 4.0) == pytest.approx(decoded)
    assert backend_rate(adapter, 100.0, 2.0, 4.0) == pytest.approx(delivered)


def test_the_hosting_share_is_what_throwing_sessions_at_nodes_gives():
    generator = np.random.Generator(np.random.PCG64(1))
    thrown = generator.integers(0, 8, size=(20_000, 5))
    held = np.mean([len(set(row)) / 8 for row in thrown])
    assert hosting_share(5.0, 8.0) == pytest.approx(held, rel=0.01)


def test_private_rooms_reach_all_in_mode_dynamic_and_one_in_dynamic_private():
    dynamic, private = ADAPTERS["redis-sharded"], ADAPTERS["redis-sharded-private"]
    assert received_per_node(dynamic, 100.0, 1.0, 10.0, private_share=1.0) == 100
    assert received_per_node(private, 100.0, 1.0, 10.0, private_share=1.0) == pytest.approx(10)


@pytest.mark.parametrize(
    ("name", "room", "private", "shards", "namespaces", "delivered"),
    [
        pytest.param("redis", 10.0, 0.0, 3.0, 1.0, 20_000, id="classic: a cluster carries no more"),
        pytest.param("redis-sharded", 1.0, 0.0, 4.0, 1.0, 250, id="rooms are shared out"),
        pytest.param("redis-sharded", inf, 0.0, 4.0, 1.0, 20_000, id="everybody is one channel"),
        pytest.param("redis-sharded", 1.0, 0.5, 4.0, 1.0, 10_125, id="private rooms share one channel"),
        pytest.param("redis-streams", 10.0, 0.0, 4.0, 2.0, 10_000, id="streams go by namespace"),
    ],
)
def test_what_the_busiest_shard_delivers(name, room, private, shards, namespaces, delivered):
    rate = backend_rate(
        ADAPTERS[name], 1000.0, room, 20.0, private_share=private, shards=shards, namespaces=namespaces
    )
    assert rate == pytest.approx(delivered)


EVENT = ["message", "x" * 100]
OPTIONS = {"rooms": ["room42"], "except": [], "flags": {}}
UID = "0123456789abcdef"


def as_json(value):
    return json.dumps(value, separators=(",", ":")).encode()


def bulk(*values):
    return b"".join(
        b"$%d\r\n%s\r\n"
        % (len(v.encode() if isinstance(v, str) else v), v.encode() if isinstance(v, str) else v)
        for v in values
    )


def on_the_wire(name):
    """One delivery, built from the adapter's source and its backend's protocol."""
    data = {"packet": {"type": 2, "data": EVENT}, "opts": OPTIONS}
    message = {"type": 3, "data": data, "uid": UID, "nsp": "/"}
    if name == "cluster":
        return as_json({**message, "source": "_sio_adapter"}) + b"\n"
    if name == "redis":
        packed = msgspec.msgpack.encode(["abcdef", {"type": 2, "data": EVENT, "nsp": "/"}, OPTIONS])
        return b"*4\r\n" + bulk("pmessage", "socket.io#/#*", "socket.io#/#room42#", packed)
    if name.startswith("redis-sharded"):
        return b"*3\r\n" + bulk("smessage", "socket.io#/#room42#", as_json(message))
    if name == "redis-streams":
        fields = ("uid", UID, "nsp", "/", "type", "3", "data", as_json(data))
        return b"*2\r\n" + bulk("1700000000000-0") + b"*8\r\n" + bulk(*fields)
    if name == "postgres":
        return b"A" + bytes(8) + b"socket.io#/\0" + as_json(message) + b"\0"
    assert name == "python-redis"
    emitted = {"method": "emit", "event": EVENT[0], "data": [EVENT[1]], "binary": False}
    emitted |= {"namespace": "/", "room": "room42", "skip_sid": None, "callback": None, "host_id": UID * 2}
    return b"*3\r\n" + bulk("message", "socketio", json.dumps(emitted))


@pytest.mark.parametrize("name", sorted(set(ADAPTERS) - {"none", "mongo"}))
def test_the_envelope_is_what_the_adapter_adds(name):
    assert len(on_the_wire(name)) - len(as_json(EVENT)) == ADAPTERS[name].envelope_bytes


def test_the_envelope_of_a_mongo_change_event():
    def text(name, length):
        return Element(name, "string", length)

    def nested(name, *elements, kind="document"):
        return Element(name, kind, document_bytes(elements))

    number, key = Element("type", "int32"), Element("_id", "objectid")
    event = nested("data", text("0", 7), text("1", 100), kind="array")
    options = nested("opts", nested("rooms", text("0", 6)), nested("except"), nested("flags"))
    data = nested("data", nested("packet", number, event), options)
    document = nested("fullDocument", key, number, data, text("uid", 16), text("nsp", 1))
    # a resume token of a collection keyed by ObjectId, as in MongoDB's examples
    token = (
        "825E446661000000012B022C0100296E5A1004EC1E76078DCE4C489A"
        "2BFE17218EC79F46645F696400645C5D85C62FEF357A165CCABF0004"
    )
    change = document_bytes(
        [
            nested("_id", text("_data", len(token))),
            text("operationType", 6),
            Element("clusterTime", "timestamp"),
            Element("wallTime", "date"),
            document,
            nested("ns", text("db", 4), text("coll", 24)),
            nested("documentKey", key),
        ]
    )
    assert change - len(as_json(EVENT)) == ADAPTERS["mongo"].envelope_bytes


def test_what_is_received_is_not_all_decoded():
    assert received_per_node(ADAPTERS["redis"], 1000.0, 2.0, 4.0) == 1000
    assert decoded_per_node(ADAPTERS["redis"], 1000.0, 2.0, 4.0) == pytest.approx(437.5)


def test_an_unknown_adapter_is_refused_with_the_nearest():
    with pytest.raises(InputError) as error:
        adapter_named("redis-shard")
    assert error.value.hint == "did you mean redis-sharded?"
    assert adapter_named("mongo") is ADAPTERS["mongo"]


def test_every_adapter_that_a_plan_may_name_has_a_record():
    assert set(CHOICES) <= set(ADAPTERS)
    for name, record in ADAPTERS.items():
        assert record.name == name
        assert record.source.split("/")[0] in ("socketio", "miguelgrinberg")
        assert bool(record.ceiling_source) == (name != "none")
        with pytest.raises(AttributeError):
            record.name = "other"


def test_how_long_redis_waits_for_a_slow_node():
    mib = 2**20
    assert adapter_limits.slow_node_s(32.0 * mib) == 1
    assert adapter_limits.slow_node_s(0.1 * mib) == pytest.approx(80 + 60)
    assert list(adapter_limits.slow_node_s(np.array([32.0, 0.0]) * mib)) == [1, inf]


def test_heartbeats_and_attachments():
    assert adapter_limits.heartbeats_per_s(ADAPTERS["mongo"], 51.0) == 10
    assert adapter_limits.heartbeats_per_s(ADAPTERS["postgres"], 50.0) == 10
    assert adapter_limits.heartbeats_per_s(ADAPTERS["redis"], 50.0) == 0
    assert adapter_limits.attachment_rows(10.0, 4.0) == (600, 40)


QUIET = {
    "nodes": 4.0,
    "publishes_per_s": 100.0,
    "message_bytes": 200.0,
    "room_size": 10.0,
    "private_share": 0.0,
    "shards": 1.0,
    "machines": 1.0,
    "binary": False,
    "requests": Requests(0.0),
    "recovery": False,
    "ceiling_per_s": None,
}


#: What a kind of message has, by the names of the tests.
OF_A_KIND = ("publishes_per_s", "message_bytes", "room_size", "private_share", "binary")


def linted(name, **changed):
    """What is said of a fleet with one kind of message."""
    given = QUIET | changed
    per_s, *rest = (given.pop(key) for key in OF_A_KIND)
    one = adapter_limits.Published(name="chat", per_s=per_s, **dict(zip(OF_A_KIND[1:], rest, strict=True)))
    return adapter_limits.lint(ADAPTERS[name], published=[one], **given)


@pytest.mark.parametrize(
    "name", ["redis", "redis-sharded", "redis-streams", "mongo", "python-redis", "cluster"]
)
def test_a_modest_fleet_is_left_in_peace(name):
    assert linted(name) == []


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        pytest.param("none", {}, "4 processes get nothing from each other", id="no adapter"),
        pytest.param("cluster", {"machines": 3.0}, "the other 2 machines", id="cluster on three machines"),
        pytest.param("redis", {"nodes": 1.0}, "One process needs no adapter", id="an adapter for one"),
        pytest.param("redis", {"publishes_per_s": 2e5}, "800,000 messages/s", id="above the ceiling"),
        pytest.param("redis", {"ceiling_per_s": 300.0}, "300 is its maximum.", id="above a typed ceiling"),
        pytest.param("redis", {"shards": 3.0}, "3 shards do not help redis", id="shards for classic"),
        pytest.param(
            "redis-streams", {"shards": 4.0}, "only 1 of 4 would be used", id="streams, one namespace"
        ),
        pytest.param("redis-sharded", {"shards": 2.0, "room_size": inf}, "one channel", id="everybody"),
        pytest.param("redis-sharded", {"private_share": 0.5}, "dynamic-private", id="socket ids"),
        pytest.param("redis", {"publishes_per_s": 20_000.0}, "stops reading for 5.16 s", id="slow node"),
        pytest.param("redis", {"requests": Requests(1.0)}, "deliver 16 messages/s", id="fetchSockets"),
        pytest.param("postgres", {}, "commit one after another", id="the NOTIFY lock"),
        pytest.param("postgres", {"message_bytes": 9e3}, "100 INSERTs/s, 400 SELECTs/s", id="8,000 bytes"),
        pytest.param("postgres", {"binary": True}, "up to 6,000 rows kept", id="binary goes to a table"),
        pytest.param("mongo", {"nodes": 200.0}, "heartbeats alone each node receives 39.8", id="heartbeats"),
        pytest.param("redis", {"recovery": True}, "not supported", id="recovery without support"),
        pytest.param("mongo", {"recovery": True}, "each socket.emit()", id="recovery publishes more"),
        pytest.param("none", {"recovery": True}, "comes back to another one is new", id="memory recovery"),
    ],
)
def test_what_lint_says(name, changed, said):
    found = linted(name, **changed)
    assert any(said in sentence for sentence in found), found
    assert all(sentence.endswith(".") for sentence in found)


def test_a_payload_becomes_a_row_at_8000_bytes_of_json():
    def rows(size):
        found = linted("postgres", message_bytes=size)
        return any("row of a table" in sentence for sentence in found)

    event = as_json(["message", ""])
    message = {
        "type": 3,
        "data": {"packet": {"type": 2, "data": []}, "opts": OPTIONS},
        "uid": UID,
        "nsp": "/",
    }
    around = len(as_json(message)) - len("[]")
    assert len(event) < 8000
    assert not rows(7999 - around)
    assert rows(8000 - around)


#: A key stroke a second and a photo a day, of 10,000 sessions: bytes with the name and brackets around them.
TYPING = adapter_limits.Published(name="typing", per_s=10_000.0, message_bytes=64 + 6 + 7, room_size=10.0)
PHOTO = adapter_limits.Published(
    name="photo", per_s=10_000 / 86_400, message_bytes=1_000_000 + 5 + 7, room_size=10.0
)


def both(name):
    given = {key: value for key, value in QUIET.items() if key not in OF_A_KIND}
    return " ".join(adapter_limits.lint(ADAPTERS[name], published=[TYPING, PHOTO], **given))


def test_a_slow_node_is_sent_each_kind_as_often_as_it_is_published():
    """All 10,000 messages a second were taken for photos: dropped after 3.4 ms."""
    # 10,000 × (77 + 125) B + 0.1157 × (1,000,012 + 125) B = 2.14 MB/s; 32 MiB are 15.7 s of it
    assert "stops reading for 15.7 s" in both("redis")


def test_only_what_is_large_becomes_a_row():
    """All 10,000 publishes a second were rows: 600,000 of them."""
    said = both("postgres")
    # 10,000 a day are 0.1157/s; each is read by 4 nodes and kept for 60 s
    assert "Each publish of photo becomes a row of a table (1 MB is over the 8,000 bytes" in said
    assert "0.116 INSERTs/s, 0.463 SELECTs/s by the nodes, up to 6.94 rows kept" in said
    assert "Each of 10,000 publishes/s is a transaction" in said


def test_the_backend_delivers_each_kind_to_its_own_receivers():
    """All were counted as the kind that is published most: a room of 2 for what goes to everybody."""
    pair = adapter_limits.Published(name="pair", per_s=1000.0, message_bytes=100.0, room_size=2.0)
    news = adapter_limits.Published(name="news", per_s=999.0, message_bytes=100.0, room_size=inf)
    given = {key: value for key, value in QUIET.items() if key not in OF_A_KIND} | {"nodes": 100.0}
    # a pair is on 100 × (1 − 0.99²) = 1.99 nodes of 100, news on all
    rate = 1000 * 100 * (1 - 0.99**2) + 999 * 100
    said = adapter_limits.lint(
        ADAPTERS["redis-sharded"], published=[pair, news], **(given | {"ceiling_per_s": 100_000.0})
    )
    assert any(f"deliver {rate:,.0f} messages/s" in sentence for sentence in said), said
