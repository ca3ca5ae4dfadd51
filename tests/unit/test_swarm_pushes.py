from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.swarm.audience import CHANGING_S, KNOWN_S
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.pushes import reader
from siotool.swarm.receiver import GIVE_UP_S, Receiver

EVENT = "order.done"


class Client:
    """One user that expects events by the number in their field ``id``."""

    def __init__(self):
        self.metrics = Metrics(DeliveryTracker(1))
        self.pushes = self.metrics.pushes
        self.receiver = Receiver(0)
        self.raised = []
        self.pushes.declare(self.receiver, EVENT, reader("id"), self.raised.append)

    def expect(self, key, now):
        self.pushes.expect(self.receiver, EVENT, key, now)

    def arrive(self, key, now, receiver=None):
        push = self.pushes.recognise(EVENT, [{"id": key}])
        if push is not None:
            push.deliver(receiver or self.receiver, now)

    def counts(self, now, final=False):
        self.pushes.settle(now, final=final)
        counts = self.pushes.take_counts()
        return {name: value for name in counts.__struct_fields__ if (value := getattr(counts, name))}


@pytest.mark.parametrize(
    ("acts", "counted"),
    [
        pytest.param([("expect", 10.0), ("arrive", 10.5)], {"received": 1}, id="expected, and come"),
        pytest.param([("expect", 10.0)], {"lost": 1}, id="never come"),
        pytest.param([("arrive", 10.0)], {"misdelivered": 1}, id="never expected"),
        pytest.param(
            [("expect", 10.0), ("arrive", 10.5), ("arrive", 10.6)],
            {"received": 1, "duplicate": 1},
            id="come twice",
        ),
        pytest.param(
            [("arrive", 10.0), ("expect", 10.1)], {"received": 1}, id="come just before it was expected"
        ),
        pytest.param(
            [("arrive", 10.0), ("settle", 11.0 + CHANGING_S), ("expect", 15.0)],
            {"misdelivered": 1, "lost": 1},
            id="come too early to be the one that is expected",
        ),
        pytest.param(
            [("expect", 10.0), ("expect", 10.1), ("arrive", 11.0), ("arrive", 12.0)],
            {"received": 2},
            id="the same key twice, for two of them",
        ),
        pytest.param(
            [("expect", 10.0), ("expect", 10.1), ("arrive", 11.0)],
            {"received": 1, "lost": 1},
            id="the same key twice, for one of them",
        ),
        pytest.param(
            [("expect", 10.0), ("settle", 11.0 + GIVE_UP_S), ("arrive", 45.0)],
            {"lost": 1, "late": 1},
            id="come after it was given up",
        ),
        pytest.param(
            [
                ("expect", 10.0),
                ("arrive", 10.5),
                ("settle", 12.0 + KNOWN_S),
                ("expect", 80.0),
                ("arrive", 81.0),
            ],
            {"received": 2},
            id="a key may be used again",
        ),
    ],
)
def test_events_are_accounted_for_by_their_keys(acts, counted):
    client = Client()
    for act, now in acts:
        if act == "settle":
            client.pushes.settle(now, final=False)
        else:
            getattr(client, act)(7, now)
    assert client.counts(200.0, final=True) == counted


def test_a_time_is_from_the_moment_it_was_expected():
    client = Client()
    client.expect(1, 10.0)
    client.arrive(1, 10.25)
    client.arrive(2, 11.0)
    client.expect(2, 11.1)
    [operation] = client.metrics.close_operations()
    assert (operation.op, operation.name, operation.count) == ("deliver", EVENT, 2)
    assert operation.response.count == 1, "what came before it was expected has no time"
    assert operation.response.max_s == pytest.approx(0.25)


def test_what_is_waited_for_is_pending_and_holds_up_the_leaving():
    client = Client()
    client.expect(1, 10.0)
    assert client.counts(11.0) == {"pending": 1}
    assert client.receiver.waits == 1
    client.arrive(1, 12.0)
    assert client.counts(12.0) == {"received": 1}
    assert client.receiver.waits == 0


def test_a_user_that_has_gone_waits_for_nothing():
    client = Client()
    client.expect(1, 10.0)
    client.pushes.forget_receiver(client.receiver, 11.0)
    assert client.counts(11.0) == {"lost": 1}
    assert client.counts(100.0) == {}
    assert client.receiver.pushes == {}


def test_users_that_expect_no_such_event_are_not_concerned():
    client, other = Client(), Receiver(1)
    client.arrive(1, 10.0, other)
    assert client.counts(20.0) == {}
    assert client.pushes.recognise("another", [{"id": 1}]) is None


def test_a_user_stopped_before_it_could_say_so_may_have_expected_it():
    client = Client()
    client.arrive(1, 10.0)
    client.receiver.unsettled_until = 10.1
    assert client.counts(20.0) == {"received": 1}


@pytest.mark.parametrize(
    ("field", "arguments", "key"),
    [
        pytest.param("id", [{"id": 7}], 7, id="a field"),
        pytest.param("order.id", [{"order": {"id": "x"}}], "x", id="a field of a field"),
        pytest.param(".", ["x"], "x", id="the payload itself"),
        pytest.param("id", ["x"], None, id="no field in a text"),
        pytest.param(lambda first, second: (first, second), [1, 2], (1, 2), id="a function of the arguments"),
    ],
)
def test_a_key_is_read_from_the_arguments(field, arguments, key):
    assert reader(field)(arguments) == key


def test_a_key_that_cannot_be_one_is_said():
    client = Client()
    client.arrive([1], 10.0)
    client.arrive(None, 10.0)
    assert [type(error) for error in client.raised] == [TypeError, LookupError]
    assert client.counts(20.0, final=True) == {}


acts = st.lists(
    st.tuples(st.sampled_from(["expect", "arrive"]), st.integers(1, 3), st.floats(0.001, 20.0)), max_size=40
)


@given(acts)
def test_nothing_is_counted_twice_or_left_out(acts):
    """Each expectation ends in one of received and lost; each arrival in one of four."""
    client, now, done = Client(), 0.0, Counter()
    for act, key, after in acts:
        now += after
        client.pushes.settle(now, final=False)
        getattr(client, act)(key, now)
        done[act] += 1
    counts = Counter(client.counts(now + 1, final=True))
    assert counts["received"] + counts["lost"] == done["expect"]
    came = counts["received"] + counts["duplicate"] + counts["misdelivered"] + counts["late"]
    assert came == done["arrive"]
    assert client.receiver.waits == 0
    assert counts["pending"] == 0
