"""Which server each connection is on, and what arrives on one server and across servers."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.node_totals import NodeTotals, relation
from siotool.swarm.nodes import Nodes
from siotool.swarm.receipts_by_node import parted
from siotool.swarm.receiver import Receiver
from siotool.swarm.worker_report import Presence, Receipt, packed_delays, unpacked_delays

RUN, ROOM = 0xC0FFEE, 7


def receiver(slot: int, node: str, joined_at: float = 1.0) -> Receiver:
    found = Receiver(slot)
    found.move(node, joined_at)
    found.joined_at = joined_at
    return found


# ── names ─────────────────────────────────────────────────────────────────────────────


def test_a_header_names_the_node_and_its_lack_is_told() -> None:
    said: list[tuple[str, str]] = []
    nodes = Nodes("X-Served-By", ["http://a", "http://b"], lambda *what: said.append(what))
    assert nodes.header == "x-served-by"
    assert nodes.named([" web-1 "]) == "web-1"
    assert nodes.named(["edge", "web-2"]) == "edge, web-2"
    assert nodes.named(["web-1"]) is nodes.named([b"web-1".decode()]), "each name is kept once"
    assert nodes.of_target(1) == "", "a header goes before the URL"
    assert said == []
    assert nodes.named([]) == ""
    assert said == [("server_header", "a server opened a session without the header x-served-by")]


def test_a_header_that_is_another_one_each_time_is_no_name_of_servers() -> None:
    said: list[str] = []
    nodes = Nodes("X-Request-Id", [], lambda kind, text: said.append(text))
    names = [nodes.named([f"{number}"]) for number in range(200)]
    assert (len(set(names)), names[-1]) == (101, "")
    assert nodes.named(["7"]) == "7", "the first ones go on being known"
    assert set(said) == {"more than 100 names in the header x-request-id: is it one per server?"}


@pytest.mark.parametrize(
    ("urls", "node"), [(["http://a", "http://b"], "http://b"), (["http://a"], ""), ([], "")]
)
def test_without_a_header_several_urls_are_the_nodes(urls: list[str], node: str) -> None:
    assert Nodes("", urls, pytest.fail).of_target(len(urls) - 1) == node


def test_a_message_belongs_to_the_node_that_its_receiver_was_on_when_it_was_sent() -> None:
    metrics = Metrics(DeliveryTracker(RUN, by_node=True))
    user = Receiver(0)
    for joined, left, node in ((1.0, 2.0, "one"), (3.0, 4.0, "two"), (5.0, 6.0, "two")):
        metrics.join(user, joined, node=node)
        metrics.leave(user, left)
    metrics.join(user, 7.0, node="one")
    assert [user.node_at(sent) for sent in (1.0, 1.9, 2.5, 3.5, 5.5, 6.5, 8.0)] == [
        *("one", "one"),
        *("two", "two", "two"),
        *("one", "one"),
    ]
    assert metrics.take_presence()[:2] == [Presence(1.0, 1, 0, "one"), Presence(2.0, -1, 0, "one")]
    metrics.leave(user, 100.0)
    metrics.join(user, 101.0, node="three")
    assert user.earlier_nodes == ((100.0, "one"),), "what is that old does not come any more"


# ── receipts ──────────────────────────────────────────────────────────────────────────


def test_messages_to_all_are_told_by_node() -> None:
    tracker = DeliveryTracker(RUN, by_node=True)
    text = tracker.publish(9, "say", 10.0, 10.0, 3, 0, "one")
    assert tracker.take_published()[0].node == "one"
    message: Any = tracker.seen(text.encode(), "say")
    at = {"one": [receiver(0, "one"), receiver(1, "one")], "two": [receiver(2, "two")]}
    newcomer = receiver(3, "two", joined_at=20.0)
    for number, user in enumerate([at["one"][0], at["two"][0], newcomer, at["one"][1], at["two"][0]], 1):
        message.deliver(user, 10.0 + number)
    list(tracker.arrivals())
    first, second = tracker.take_receipts()
    assert (first.node, first.due, first.undue, first.duplicate) == ("one", 2, 1, 1)
    assert (second.node, second.due, second.undue, second.duplicate) == ("two", 1, 0, 0)
    assert unpacked_delays([first.delays]).tolist() == [1.0, 4.0]
    assert unpacked_delays([second.delays]).tolist() == [2.0]
    message.deliver(receiver(4, "two"), 12.0)
    assert [(part.node, part.due) for part in tracker.take_receipts()] == [("two", 1)]


def test_a_member_that_leaves_is_taken_from_the_node_it_was_on() -> None:
    tracker = DeliveryTracker(RUN, by_node=True)
    members = [receiver(slot, node) for slot, node in enumerate(("one", "two", "two"))]
    for member in members:
        tracker.audiences.join(member, ROOM, 5.0)
    assert [step.node for step in tracker.take_presence()] == ["one", "two", "two"]
    text = tracker.publish_to(members[0], 9, ROOM, "say", 10.0, 10.0, includes_sender=False)
    message: Any = tracker.seen(text.encode(), "say")
    for member in members[1:]:
        message.deliver(member, 10.5)
    assert [(part.node, part.due) for part in tracker.take_receipts()] == [("two", 2)]
    for member in members[:2]:
        tracker.audiences.leave(member, ROOM, 11.0)
    found = {part.node: (part.due, part.undue, part.expected) for part in tracker.take_receipts()}
    # the sender was not expected to have it to begin with; what was not due is told with the first
    assert found == {"two": (-1, 1, 0), "one": (0, 0, 1)}
    assert [(step.change, step.node) for step in tracker.take_presence()] == [(-1, "one"), (-1, "two")]


def test_receipts_are_whole_where_no_node_is_known() -> None:
    whole = Receipt(9, 1, 2, 1, packed_delays(np.array([0.5, 1.5])), 3, 4, ROOM, 5, 1)
    assert parted(whole, ()) == [whole]
    assert parted(whole, ["", ""], [""], [""]) == [whole]
    untimed = parted(Receipt(9, 1, 2, 0), ["a", "b"])
    assert [(part.node, part.due, part.delays) for part in untimed] == [("a", 1, b""), ("b", 1, b"")]


def test_nothing_is_kept_of_nodes_unless_they_are_asked_for() -> None:
    tracker = DeliveryTracker(RUN)
    text = tracker.publish(9, "say", 10.0, 10.0, 1, 0)
    message: Any = tracker.seen(text.encode(), "say")
    room: Any = tracker.seen(
        tracker.publish_to(receiver(0, ""), 9, ROOM, "say", 10.0, 10.0, includes_sender=True).encode(), "say"
    )
    assert not hasattr(message, "nodes")
    assert not hasattr(room, "nodes")


# ── totals ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sender", "other", "found"),
    [
        ("a", "a", "same"),
        ("a", "b", "across"),
        ("", "b", "unknown"),
        ("a", "", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_two_nodes_are_the_same_or_not_or_one_is_unknown(sender: str, other: str, found: str) -> None:
    assert relation(sender, other) == found


def test_totals_are_by_relation_with_their_times() -> None:
    totals = NodeTotals()
    delays = [("a", packed_delays(np.array([0.25, 0.5]))), ("b", packed_delays(np.array([-0.001])))]
    totals.add("a", Counter(a=2, b=1), [("b", 4), ("", 1)], delays)
    found = totals.close(2)
    assert (found.nodes, found.same.expected, found.same.received, found.same.lost) == (2, 2, 2, 0)
    assert (found.across.expected, found.across.received, found.across.lost) == (5, 1, 4)
    assert (found.unknown.expected, found.unknown.lost) == (1, 1)
    assert found.same.response.max_s == 0.5
    assert found.across.response.max_s == 0.0, "clocks may differ by that"
