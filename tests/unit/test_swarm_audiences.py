import tracemalloc

import numpy as np
import pytest

from siotool.protocol import stamp
from siotool.swarm.audience import CHANGING_S
from siotool.swarm.audience_totals import class_of
from siotool.swarm.deliveries import DeliveryAggregator
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.presence import PresenceLevel
from siotool.swarm.receiver import GIVE_UP_S, Receiver
from siotool.swarm.worker_report import Presence, Publication, Receipt, packed_delays, unpacked_delays
from tests.unit.test_swarm_aggregator import part

RUN, ROOM, OTHER_ROOM, SENDER = 7, 70, 71, 5
W = CHANGING_S


def user(slot=0, joined=0.0):
    receiver = Receiver(slot)
    receiver.joined_at = joined
    return receiver


def arrive(tracker, receiver, sent, now=None, seq=1, room=ROOM):
    text = stamp.write(RUN, SENDER, seq, sent, sent - 0.25, room)
    message = tracker.seen(b'42["say","%b"]' % text.encode(), "say")
    assert message is not None
    message.deliver(receiver, sent + 0.1 if now is None else now)


def counts(tracker, at, final=False):
    """What is to be reported, without what is 0."""
    tracker.audiences.settle(at, final=final)
    found = {}
    for receipt in tracker.take_receipts(timed=False):
        for name in ("due", "undue", "misdelivered", "duplicate", "reordered", "expected"):
            if value := getattr(receipt, name):
                found[name] = found.get(name, 0) + value
    return found


@pytest.mark.parametrize(
    ("joins", "leaves", "sent", "arrived", "came"),
    [
        pytest.param((10.0, 0.0), None, 10.0, 10.1, "due", id="sent as the join was declared"),
        pytest.param((10.0, 0.0), None, 9.9, 10.1, "undue", id="sent before, and come after"),
        pytest.param((10.0, W), None, 10.5, 10.6, "undue", id="the join was not acknowledged: not yet"),
        pytest.param((10.0, W), None, 10.0 + W, 13.0, "due", id="and two seconds later"),
        pytest.param((10.0, 0.0), 20.0, 19.0 - W, 20.1, "due", id="sent well before the leave"),
        pytest.param((10.0, 0.0), 20.0, 19.0, 20.1, "undue", id="sent shortly before the leave"),
        pytest.param((10.0, 0.0), 20.0, 21.0, 21.1, "undue", id="sent shortly after it"),
        pytest.param((10.0, 0.0), 20.0, 20.1 + W, 22.5, "misdelivered", id="sent well after it"),
        pytest.param((10.0, 0.0), 20.0, 15.0, 40.0, "due", id="sent while a member, and very late"),
        pytest.param((10.0, 0.0), None, 7.0, 10.0 - W, "undue", id="come shortly before the join"),
        pytest.param((10.0, 0.0), None, 7.0, 9.9 - W, "misdelivered", id="come well before it"),
        pytest.param(None, None, 10.0, 10.1, "misdelivered", id="come to one who never joins"),
        pytest.param(None, 10.5, 10.0, 10.1, "undue", id="a join that was not acknowledged, and given up"),
    ],
)
def test_what_comes_to_a_user_is_judged_by_its_memberships(joins, leaves, sent, arrived, came):
    tracker, receiver = DeliveryTracker(RUN), user()
    acts = [(arrived, lambda: arrive(tracker, receiver, sent, arrived))]
    if joins:
        acts.append((joins[0], lambda: tracker.audiences.join(receiver, ROOM, *joins)))
    if leaves:
        acts.append((leaves, lambda: tracker.audiences.leave(receiver, ROOM, leaves)))
    for _, act in sorted(acts, key=lambda pair: pair[0]):
        act()
    assert counts(tracker, 100.0) == {came: 1}


def test_what_came_just_now_is_not_judged_before_its_user_may_have_joined():
    tracker, receiver = DeliveryTracker(RUN), user()
    arrive(tracker, receiver, 10.0, 10.1)
    assert counts(tracker, 10.1 + W / 2) == {}
    assert counts(tracker, 10.2 + W) == {"misdelivered": 1}
    arrive(tracker, receiver, 10.0, 20.0)
    assert counts(tracker, 30.0) == {"duplicate": 1}


def test_the_end_of_the_run_judges_at_once():
    tracker, receiver = DeliveryTracker(RUN), user()
    arrive(tracker, receiver, 10.0, 10.1)
    assert counts(tracker, 10.2, final=True) == {"misdelivered": 1}


def test_a_room_knows_nothing_of_another():
    tracker, receiver = DeliveryTracker(RUN), user()
    tracker.audiences.join(receiver, OTHER_ROOM, 1.0)
    arrive(tracker, receiver, 10.0, room=ROOM)
    arrive(tracker, receiver, 10.0, room=OTHER_ROOM, seq=2)
    assert counts(tracker, 100.0) == {"misdelivered": 1, "due": 1}


def test_a_member_that_leaves_takes_back_what_it_had_been_expected_to_get():
    tracker, receivers = DeliveryTracker(RUN), [user(slot) for slot in range(3)]
    for receiver in receivers:
        tracker.audiences.join(receiver, ROOM, 1.0)
    arrive(tracker, receivers[0], 10.0)
    arrive(tracker, receivers[1], 10.0)
    assert counts(tracker, 10.2) == {"due": 2}
    tracker.audiences.leave(receivers[0], ROOM, 10.5)  # it had it
    tracker.audiences.leave(receivers[2], ROOM, 10.5)  # it had not
    assert counts(tracker, 10.6) == {"due": -1, "undue": 1}
    steps = tracker.take_presence()
    assert [(step.at, step.change) for step in steps] == [(1.0, 1)] * 3 + [(10.5 - W, -1)] * 2


def test_a_sender_that_is_left_out_and_leaves_is_not_taken_off_twice():
    tracker, sender = DeliveryTracker(RUN), user()
    tracker.audiences.join(sender, ROOM, 1.0)
    tracker.publish_to(sender, SENDER, ROOM, "say", 10.0, 10.0, includes_sender=False)
    assert [published.discount for published in tracker.take_published()] == [1]
    tracker.audiences.leave(sender, ROOM, 10.5)
    assert counts(tracker, 10.6) == {"expected": 1}


def test_a_copy_to_a_sender_that_is_to_be_left_out_is_misdelivered():
    tracker, sender = DeliveryTracker(RUN), user()
    tracker.audiences.join(sender, ROOM, 1.0)
    text = tracker.publish_to(sender, SENDER, ROOM, "say", 10.0, 10.0, includes_sender=False)
    message = tracker.seen(text.encode(), "say")
    for now in (10.1, 10.2):
        message.deliver(sender, now)
    assert counts(tracker, 100.0) == {"misdelivered": 1, "duplicate": 1}


@pytest.mark.parametrize(
    ("seqs", "duplicate", "reordered"),
    [
        pytest.param([1, 2, 3], 0, 0, id="in order"),
        pytest.param([1, 1, 2, 1], 2, 0, id="the first three times"),
        pytest.param([1, 3, 2], 0, 1, id="one overtaken"),
        pytest.param([3, 2, 1], 0, 2, id="backwards"),
        pytest.param([1, 9], 0, 0, id="those between went to other rooms"),
        pytest.param([900, 1, 400], 0, 2, id="long after"),
    ],
)
def test_messages_of_a_sender_to_a_room_come_once_and_in_order(seqs, duplicate, reordered):
    tracker, receiver = DeliveryTracker(RUN), user()
    tracker.audiences.join(receiver, ROOM, 1.0)
    for seq in seqs:
        arrive(tracker, receiver, 10.0 + seq / 1000, seq=seq)
    found = counts(tracker, 20.0)
    assert (found.get("duplicate", 0), found.get("reordered", 0)) == (duplicate, reordered)
    assert found["due"] == len(set(seqs))


def test_a_lost_connection_ends_memberships_and_a_recovered_session_has_the_last_ones():
    """Trap: a recovered session took up the rooms of an earlier connection too."""
    tracker, receiver = DeliveryTracker(RUN), user()
    audiences = tracker.audiences
    audiences.join(receiver, OTHER_ROOM, 1.0)
    audiences.end(receiver, 2.0, gone=False)
    audiences.join(receiver, ROOM, 3.0)
    audiences.end(receiver, 10.0, gone=False)
    tracker.take_presence()
    audiences.recover(receiver, 11.0)
    assert tracker.take_presence() == [Presence(11.0, 1, ROOM)]
    arrive(tracker, receiver, 10.5, 11.1)  # sent while it was away, and replayed
    arrive(tracker, receiver, 12.0, seq=2)
    assert counts(tracker, 20.0) == {"undue": 1, "due": 1}


def test_a_user_that_has_gone_is_told_nothing_that_is_a_fault():
    tracker, receiver = DeliveryTracker(RUN), user()
    tracker.audiences.join(receiver, ROOM, 1.0)
    tracker.audiences.end(receiver, 10.0, gone=True, waiting=False)
    arrive(tracker, receiver, 14.0)
    arrive(tracker, receiver, 14.0, room=OTHER_ROOM, seq=2)
    assert counts(tracker, 20.0) == {"undue": 1, "misdelivered": 1}


def test_a_user_that_is_stopped_while_it_joins_is_in_no_wrong_room():
    """Trap: its call was answered, but it was stopped before it could say so."""
    tracker, receiver = DeliveryTracker(RUN), user()
    arrive(tracker, receiver, 10.0)
    tracker.audiences.end(receiver, 10.2, gone=True, waiting=True)
    arrive(tracker, receiver, 10.3, seq=2)
    assert counts(tracker, 20.0) == {"undue": 2}


def test_a_join_that_reaches_the_loop_after_its_user_has_gone_counts_for_nothing():
    tracker, receiver = DeliveryTracker(RUN), user()
    tracker.audiences.end(receiver, 10.0, gone=True, waiting=False)
    tracker.audiences.join(receiver, ROOM, 10.1)
    arrive(tracker, receiver, 10.2)
    assert tracker.take_presence() == []
    assert counts(tracker, 20.0) == {"undue": 1}


def test_a_slot_used_again_is_in_no_room_of_its_last_user():
    tracker, first = DeliveryTracker(RUN), user(3)
    tracker.audiences.join(first, ROOM, 1.0)
    tracker.audiences.end(first, 2.0, gone=True)
    tracker.audiences.forget_receiver(first, 3.0)
    arrive(tracker, user(3), 10.0)
    assert counts(tracker, 100.0) == {"misdelivered": 1}


def test_caught_up_waits_for_members_and_not_for_those_who_left():
    tracker, receivers = DeliveryTracker(RUN), [user(slot) for slot in range(3)]
    for receiver in receivers:
        tracker.audiences.join(receiver, ROOM, 1.0)
    text = tracker.publish_to(receivers[0], SENDER, ROOM, "say", 10.0, 10.0, includes_sender=True)
    message = tracker.seen(text.encode(), "say")
    for receiver in receivers[:2]:
        assert not tracker.caught_up(11.0)
        message.deliver(receiver, 10.1)
    tracker.audiences.leave(receivers[2], ROOM, 10.2)
    assert tracker.caught_up(11.0)


def test_a_message_that_could_not_be_sent_was_never_there():
    tracker, sender = DeliveryTracker(RUN), user()
    tracker.audiences.join(sender, ROOM, 1.0)
    for _ in range(2):
        tracker.publish_to(sender, SENDER, ROOM, "say", 10.0, 10.0, includes_sender=True)
    tracker.withdraw(sender)
    assert [published.seq for published in tracker.take_published()] == [1]
    text = tracker.publish_to(sender, SENDER, ROOM, "say", 12.0, 12.0, includes_sender=True)
    assert stamp.find(text.encode(), RUN).seq == 2


def test_steps_that_come_out_of_order_are_put_in_order():
    level = PresenceLevel()
    for at, change in ((1.0, 1), (5.0, 1), (3.0, -1), (2.0, 1)):
        level.follow(Presence(at, change, ROOM))
    assert [level.at(moment) for moment in (0.5, 1.0, 2.5, 4.0, 6.0)] == [0, 1, 2, 1, 2]
    level.forget(3.5)
    assert [level.at(moment) for moment in (4.0, 6.0)] == [1, 2]


def test_delays_travel_in_four_bytes():
    delays = unpacked_delays([packed_delays(np.array([0.5, 30.0])), packed_delays(np.array([]))])
    assert delays.tolist() == pytest.approx([0.5, 30.0], abs=2e-6)


@pytest.mark.parametrize(
    ("receivers", "size"),
    [(0, 0), (1, 1), (2, 2), (3, 5), (5, 5), (6, 10), (11, 20), (20, 20), (21, 50), (10_001, 20_000)],
)
def test_sizes_are_in_classes_named_by_their_largest(receivers, size):
    assert class_of(ROOM, receivers) == ("room", size)
    assert class_of(0, receivers) == ("all", size)


def test_the_account_has_a_row_for_each_size_and_the_times_of_whole_messages():
    second = part(0)
    second.presence = [Presence(0.1, 1, ROOM)] * 3

    second.published = [Publication(9, 1, 0.5, 0, ROOM), Publication(9, 2, 0.6, 0, ROOM)]
    second.receipts = [
        Receipt(9, 1, 3, 0, packed_delays(np.array([0.5, 0.7, 1.1])), audience=ROOM),
        Receipt(9, 2, 2, 0, packed_delays(np.array([0.5, 0.6])), audience=ROOM, misdelivered=1),
    ]
    deliveries = DeliveryAggregator()
    assert deliveries.close([second], 1.0, False).received == 3
    [row] = deliveries.take_audiences()
    assert (row.to, row.size, row.messages, row.expected, row.misdelivered) == ("room", 5, 1, 3, 0)
    times = [getattr(row, name).max_s for name in ("first", "median", "last", "spread")]
    assert times == pytest.approx([0.5, 0.7, 1.1, 0.6], abs=1e-5)
    last = deliveries.close([part(1, until=1.0 + GIVE_UP_S, final=True)], 1.0 + GIVE_UP_S, True)
    assert (last.received, last.lost) == (2, 1)
    assert deliveries.take_lost_ago() == [(30, 1)], "sent 30.4 s before it was given up"
    assert deliveries.take_lost_ago() == []
    [row] = deliveries.take_audiences()
    assert (row.expected, row.lost, row.misdelivered, row.first.count) == (3, 1, 1, 0)


@pytest.mark.slow
def test_ten_thousand_users_in_rooms_of_twenty_take_less_than_a_kilobyte_each():
    """Trap: each publisher kept 8 bytes for each user there is: 800 MB for 10,000 of them."""
    users, room_size = 10_000, 20
    receivers = [user(slot) for slot in range(users)]
    tracker, deliveries = DeliveryTracker(RUN), DeliveryAggregator()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number, receiver in enumerate(receivers):
        tracker.audiences.join(receiver, 1 + number // room_size, 1.0)
    for number, receiver in enumerate(receivers):
        room = 1 + number // room_size
        text = tracker.publish_to(receiver, number, room, "say", 2.0, 2.0, includes_sender=True)
        message = tracker.seen(b'42["say","%b"]' % text.encode(), "say")
        first = number // room_size * room_size
        for member in receivers[first : first + room_size]:
            message.deliver(member, 2.1)
    second = part(0, until=3.0)
    second.presence, second.published = tracker.take_presence(), tracker.take_published()
    second.receipts = tracker.take_receipts()
    tracker.forget_old(3.0)
    found = deliveries.close([second], 3.0, False)
    second.presence = second.published = second.receipts = []
    deliveries.take_audiences()
    del text, message
    each = (tracemalloc.get_traced_memory()[0] - before) / users
    tracemalloc.stop()
    assert (found.received, found.lost) == (users * room_size, 0)
    assert each < 1000, f"{each:.0f} bytes"


@pytest.mark.slow
def test_an_hour_of_moves_and_messages_leaves_nothing_behind():
    def minutes(begin):
        for second in range(begin, begin + 1800):
            now = float(second)
            for receiver in receivers:
                if (second + receiver.slot) % 60 == 0:
                    room = 1 + (second // 60 + receiver.slot) % 5
                    for place in list(receiver.places):
                        tracker.audiences.leave(receiver, place.audience.number, now)
                    tracker.audiences.join(receiver, room, now)
                    text = tracker.publish_to(
                        receiver, receiver.slot, room, "say", now, now, includes_sender=True
                    )
                    message = tracker.seen(text.encode(), "say")
                    for other in receivers[::3]:  # some of them strangers
                        message.deliver(other, now + 0.1)
            tracker.audiences.settle(now, final=False)
            tracker.take_receipts()
            tracker.take_published()
            tracker.take_presence()
            tracker.forget_old(now)

    tracker = DeliveryTracker(RUN)
    receivers = [user(slot) for slot in range(30)]
    tracemalloc.start()
    minutes(0)
    before = tracemalloc.get_traced_memory()[0]
    minutes(1800)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000
