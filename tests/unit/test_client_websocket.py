"""Frames as picows hands them over, and what the transport makes of them."""

import asyncio
import zlib
from time import monotonic
from types import SimpleNamespace

import pytest
from picows import WSMsgType

from siotool.client import tcp
from siotool.client.connection import Connection
from siotool.client.deflate import THRESHOLD_BYTES
from siotool.client.fragments import MESSAGE_BYTES
from siotool.client.identity import Identity
from siotool.client.observer import ByteCounts
from siotool.client.pool import Pool
from siotool.client.throttle import PIECE_BYTES, Throttle
from siotool.client.websocket import FRAMES_OF_A_TURN, PONGS_BYTES, WebSocket
from siotool.protocol.session import Recoverable

TEXT, BINARY, CONTINUATION, CLOSE = (
    WSMsgType.TEXT,
    WSMsgType.BINARY,
    WSMsgType.CONTINUATION,
    WSMsgType.CLOSE,
)
OPEN = b'0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'
JOINED = b'40{"sid":"b"}'


class Diary:
    def __init__(self):
        self.heard = []

    def __getattr__(self, name):
        return lambda *told: self.heard.append((name, *told))


@pytest.fixture
def pool():
    return Pool(ByteCounts())


@pytest.fixture
def socket(pool):
    """The transport of a connection that has joined."""
    connection = Connection(pool, Diary(), {}, Identity())
    found = connection.transport = WebSocket(connection, pool.traffic, 4)
    frame(found, OPEN)
    frame(found, JOINED)
    connection.observer.heard.clear()
    return found


def frame(socket, payload, kind=TEXT, *, fin=True, reserved=0):
    socket.on_ws_frame(
        None,
        SimpleNamespace(
            get_payload_as_bytes=lambda: payload,
            msg_type=kind,
            fin=fin,
            rsv1=reserved == 1,
            rsv2=reserved == 2,
            rsv3=reserved == 3,
        ),
    )


def test_every_byte_of_a_packet_counts_and_shows_that_the_server_lives(socket, pool):
    before = socket._connection.heard
    frame(socket, b'42["tick"]')
    assert pool.traffic.payload_in == len(OPEN + JOINED) + 10
    assert socket._connection.heard > before > 0


@pytest.mark.parametrize("handled", [False, True])
def test_a_known_packet_is_delivered_at_once_unless_a_handler_wants_its_arguments(socket, pool, handled):
    known, taken = Diary(), []
    pool.known[b'42["tick",7]'] = known
    if handled:
        socket._connection.handlers["/", "tick"] = lambda arguments, _reply: taken.append(arguments)
    frame(socket, b'42["tick",7]')
    told = [name for name, *_ in socket._connection.observer.heard]
    assert (len(known.heard), told, taken) == ((0, ["event"], [[7]]) if handled else (1, [], []))


def test_what_was_missed_comes_before_the_session_is_given_back_and_moves_the_offset(pool):
    lost = {"/": Recoverable("p", "offset-1")}
    connection = Connection(pool, Diary(), {}, Identity(), lost)
    socket = connection.transport = WebSocket(connection, pool.traffic, 4)
    frame(socket, OPEN)
    pool.known[b'42["tick","offset-2"]'] = missed = Diary()
    frame(socket, b'42["tick","offset-2"]')
    frame(socket, b'40{"sid":"t","pid":"p"}')
    assert [what for what, *_ in missed.heard] == ["deliver"]
    assert connection.recoverable == {"/": Recoverable("p", "offset-2")}


def test_fragments_make_one_packet_with_control_frames_between(socket):
    frame(socket, b'42["ti', fin=False)
    frame(socket, b"", WSMsgType.PING)
    frame(socket, b'ck",', CONTINUATION, fin=False)
    frame(socket, b"7]", CONTINUATION)
    [(what, name, arguments, *_)] = socket._connection.observer.heard
    assert (what, name, arguments) == ("event", "tick", [7])


@pytest.mark.parametrize(
    ("kind", "payload", "options", "said"),
    [
        *(
            pytest.param(TEXT, b'42["tick"]', {"reserved": bit}, "reserved bits", id=f"reserved bit {bit}")
            for bit in (1, 2, 3)
        ),
        pytest.param(CONTINUATION, b"7]", {}, "continues nothing", id="a continuation of nothing"),
        pytest.param(BINARY, b"x", {}, "no packet announced", id="an attachment of nothing"),
        pytest.param(TEXT, b"<html>", {}, "not an Engine.IO packet", id="no packet"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(socket, kind, payload, options, said):
    frame(socket, payload, kind, **options)
    [(what, remark_of, text)] = socket._connection.observer.heard
    assert (what, remark_of) == ("remark", "protocol_error")
    assert said in text
    assert socket._connection.close_reason == "protocol_error"


def test_a_close_frame_is_no_payload_and_its_code_is_told_once(socket, pool):
    frame(socket, (4001).to_bytes(2, "big") + b"go away", CLOSE)
    frame(socket, (4001).to_bytes(2, "big") + b"go away", CLOSE)
    assert pool.traffic.payload_in == len(OPEN + JOINED)
    [(what, kind, text)] = socket._connection.observer.heard
    assert (what, kind) == ("remark", "closed")
    assert "4001 (go away)" in text
    assert socket._connection.close_reason == "transport_close"


def test_nothing_is_sent_and_nothing_waits_before_it_is_open(socket, pool):
    socket.send(b"3")
    assert (pool.traffic.payload_out, socket.unsent) == (0, 0)
    socket.cut()
    socket.read_wire()
    assert pool.traffic.wire_in == 0


class Socket:
    """What picows gives for an open WebSocket: frames that leave, bytes that wait, and how it was closed."""

    def __init__(self, waiting=0, extensions=""):
        self.waiting = waiting
        self.done = []
        self.pongs = []
        headers = {"Sec-WebSocket-Extensions": extensions} if extensions else {}
        self.response = SimpleNamespace(headers=headers)
        self.request = SimpleNamespace(headers={})

    @property
    def underlying_transport(self):
        return SimpleNamespace(get_write_buffer_size=lambda: self.waiting)

    def send(self, kind, packet, fin=True, compressed=False):
        if kind == CLOSE:
            # a code of 0, which picows sends by itself, is a protocol error to ws
            assert packet == b""
            self.done.append("close frame")
            return
        self.done.append(("compressed", packet) if compressed else packet)

    def send_pong(self, payload):
        self.pongs.append(payload)

    def disconnect(self, graceful=True):
        self.done.append("closed" if graceful else "cut")


@pytest.mark.parametrize(("waiting", "how"), [(0, "closed"), (1, "cut")])
def test_a_close_does_not_wait_for_a_server_that_does_not_read(socket, waiting, how):
    wire = Socket(waiting)
    socket.on_ws_connected(wire)
    socket.close()
    assert wire.done == ["close frame", how]


@pytest.mark.parametrize("given_up", [False, True])
def test_a_socket_that_comes_after_its_connect_was_given_up_is_cut(pool, given_up):
    connection = Connection(pool, Diary(), {}, Identity())
    connection.transport = found = WebSocket(connection, pool.traffic, 4)
    if given_up:
        connection.abandon("timeout")
    wire = Socket()
    found.on_ws_connected(wire)
    assert wire.done == (["cut"] if given_up else [])
    assert connection.phase == "open"


def test_bytes_are_estimated_from_frames_where_the_kernel_counts_none(socket, pool, monkeypatch):
    """A header of two bytes, and four of a mask on what a client sends (RFC 6455 §5.2)."""
    monkeypatch.setattr(tcp, "KERNEL_COUNTS", False)
    socket.on_ws_connected(Socket())
    frame(socket, b'42["tick"]')
    socket.send(b'42["tock",1]')
    assert (pool.traffic.wire_in, pool.traffic.wire_out) == (2 + 10, 2 + 4 + 12)


class Meter:
    """A kernel's counters, and how often they were read."""

    def __init__(self):
        self.readings = 0

    def read(self):
        self.readings += 1
        return 10, 5, 0


def test_the_kernel_is_asked_of_a_connection_only_where_something_moved(socket, pool):
    socket.on_ws_connected(Socket())
    socket._meter = meter = Meter()
    socket.read_wire()
    socket.read_wire()
    assert meter.readings == 1
    frame(socket, b"2")  # answered with a pong
    socket.read_wire()
    socket.read_wire()
    assert meter.readings == 2
    socket.read_wire(last=True)
    assert (meter.readings, pool.traffic.wire_in, pool.traffic.wire_out) == (3, 30, 15)


def test_of_a_connection_that_still_opens_the_kernel_is_asked_each_time(pool):
    """Its handshakes pass below, in TLS and HTTP."""
    connection = Connection(pool, Diary(), {}, Identity())
    found = WebSocket(connection, pool.traffic, 4)
    found._meter = meter = Meter()
    found.read_wire()
    found.read_wire()
    assert meter.readings == 2


# ── compression, and Engine.IO 3 ──────────────────────────────────────────────────────


def compressing(socket, extensions="permessage-deflate"):
    wire = Socket(extensions=extensions)
    socket.on_ws_connected(wire)
    return wire


def packed(message):
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_what_a_server_compressed_counts_as_what_it_was(socket, pool):
    compressing(socket)
    message = b'42["tick","%b"]' % (b"x" * 5000)
    frame(socket, packed(message), reserved=1)
    assert socket._connection.observer.heard[-1][:3] == ("event", "tick", ["x" * 5000])
    assert pool.traffic.payload_in == len(OPEN + JOINED + message)


def test_a_compressed_message_may_come_in_fragments_with_control_frames_between(socket):
    compressing(socket)
    whole = packed(b'42["tick",7]')
    frame(socket, whole[:5], fin=False, reserved=1)
    frame(socket, b"", WSMsgType.PING)
    frame(socket, whole[5:], CONTINUATION)
    assert socket._connection.observer.heard[-1][:3] == ("event", "tick", [7])


def test_a_large_message_of_ours_is_compressed_and_a_small_one_is_not(socket, pool):
    wire = compressing(socket)
    large = b'42["say","%b"]' % (b"x" * THRESHOLD_BYTES)
    socket.send(b"3")
    socket.send(large)
    assert wire.done[0] == b"3"
    assert zlib.decompressobj(-15).decompress(wire.done[1][1] + b"\0\0\xff\xff") == large
    assert pool.traffic.payload_out == 1 + len(large)


@pytest.mark.parametrize(
    ("extensions", "said"),
    [
        pytest.param("x-webkit-deflate-frame", "not offered", id="an extension that was not offered"),
        pytest.param("permessage-deflate; window=3", "window=3", id="a parameter that does not exist"),
        pytest.param("permessage-deflate; server_max_window_bits=16", "=16", id="a window too large"),
        pytest.param("permessage-deflate, permessage-deflate", "not offered", id="twice"),
    ],
)
def test_what_was_not_offered_ends_the_connection(socket, extensions, said):
    compressing(socket, extensions)
    (what, kind, text) = socket._connection.observer.heard[-1]
    assert (what, kind) == ("remark", "protocol_error")
    assert said in text


@pytest.mark.parametrize(
    ("payload", "kind", "reason"),
    [
        pytest.param(b"\xff\xff\xff", TEXT, "protocol_error", id="no compressed data"),
        pytest.param(packed(b"x" * (MESSAGE_BYTES + 1)), TEXT, "too_large", id="a bomb"),
        pytest.param(b"", CLOSE, "protocol_error", id="a control frame that says it is compressed"),
    ],
)
def test_compressed_nonsense_ends_the_connection(socket, payload, kind, reason):
    compressing(socket)
    frame(socket, payload, kind, reserved=1)
    assert socket._connection.close_reason == reason


def test_in_engine_io_3_bytes_are_marked_as_a_message(pool):
    connection = Connection(Pool(ByteCounts(), revision=3), Diary(), {}, Identity())
    found = connection.transport = WebSocket(connection, pool.traffic, 3)
    wire = compressing(found, "")
    frame(found, OPEN)
    frame(found, b"40")
    frame(found, b'451-["photo",{"_placeholder":true,"num":0}]')
    frame(found, b"\x04abc", BINARY)
    assert connection.observer.heard[-1][:3] == ("event", "photo", [b"abc"])
    found.send_binary(b"xyz")
    assert wire.done == [b"\x04xyz"]
    frame(found, b"\x02abc", BINARY)
    assert connection.close_reason == "protocol_error"


def test_a_ping_is_answered_with_its_payload_unless_much_waits_to_be_sent(socket):
    wire = compressing(socket)
    frame(socket, b"are you there", WSMsgType.PING)
    wire.waiting = PONGS_BYTES
    frame(socket, b"still", WSMsgType.PING)
    assert wire.pongs == [b"are you there"]


class Stream:
    """A uvloop transport as far as its reading goes."""

    def __init__(self):
        self.done = []
        self.closed = False
        self.protocol = SimpleNamespace(get_buffer=lambda hint: memoryview(bytearray(10 * PIECE_BYTES)))

    def is_closing(self):
        return self.closed

    def get_protocol(self):
        return self.protocol

    def set_protocol(self, protocol):
        self.protocol = protocol

    def pause_reading(self):
        self.done.append("pause")

    def resume_reading(self):
        self.done.append("resume")


async def flooded(socket, frames, since_s, *, cut=False):
    """What becomes of the stream of a connection that gets so many frames, the first so long ago."""
    stream = Stream()
    socket._frames, socket._turn = 0, monotonic() - since_s
    for _ in range(frames):
        socket.on_ws_frame(
            SimpleNamespace(underlying_transport=stream),
            SimpleNamespace(
                get_payload_as_bytes=lambda: b"6", msg_type=TEXT, fin=True, rsv1=False, rsv2=False, rsv3=False
            ),
        )
    before, stream.closed = list(stream.done), cut
    await asyncio.sleep(0)
    return before, stream


@pytest.mark.parametrize("since_s", [pytest.param(10.0, id="slowly"), pytest.param(0.0, id="as a flood")])
def test_after_some_frames_the_others_have_their_turn(socket, since_s):
    paused, stream = asyncio.run(flooded(socket, FRAMES_OF_A_TURN, since_s))
    assert (paused, stream.done) == (["pause"], ["pause", "resume"])
    # only a flood is read in small pieces from then on
    flood = since_s == 0
    assert isinstance(stream.protocol, Throttle) is flood
    assert len(stream.protocol.get_buffer(-1)) == (1 if flood else 10) * PIECE_BYTES


def test_fewer_frames_are_read_on(socket):
    paused, _ = asyncio.run(flooded(socket, FRAMES_OF_A_TURN - 1, 0.0))
    assert paused == []


def test_a_stream_that_was_cut_in_its_turn_is_not_read_on(socket):
    paused, stream = asyncio.run(flooded(socket, FRAMES_OF_A_TURN, 0.0, cut=True))
    assert (paused, stream.done) == (["pause"], ["pause"])
