from types import SimpleNamespace

import pytest

from siotool.client.observer import ByteCounts
from siotool.client.pool import WRITE_BUFFER_BYTES, WRITE_BUFFERS_BYTES, Pool


@pytest.fixture
def pool():
    return Pool(ByteCounts())


class Caller:
    """A connection's calls."""

    def __init__(self):
        self.calls = {}
        self.expired = []

    def expire(self, ack_id):
        del self.calls[ack_id]
        self.expired.append(ack_id)


def test_the_more_connections_wait_the_less_each_may_hold(pool):
    assert pool.write_limit == WRITE_BUFFER_BYTES
    pool.paused = 1000
    assert pool.write_limit * pool.paused <= WRITE_BUFFERS_BYTES


def test_calls_that_wait_for_too_long_are_overdue(pool):
    caller = Caller()
    for number in range(4):
        caller.calls[b"%d" % number] = "a call"
        pool.expect(10.0, float(number), caller, b"%d" % number)
    caller.calls[b"9"] = "one with less patience"
    pool.expect(2.0, 0.0, caller, b"9")
    assert [pool.overdue(now, 1.0) for now in (1.0, 1.5, 3.5)] == [0, 2, 4]
    del caller.calls[b"1"]
    assert pool.overdue(3.5, 1.0) == 3
    pool.expire(11.5)
    assert caller.expired == [b"0", b"9"]
    assert pool.overdue(30.0, 1.0) == 2


def test_a_look_at_what_is_overdue_leaves_the_calls_in_the_order_of_their_deadlines(pool):
    caller = Caller()
    for number in range(3):
        caller.calls[b"%d" % number] = "a call"
        pool.expect(10.0, float(number), caller, b"%d" % number)
    assert pool.overdue(5.0, 1.0) == 3
    pool.expire(10.5)
    assert caller.expired == [b"0"]


def test_nothing_is_kept_of_a_timeout_that_no_call_has_any_more(pool):
    """A user's code may give each call a timeout of its own."""
    caller = Caller()
    for number in range(100):
        pool.expect(1.0 + number / 1000, 0.0, caller, b"%d" % number)
    pool.expire(2.0)
    assert not pool._deadlines


def test_calls_are_given_up_at_their_deadlines(pool):
    caller = Caller()
    for ack_id, timeout, now in [(b"0", 10.0, 0.0), (b"1", 1.0, 0.5), (b"2", 10.0, 1.0), (b"3", 1.0, 1.5)]:
        caller.calls[ack_id] = "a call"
        pool.expect(timeout, now, caller, ack_id)
    pool.expire(1.49)
    assert caller.expired == []
    pool.expire(1.5)
    assert caller.expired == [b"1"]
    del caller.calls[b"0"]  # answered
    pool.expire(10.5)
    assert caller.expired == [b"1", b"3"]
    pool.expire(11.0)
    assert caller.expired == [b"1", b"3", b"2"]
    pool.expect(1.0, 20.0, caller, b"9")  # and it goes on
    caller.calls[b"9"] = "a call"
    pool.expire(21.0)
    assert caller.expired == [b"1", b"3", b"2", b"9"]


class Hashable(SimpleNamespace):
    __hash__ = object.__hash__


@pytest.mark.parametrize("revision", [3, 4])
def test_only_an_open_connection_that_has_missed_its_heartbeat_is_closed(pool, revision):
    """Of the older revision whatever comes is a sign of life, of the present one only the server's pings."""
    told = []
    counts, other = ("heard", "pinged") if revision == 3 else ("pinged", "heard")

    def connection(name, *, is_open, lived):
        session = SimpleNamespace(patience_s=45.0)
        return Hashable(
            open=is_open,
            session=session,
            ping=lambda now: None,
            end=lambda reason: told.append((name, reason)),
            **{counts: lived, other: 55.0 if name == "silent" else 0.0},
        )

    pool.revision = revision
    pool.connections |= {
        connection("silent", is_open=True, lived=10.0),
        connection("in time", is_open=True, lived=11.0),
        connection("still opening", is_open=False, lived=0.0),
    }
    pool.beat(55.5)
    assert told == [("silent", "ping_timeout")]


def test_connections_are_looked_at_in_turn_some_at_a_time(pool):
    looked = []

    def connection(number):
        return Hashable(
            open=True,
            pinged=55.0,
            session=SimpleNamespace(patience_s=45.0),
            ping=lambda now: looked.append(number),
        )

    pool.connections |= {connection(number) for number in range(7)}
    for _ in range(3):
        pool.beat(55.5, 0.4)
    assert sorted(looked) == list(range(7))
    pool.beat(55.5, 0.4)
    assert len(looked) == 10, "a new round begins"
    pool.beat(55.5)
    assert len(looked) == 17, "all of them at once"


def test_what_was_read_ahead_is_not_read_again_as_the_second_ends(pool):
    reads = []

    def connection(number, *, stirred=True):
        return SimpleNamespace(
            transport=SimpleNamespace(stirred=stirred, read_wire=lambda: reads.append(number))
        )

    pool.connections = [*(connection(number) for number in range(5)), connection("quiet", stirred=False)]
    assert pool.read_ahead(2)
    assert pool.read_ahead(1)
    assert reads == [0, 1, 2]
    pool.read_wire()
    assert reads == [0, 1, 2, 3, 4]
    pool.read_wire()
    assert len(reads) == 10
    assert not pool.read_ahead(6)
    pool.connections.append(connection("new"))
    pool.read_wire()  # one that has come since is read with the next second
    assert "new" not in reads
    pool.read_wire()
    assert reads.count("new") == 1
    assert len(reads) == 21
