from time import time as epoch

import msgspec
import pytest

from siotool.protocol import json_parser
from siotool.swarm import memory_limits
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.nodes import Nodes
from siotool.swarm.receiver import Receiver
from siotool.swarm.switchboard import Switchboard
from tests import frames


class Board(Switchboard):
    def __init__(self):
        self.known = {}
        metrics, nodes = Metrics(DeliveryTracker(1)), Nodes("", [], pytest.fail)
        super().__init__(metrics, self.known, lambda *_: None, pytest.fail, lambda _: None, nodes)


@pytest.fixture
def board():
    return Board()


def event(name, *arguments):
    return b"42" + msgspec.json.encode([name, *arguments])


def arrive(board, payload, times=1):
    """A frame at so many receivers; only the first is decoded when it is known afterwards."""
    for slot in range(times):
        found = board.known.get(payload)
        if found is None:
            packet = json_parser.parse(payload[1:])
            found = board.recognise(*frames.event_of(packet), packet, payload)
        if found is not None:
            found.deliver(Receiver(slot), 20.0)


def booked(board):
    return {o.name: (o.count, o.response.count) for o in board.metrics.close_operations()}


def test_a_frame_is_decoded_once_for_all_users(board):
    board.listen("tick", "")
    payload = event("tick", 1)
    arrive(board, payload)
    assert payload in board.known
    board.listen("tick", "at")  # a frame that is known is not looked at again
    arrive(board, payload, 4)
    assert booked(board) == {"tick": (5, 0)}
    assert board.metrics.undated == 0


@pytest.mark.parametrize(
    ("listened", "name", "count"),
    [
        pytest.param("tick", "tick", 1, id="by its name"),
        pytest.param("*", "tick", 1, id="by any name"),
        pytest.param("tock", "tick", 0, id="not by another name"),
    ],
)
def test_events_are_booked_where_somebody_listens(board, listened, name, count):
    board.listen(listened, "")
    arrive(board, event(name))
    assert booked(board) == ({name: (1, 0)} if count else {})


def test_nothing_is_remembered_of_what_nobody_wants(board):
    arrive(board, event("tick"))
    assert (booked(board), board.known) == ({}, {})


def test_a_name_goes_before_any(board):
    board.listen("*", "")
    board.listen("tick", "at")
    arrive(board, event("tick", {"at": epoch() - 1}))
    arrive(board, event("tock", {"at": epoch() - 1}))
    assert booked(board) == {"tick": (1, 1), "tock": (1, 0)}


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        pytest.param("at", [{"at": "NOW"}], id="a field"),
        pytest.param("meta.sent.at", [{"meta": {"sent": {"at": "NOW"}}}], id="a field of a field"),
        pytest.param(".", ["NOW"], id="the argument itself"),
    ],
)
@pytest.mark.parametrize("scale", [1, 1000])
def test_the_send_time_is_found_by_its_path(board, path, arguments, scale):
    board.listen("tick", path)
    text = msgspec.json.encode(arguments).replace(b'"NOW"', b"%.3f" % ((epoch() - 2) * scale))
    arrive(board, b'42["tick",' + text[1:], 3)
    [operation] = board.metrics.close_operations()
    assert operation.response.count == 3
    assert 1.9 < operation.response.min_s <= operation.response.max_s < 3600
    assert board.metrics.undated == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no argument"),
        pytest.param([{}], id="no such field"),
        pytest.param([{"at": None}], id="nothing in it"),
        pytest.param([{"at": True}], id="a truth value"),
        pytest.param([{"at": "1772359200"}], id="a text"),
        pytest.param([{"at": {"at": 1}}], id="a thing"),
        pytest.param([[1772359200]], id="a list"),
        pytest.param([{"at": 12}], id="a number that is no time"),
        pytest.param([{"at": -1e300}], id="a number from before the world"),
        pytest.param([{"at": 10**400}], id="a number that no float holds"),
    ],
)
def test_every_delivery_without_a_readable_send_time_is_counted_as_such(board, arguments):
    """Trap: only the first of many was, because the frame was known afterwards."""
    board.listen("tick", "at")
    # msgspec writes no number beyond 64 bits
    payload = (
        event("tick", *arguments)
        if arguments != [{"at": 10**400}]
        else (b'42["tick",{"at":1' + b"0" * 400 + b"}]")
    )
    arrive(board, payload, 3)
    assert board.metrics.undated == 3
    assert booked(board) == {"tick": (3, 0)}


def test_a_stamp_of_ours_goes_before_any_listening(board):
    board.listen("*", "")
    text = board.metrics.tracker.publish(1, "say", 10.0, 10.0, receivers=2, discount=0)
    arrive(board, event("said", text), 2)
    assert booked(board) == {"said": (2, 0)}  # counted; not timed, for nobody had joined before


def test_a_stamp_of_an_earlier_run_is_an_event_like_others(board):
    board.listen("said", "")
    text = DeliveryTracker(2).publish(1, "say", 10.0, 10.0, receivers=2, discount=0)
    arrive(board, event("said", text))
    assert booked(board) == {"said": (1, 0)}


def test_an_event_that_asks_for_an_answer_is_looked_at_each_time(board):
    board.listen("tick", "")
    arrive(board, b'4217["tick"]', 2)
    assert board.known == {}
    assert booked(board) == {"tick": (2, 0)}


@pytest.mark.parametrize(
    ("size", "frames"),
    [
        pytest.param(1, 20_000, id="many small ones", marks=pytest.mark.slow),
        pytest.param(50_000, 400, id="some of 50 kB, of which 4,096 would be 200 MB"),
        pytest.param(3_000_000, 4, id="large ones"),
        pytest.param(memory_limits.KNOWN_BYTES, 2, id="one that alone would fill it"),
    ],
)
def test_known_frames_are_bounded_in_bytes(board, size, frames):
    board.listen("tick", "")
    most = 0
    for number in range(frames):
        arrive(board, event("tick", number, "x" * size))
        most = max(most, sum(len(frame) + memory_limits.KNOWN_ENTRY_BYTES for frame in board.known))
    assert most <= memory_limits.KNOWN_BYTES
    assert (most > memory_limits.KNOWN_BYTES / 2) == (size < memory_limits.KNOWN_BYTES)
    assert booked(board) == {"tick": (frames, 0)}


def test_a_large_frame_is_remembered_as_long_as_it_fits(board):
    board.listen("tick", "")
    payload = event("tick", "x" * 1_000_000)
    arrive(board, payload)
    assert payload in board.known
