import tracemalloc

import pytest

from siotool.protocol import stamp
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.memory_limits import NAME_CHARACTERS
from siotool.swarm.receiver import GIVE_UP_S, OVERTAKEN_S, REMEMBER_S, Receiver
from siotool.swarm.worker_report import Publication, Receipt

RUN = 7
PUBLISHER = 5


def present(slot=0, joined=0.0):
    receiver = Receiver(slot)
    receiver.joined_at = joined
    return receiver


def frame(seq, sent=10.0, publisher=PUBLISHER, run=RUN, lag=0.0):
    return b'42["said","%b"]' % stamp.write(run, publisher, seq, sent, sent - lag).encode()


def arrive(tracker, receiver, seq, sent=None, now=None, publisher=PUBLISHER):
    sent = 10.0 + seq if sent is None else sent
    message = tracker.seen(frame(seq, sent, publisher), "said")
    assert message is not None
    message.deliver(receiver, sent + 0.5 if now is None else now)


def counts(tracker):
    """Receipts without the times."""
    return tracker.take_receipts(timed=False)


def outcome(tracker):
    """Arrivals, duplicates, reordered."""
    receipts = tracker.take_receipts()
    return tuple(
        sum(column)
        for column in zip(*((r.due + r.undue, r.duplicate, r.reordered) for r in receipts), strict=True)
    )


@pytest.mark.parametrize(
    ("seqs", "arrivals", "duplicate", "reordered"),
    [
        pytest.param([1, 2, 3], 3, 0, 0, id="in order"),
        pytest.param([1, 1], 1, 1, 0, id="the same one twice"),
        pytest.param([1, 2, 3, 1, 2], 3, 2, 0, id="earlier ones again"),
        pytest.param([1, 3, 2], 3, 0, 1, id="one overtaken"),
        pytest.param([1, 3, 2, 2], 3, 1, 1, id="one overtaken, then again"),
        pytest.param([1, 5, 4, 3, 2], 5, 0, 3, id="a gap filled backwards"),
        pytest.param([1, 5, 2, 3, 4], 5, 0, 3, id="a gap filled forwards"),
        pytest.param([1, 3, 4], 3, 0, 0, id="a gap that stays"),
        pytest.param([2, 1], 2, 0, 1, id="the very first overtaken"),
        pytest.param([2, 1, 1, 2], 2, 2, 1, id="the very first overtaken, then both again"),
        pytest.param([900, 901], 2, 0, 0, id="one that came late sees no gap before its first"),
        pytest.param([900, 897, 899, 898], 4, 0, 3, id="those before its first come after all"),
        pytest.param([900, 897, 899, 899, 897, 900], 3, 3, 2, id="and each of them only once"),
        pytest.param([1, 3, 5, 2, 4, 2, 4], 5, 2, 2, id="two gaps"),
        pytest.param([1, 10_000, 10_001], 3, 0, 0, id="a gap too wide to remember"),
    ],
)
def test_arrivals_are_sorted_out_by_sequence(seqs, arrivals, duplicate, reordered):
    tracker = DeliveryTracker(RUN)
    receiver = present()
    for seq in seqs:
        arrive(tracker, receiver, seq)
    assert outcome(tracker) == (arrivals, duplicate, reordered)


def test_each_receiver_and_each_publisher_has_a_sequence_of_its_own():
    tracker = DeliveryTracker(RUN)
    for slot in (0, 3, 1):
        for publisher in (1, 2):
            message = tracker.seen(frame(4, publisher=publisher), "said")
            message.deliver(present(slot), 11.0)
    assert outcome(tracker) == (6, 0, 0)


@pytest.mark.parametrize(
    ("joined", "left", "due"),
    [
        pytest.param(9.0, None, True, id="open when it was sent"),
        pytest.param(10.0, None, True, id="opened at the very moment"),
        pytest.param(10.1, None, False, id="opened while it was under way"),
        pytest.param(9.0, 10.2, True, id="left while it was under way"),
        pytest.param(9.0, 10.0, False, id="left at the very moment"),
        pytest.param(9.0, 9.5, False, id="left before"),
    ],
)
def test_an_arrival_is_due_where_the_connection_was_open_when_it_was_sent(joined, left, due):
    tracker = DeliveryTracker(RUN)
    receiver = present(joined=joined)
    receiver.left_at = receiver.left_at if left is None else left
    arrive(tracker, receiver, 1, sent=10.0)
    assert counts(tracker) == [Receipt(PUBLISHER, 1, int(due), int(not due))]


def test_receipts_tell_only_what_came_since_the_last_report():
    tracker = DeliveryTracker(RUN)
    arrive(tracker, present(0), 1)
    arrive(tracker, present(1), 1)
    assert counts(tracker) == [Receipt(PUBLISHER, 1, 2, 0)]
    assert tracker.take_receipts() == []
    arrive(tracker, present(2, joined=50.0), 1)
    arrive(tracker, present(2), 1)  # a duplicate is no arrival
    assert counts(tracker) == [Receipt(PUBLISHER, 1, 0, 1, duplicate=1)]


def test_times_count_from_the_intended_start_and_from_the_sending():
    tracker = DeliveryTracker(RUN)
    message = tracker.seen(frame(1, sent=10.0, lag=0.25), "said")
    message.deliver(present(0), 10.5)
    message.deliver(present(1), 10.75)
    [(event, response, service)] = tracker.arrivals()
    assert event == "said"
    assert response.tolist() == pytest.approx([0.75, 1.0])
    assert service.tolist() == pytest.approx([0.5, 0.75])
    tracker.take_receipts()
    assert list(tracker.arrivals()) == []


def test_a_message_is_booked_under_the_name_it_arrives_with():
    tracker = DeliveryTracker(RUN)
    text = tracker.publish(1, "say", 10.0, 10.0, receivers=1, discount=0)
    tracker.seen(b'42["said","%b"]' % text.encode(), "said").deliver(present(), 10.1)
    assert [event for event, _, _ in tracker.arrivals()] == ["said"]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b'42["said","hello"]', id="no stamp"),
        pytest.param(frame(1, run=RUN + 1), id="a stamp of another run"),
        pytest.param(frame(0), id="a number we do not give"),
        pytest.param(frame(2**32), id="a number no array holds"),
    ],
)
def test_what_is_not_ours_is_left_alone(payload):
    assert DeliveryTracker(RUN).seen(payload, "said") is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((0, "f" * 16), id="a publisher of 64 bits"),
        pytest.param((1, "ffffffff"), id="the highest number of a real publisher"),
        pytest.param((2, "ffffffffffffffff"), id="sent in a million years"),
        pytest.param((3, "ffffffffffffffff"), id="meant for a million years ago"),
    ],
)
def test_a_forged_stamp_costs_nothing_but_itself(change):
    """Trap: one made an interval that could not be written, or duplicates of all that came later."""
    tracker = DeliveryTracker(RUN)
    receiver = present()
    arrive(tracker, receiver, 1)
    fields = stamp.write(RUN, PUBLISHER, 2, 12.0, 12.0).strip("~").split(".")
    fields[2 + change[0]] = change[1]
    assert tracker.seen(f'42["said","~{".".join(fields)}~"]'.encode(), "said") is None
    arrive(tracker, receiver, 2)
    assert outcome(tracker) == (2, 0, 0)


def test_a_message_that_could_not_be_sent_is_taken_back():
    tracker = DeliveryTracker(RUN)
    tracker.publish(PUBLISHER, "say", 10.0, 10.0, receivers=1, discount=0)
    tracker.publish(PUBLISHER, "say", 11.0, 11.0, receivers=1, discount=0)
    tracker.withdraw()
    assert [p.seq for p in tracker.take_published()] == [1]
    text = tracker.publish(PUBLISHER, "say", 12.0, 12.0, receivers=1, discount=0)
    assert stamp.find(text.encode(), RUN).seq == 2
    tracker.forget_old(13.0 + 2 * GIVE_UP_S)


def test_a_name_is_kept_no_longer_than_its_bound():
    tracker = DeliveryTracker(RUN)
    message = tracker.seen(frame(1), "x" * 1_000_000)
    assert len(message.event) == NAME_CHARACTERS


def test_publishing_opens_an_account_and_tells_of_it_once():
    tracker = DeliveryTracker(RUN)
    texts = [tracker.publish(PUBLISHER, "say", 10.0 + n, 9.5, receivers=3, discount=1) for n in range(2)]
    marks = [stamp.find(text.encode(), RUN) for text in texts]
    assert [mark[:4] for mark in marks] == [(PUBLISHER, 1, 10.0, 9.5), (PUBLISHER, 2, 11.0, 9.5)]
    published = [Publication(PUBLISHER, 1, 10.0, 1), Publication(PUBLISHER, 2, 11.0, 1)]
    assert tracker.take_published() == published
    assert tracker.take_published() == []


def test_a_slot_used_again_knows_nothing_of_its_last_user():
    tracker = DeliveryTracker(RUN)
    for seq in (2, 5):  # with a gap, and something before the first
        arrive(tracker, present(1), seq)
    tracker.forget_receiver(1)
    tracker.forget_receiver(99)  # of which no publisher has heard
    for seq in (3, 4, 5):
        arrive(tracker, present(1), seq)
    assert outcome(tracker) == (5, 0, 0)
    arrive(tracker, present(1), 2)
    assert outcome(tracker) == (1, 0, 1)


def test_caught_up_when_all_that_was_sent_here_before_has_arrived():
    tracker = DeliveryTracker(RUN)
    payloads = [
        b'42["said","%b"]' % tracker.publish(1, "say", sent, sent, receivers=2, discount=discount).encode()
        for sent, discount in ((10.0, 0), (11.0, 1))
    ]
    assert tracker.caught_up(10.0), "nothing was sent before"
    assert not tracker.caught_up(10.5)
    for slot in (0, 1):
        tracker.seen(payloads[0], "said").deliver(present(slot), 12.0)
    assert tracker.caught_up(10.5)
    assert not tracker.caught_up(12.0)
    tracker.seen(payloads[1], "said").deliver(present(0), 12.0)
    assert tracker.caught_up(12.0), "the sender is not to get its own"


def test_one_lost_message_does_not_hold_up_the_farewell_for_ever():
    tracker = DeliveryTracker(RUN)
    tracker.publish(1, "say", 10.0, 10.0, receivers=2, discount=0)
    tracker.forget_old(10.0 + GIVE_UP_S - 1)
    assert not tracker.caught_up(100.0)
    tracker.forget_old(10.0 + GIVE_UP_S + 1)
    assert tracker.caught_up(100.0)


def test_a_straggler_after_its_message_was_forgotten_is_booked_once():
    tracker = DeliveryTracker(RUN)
    arrive(tracker, present(0), 1, sent=10.0)
    arrive(tracker, present(0), 2, sent=11.0)
    tracker.take_receipts()
    tracker.forget_old(11.5 + 2 * GIVE_UP_S)
    for slot in (1, 1, 0):
        arrive(tracker, present(slot), 1, sent=10.0, now=99.0)
    assert counts(tracker) == [Receipt(PUBLISHER, 1, 1, 0, duplicate=2)]


def test_a_publisher_silent_for_long_begins_anew_at_its_receivers_but_not_its_numbers():
    tracker = DeliveryTracker(RUN)
    for _ in range(2):
        text = tracker.publish(PUBLISHER, "say", 10.0, 10.0, receivers=1, discount=0)
    tracker.seen(text.encode(), "said").deliver(present(), 10.1)
    tracker.forget_old(11.0 + 2 * GIVE_UP_S)
    tracker.seen(text.encode(), "said").deliver(present(), 80.0)
    assert sum(r.duplicate for r in tracker.take_receipts()) == 1, "still known"
    tracker.forget_old(11.0 + REMEMBER_S)
    later = 20.0 + REMEMBER_S
    mark = stamp.find(tracker.publish(PUBLISHER, "say", later, later, receivers=1, discount=0).encode(), RUN)
    assert mark.seq == 3
    arrive(tracker, present(), 3, sent=later)
    assert outcome(tracker) == (1, 0, 0)


@pytest.mark.slow
def test_a_long_run_with_churn_and_losses_stays_small():
    """Trap: one lost message kept every later one of this worker; gone publishers kept their places."""

    def hour(begin):
        for second in range(begin, begin + 3600, 2):
            user = 1 + second // 10  # a new one every ten seconds
            text = tracker.publish(user, "say", float(second), float(second), receivers=50, discount=0)
            mark = stamp.find(text.encode(), RUN)
            for slot in range(50):
                if mark.seq % 3 or slot % 2:  # every third message does not reach half of them
                    tracker.seen(text.encode(), "said").deliver(receivers[slot], second + 0.1)
            list(tracker.arrivals())
            tracker.take_receipts()
            tracker.take_published()
            tracker.forget_old(float(second))

    tracker = DeliveryTracker(RUN)
    receivers = [present(slot) for slot in range(50)]
    tracemalloc.start()
    hour(0)
    before = tracemalloc.get_traced_memory()[0]
    hour(3600)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    users = 360
    # a name per user that ever was; not its 50 places (400 bytes), nor its messages
    assert grown < users * 600


@pytest.mark.slow
def test_what_a_receiver_never_gets_is_not_remembered_for_ever():
    """Trap: each lost message stayed in the list of those that may still come, at every receiver."""

    def hour(begin):
        for second in range(begin, begin + 3600, 2):
            mark = stamp.find(tracker.publish(1, "say", float(second), float(second), 20, 0).encode(), RUN)
            if mark.seq % 3:
                for receiver in receivers:
                    arrive(tracker, receiver, mark.seq, sent=float(second), publisher=1)
            wrong.extend(r for r in tracker.take_receipts() if r.duplicate or r.reordered)
            tracker.take_published()
            tracker.forget_old(float(second))

    tracker, wrong = DeliveryTracker(RUN), []
    receivers = [present(slot) for slot in range(20)]
    tracemalloc.start()
    hour(0)
    before = tracemalloc.get_traced_memory()[0]
    hour(3600)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert not wrong
    assert grown < 20_000


@pytest.mark.parametrize(
    ("left", "sent", "overtaken"),
    [
        pytest.param(None, 50.0, False, id="it has not left"),
        pytest.param(10.0, 9.0, False, id="what was sent before it left is what it waits for"),
        pytest.param(10.0, 10.0 + OVERTAKEN_S / 2, False, id="senders may overtake each other a little"),
        pytest.param(10.0, 10.0 + OVERTAKEN_S * 2, True, id="what was sent well after says that all is here"),
    ],
)
def test_a_leaving_receiver_learns_that_nothing_is_under_way_any_more(left, sent, overtaken):
    tracker = DeliveryTracker(RUN)
    receiver = present()
    receiver.left_at = receiver.left_at if left is None else left
    arrive(tracker, receiver, 1, sent=sent)
    assert receiver.overtaken is overtaken


def test_a_ledger_is_unused_until_a_message_and_once_all_are_forgotten():
    tracker = DeliveryTracker(RUN)
    assert tracker.unused
    arrive(tracker, present(), 1, sent=10.0)
    assert not tracker.unused
    tracker.forget_old(11.0 + 2 * GIVE_UP_S)
    assert tracker.unused
