import tracemalloc

import msgspec
import pytest

from siotool.histogram import Histogram
from siotool.measured_servers import ServerUse
from siotool.runfile import Bytes, Connections, Delivery, Losses, Operation, UserClass, Visits, WorkerHealth
from siotool.swarm.aggregator import end_of, joined, merge
from siotool.swarm.deliveries import DeliveryAggregator
from siotool.swarm.operation_merging import merged_operations
from siotool.swarm.receiver import GIVE_UP_S, REMEMBER_S
from siotool.swarm.worker_report import Presence, Publication, Receipt, WorkerInterval

HEALTH = WorkerHealth(0, 0.25, 80, 0.002, 0.0, 30, 1024)
A, B = 0, 1


def part(number, worker=A, until=None, joins=(), leaves=(), published=(), receipts=(), **more):
    """One worker's second; joins and leaves are moments, published are (seq, sent)."""
    fields = {
        "connections": Connections(),
        "operations": [],
        "bytes": Bytes(),
        "health": HEALTH,
        "presence": sorted(
            [Presence(at, 1) for at in joins] + [Presence(at, -1) for at in leaves], key=lambda p: p.at
        ),
        "published": [Publication(9, seq, sent, 0) for seq, sent in published],
        "receipts": [Receipt(9, seq, due, undue) for seq, due, undue in receipts],
    }
    return WorkerInterval(
        worker=worker, number=number, until=number + 1.0 if until is None else until, **(fields | more)
    )


# ── deliveries ────────────────────────────────────────────────────────────────────────


class Run:
    """Seconds closed one after the other."""

    def __init__(self):
        self.deliveries = DeliveryAggregator()

    def close(self, *parts, last=False):
        delivery = self.deliveries.close(list(parts), max(p.until for p in parts), last)
        assert delivery.expected == delivery.received + delivery.lost
        return {
            name: value
            for name in ("received", "lost", "late", "pending")
            if (value := getattr(delivery, name))
        }


def test_a_message_is_expected_wherever_a_connection_was_open_when_it_was_sent():
    run = Run()
    assert run.close(
        part(0, A, joins=[0.1, 0.2, 0.9], leaves=[0.4], published=[(1, 0.3), (2, 0.5)], receipts=[(1, 2, 0)]),
        part(0, B, joins=[0.2, 0.3], receipts=[(1, 2, 0), (2, 1, 0)]),
    ) == {"received": 4, "pending": 2}
    assert run.close(part(1, A, receipts=[(2, 1, 0)]), part(1, B)) == {"pending": 1}
    assert run.close(part(2, A), part(2, B, receipts=[(2, 1, 0)])) == {"received": 3}


def test_a_connection_that_joins_at_the_moment_counts_and_one_that_leaves_does_not():
    run = Run()
    assert run.close(part(0, joins=[0.5, 0.6], leaves=[0.8], published=[(1, 0.5), (2, 0.8)])) == {
        "pending": 2
    }


def test_what_arrived_where_it_need_not_was_expected_because_it_arrived():
    run = Run()
    assert run.close(part(0, joins=[0.1], published=[(1, 0.5)], receipts=[(1, 1, 3)])) == {"received": 4}
    assert run.close(part(1, receipts=[(1, 0, 2)])) == {"received": 2}


def test_who_left_in_seconds_that_did_not_arrive_is_not_expected():
    run = Run()
    assert run.close(part(0, joins=[0.1, 0.2])) == {}
    assert run.close(part(3, missed=2, published=[(1, 3.5)], receipts=[(1, 1, 0)])) == {"received": 1}


def test_who_comes_back_after_a_loss_that_did_not_arrive_leaves_nobody_away_less_than_nobody():
    """The run file had -2 deliveries to users that were away, and could not be read any more."""
    run = DeliveryAggregator()
    run.close([part(0, joins=[0.1, 0.2]), part(0, B)], 1.0, False)
    back = [Presence(3.2, -1, 0), Presence(3.3, -1, 0)]
    delivery = run.close([part(3, missed=2, absence=back, published=[(1, 3.5)]), part(3, B)], 4.0, False)
    assert delivery.while_away == 0
    away = [Presence(4.2, 1, 0)]
    assert run.close([part(4, published=[(2, 4.5)]), part(4, B, absence=away)], 5.0, False).while_away == 1


def test_what_comes_to_members_whose_join_did_not_arrive_is_no_duplicate():
    """Every message to a room that crossed the end of a second was one, for the rest of the run."""
    run = DeliveryAggregator()
    run.close([part(0, presence=[Presence(0.1, 1, 7)]), part(0, B)], 1.0, False)
    to_room = msgspec.structs.replace(part(3, B), published=[Publication(9, 1, 3.9, 0, audience=7)])
    run.close([part(3, missed=2), to_room], 4.0, False)
    came = msgspec.structs.replace(part(4), receipts=[Receipt(9, 1, 1, 0, audience=7)])
    delivery = run.close([came, part(4, B)], 5.0, False)
    assert (delivery.received, delivery.duplicate) == (1, 0)


def test_a_receipt_may_come_before_its_publication():
    run = Run()
    late = part(0, A, joins=[0.1], published=[])
    assert run.close(late, part(0, B, joins=[0.1], receipts=[(1, 1, 0)])) == {}
    assert run.close(part(1, A, published=[(1, 0.9)], receipts=[(1, 1, 0)]), part(1, B)) == {"received": 2}


def test_what_was_acknowledged_and_lost_is_told_by_when_it_was_sent():
    """Acknowledged before it is opened, while it is open, and after it was closed; and never."""
    run = Run()
    sent = [(1, 0.9), (2, 0.95), (3, 0.96), (4, 0.97)]
    run.close(
        part(0, A, until=0.8, joins=[0.1, 0.2], acknowledged=[(9, 1, 0)], published=sent),
        part(0, B, until=0.8, joins=[0.1]),
    )
    run.close(
        part(1, A, acknowledged=[(9, 2, 0)], receipts=[(1, 1, 0), (2, 2, 0), (3, 2, 0), (4, 1, 0)]),
        part(1, B, receipts=[(3, 1, 0)]),
    )
    closed = 2
    while not (lost := run.deliveries.take_lost_ago()):
        known = run.deliveries.take_acknowledged_ago()
        assert known == []
        closed += 1
        run.close(part(closed, A, acknowledged=[(9, 3, 0)]), part(closed, B))
    assert [count for _, count in lost] == [2 + 1 + 2]
    assert [count for _, count in run.deliveries.take_acknowledged_ago()] == [2 + 1]
    assert run.deliveries._acknowledged_early == set()


def test_what_was_lost_and_never_acknowledged_is_not_told_as_acknowledged():
    """Trap: each second with a loss had an entry of 0 in the run file."""
    run = Run()
    run.close(part(0, A, joins=[0.1], published=[(1, 0.9)]))
    closed = 1
    while not run.deliveries.take_lost_ago():
        run.close(part(closed, A))
        closed += 1
    assert run.deliveries.take_acknowledged_ago() == []


def test_a_second_closed_late_waits_for_who_was_present_elsewhere():
    """Trap: a message of a late second was expected of connections that had left in another's next."""
    run = Run()
    assert (
        run.close(
            part(0, A, until=1.5, joins=[0.1], published=[(1, 1.4)], receipts=[(1, 1, 0)]),
            part(0, B, until=1.0, joins=[0.2, 0.3]),
        )
        == {}
    )
    assert run.close(
        part(1, A, until=2.0), part(1, B, until=2.0, joins=[1.35], leaves=[1.2, 1.3], receipts=[(1, 1, 0)])
    ) == {"received": 2}


def test_the_sender_is_left_out_where_a_server_does_not_send_it_its_own():
    run = Run()
    second = part(0, joins=[0.1, 0.2], receipts=[(1, 1, 0)])
    second.published = [Publication(9, 1, 0.5, 1)]
    assert run.close(second) == {"received": 1}
    # and where it does after all, that is no loss, nor waits for anything
    assert run.close(part(1, receipts=[(1, 1, 0)])) == {"received": 1}
    assert run.close(part(2), last=True) == {}


def test_too_many_here_do_not_make_up_for_too_few_there():
    run = Run()
    assert run.close(
        part(0, A, joins=[0.1], published=[(1, 0.5)], receipts=[(1, 2, 0)]), part(0, B, joins=[0.1])
    ) == {"pending": 1}
    assert run.close(part(1, A, final=True), part(1, B, final=True), last=True) == {"received": 2, "lost": 1}


def test_a_message_is_given_up_after_a_while_and_what_then_comes_is_late():
    run = Run()
    assert run.close(part(0, joins=[0.1, 0.2, 0.3], published=[(1, 0.5)], receipts=[(1, 1, 0)])) == {
        "pending": 2
    }
    assert run.close(part(1, until=0.5 + GIVE_UP_S)) == {"pending": 2}
    assert run.close(part(2, until=0.6 + GIVE_UP_S)) == {"received": 1, "lost": 2}
    assert run.close(part(3, until=50.0, receipts=[(1, 1, 0)])) == {"late": 1}
    assert run.close(part(4, until=51.0, receipts=[(1, 0, 1)])) == {"received": 1}


def test_the_end_gives_up_whatever_is_open():
    run = Run()
    assert run.close(part(0, joins=[0.1, 0.2], published=[(1, 0.5), (2, 0.6)], receipts=[(1, 1, 0)])) == {
        "pending": 3
    }
    assert run.close(part(1, receipts=[(2, 1, 0)], final=True), last=True) == {"received": 2, "lost": 2}


def test_the_end_opens_what_was_sent_in_a_second_closed_late():
    run = Run()
    assert run.close(
        part(0, A, until=1.9, joins=[0.1], published=[(1, 1.8)], final=True),
        part(0, B, until=1.2, joins=[0.1], final=True),
        last=True,
    ) == {"lost": 2}


def test_a_worker_that_has_finished_owes_what_it_did_not_get():
    run = Run()
    run.close(part(0, A, joins=[0.1]), part(0, B, joins=[0.1], published=[(1, 0.5)], receipts=[(1, 1, 0)]))
    assert run.close(part(1, A, leaves=[1.1], final=True), part(1, B)) == {"pending": 1}
    assert run.close(part(2, B, published=[(2, 2.5)], receipts=[(2, 1, 0)])) == {"received": 1, "pending": 1}
    assert run.close(part(3, B, final=True), last=True) == {"received": 1, "lost": 1}


def test_a_lost_worker_owes_nothing_and_is_expected_to_get_nothing():
    """Trap: its connections stayed present, so every later message was lost at each of them."""
    run = Run()
    assert run.close(
        part(0, A, joins=[0.1], published=[(1, 0.5)], receipts=[(1, 1, 0)]),
        part(0, B, joins=[0.1, 0.2, 0.3], receipts=[(1, 1, 0)]),
    ) == {"pending": 2}
    assert run.close(part(1, A, published=[(2, 1.5)], receipts=[(2, 1, 0)])) == {"received": 3}
    assert run.close(part(2, A, final=True), last=True) == {}


def test_what_a_lost_worker_sent_without_telling_arrived_all_the_same():
    run = Run()
    run.close(part(0, A, joins=[0.1]), part(0, B, joins=[0.1]))
    assert run.close(part(1, A, receipts=[(1, 1, 0)])) == {}
    assert run.close(part(2, A, final=True), last=True) == {"received": 1}


def test_duplicates_and_reordered_are_summed():
    parts = [part(0, A), part(0, B)]
    parts[0].receipts = [Receipt(9, 1, 0, 0, duplicate=1, reordered=2)]
    parts[1].receipts = [Receipt(9, 1, 0, 0, duplicate=3)]
    delivery = DeliveryAggregator().close(parts, 1.0, False)
    assert (delivery.duplicate, delivery.reordered) == (4, 2)


@pytest.mark.slow
@pytest.mark.parametrize("publishers", ["one", "a new one each second"])
def test_hours_of_churn_and_losses_stay_small(publishers):
    """Trap: comings and goings, messages given up, and all who had ever published were kept to the end."""
    deliveries = DeliveryAggregator()

    def hour(begin):
        for number in range(begin, begin + 3600):
            second = part(
                number,
                joins=[number + 0.1 + n / 100 for n in range(20)],
                leaves=[number + 0.5 + n / 100 for n in range(20)],
                published=[(number + 1, number + 0.4)],
                # some are lost, and something undue comes of one long closed
                receipts=[(number + 1, 20 - number % 2, 0), (max(1, number - 20), 0, 1)],
            )
            if publishers != "one":
                second.published = [Publication(number + 1, 1, number + 0.4, 0)]
                second.receipts = [
                    Receipt(number + 1, 1, 20 - number % 2, 0),
                    Receipt(max(1, number - 20), 1, 0, 1),
                ]
            deliveries.close([second], second.until, False)

    tracemalloc.start()
    hour(0)
    before = tracemalloc.get_traced_memory()[0]
    hour(3600)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000


def test_what_was_given_up_is_known_as_late_for_a_while():
    run = Run()
    run.close(part(0, joins=[0.1], published=[(1, 0.5)]))
    assert run.close(part(1, until=100.0)) == {"lost": 1}
    assert run.close(part(2, until=REMEMBER_S, receipts=[(1, 1, 0)])) == {"late": 1}


# ── merging ───────────────────────────────────────────────────────────────────────────


def operation(name, times, errors=None, untimed=0, given_up=()):
    response, service, waited = Histogram(), Histogram(), Histogram()
    waited.record(given_up)
    response.record(times)
    service.record([time / 2 for time in times])
    return Operation(
        "ack",
        name,
        len(times) + untimed,
        errors or {},
        response.sparse(),
        service.sparse(),
        waited.sparse(),
    )


def test_operations_of_one_kind_and_name_become_one():
    parts = [
        part(
            0,
            A,
            operations=[
                operation("echo", [0.1, 0.2], {"timeout": 1}, given_up=[5.0]),
                operation("join", [0.3]),
            ],
        ),
        part(0, B, operations=[operation("echo", [0.4], {"timeout": 2, "reset": 1}, 5, given_up=[5, 6])]),
    ]
    echo, join = merged_operations(part.operations for part in parts)
    assert (echo.name, echo.count, echo.errors) == ("echo", 8, {"timeout": 3, "reset": 1})
    whole = Histogram()
    whole.record([0.1, 0.2, 0.4])
    assert (echo.response.steps, echo.response.held) == (whole.sparse().steps, whole.sparse().held)
    assert (echo.response.min_s, echo.response.max_s) == (0.1, 0.4)
    assert (echo.service.min_s, echo.service.max_s) == (0.05, 0.2)
    assert (echo.given_up.count, echo.given_up.min_s, echo.given_up.max_s) == (3, 5.0, 6.0)
    assert join == parts[0].operations[1]


def stays(*seconds):
    """How long users were there, as it travels."""
    histogram = Histogram()
    histogram.record(seconds)
    return histogram.sparse()


def test_visits_of_a_worker_that_was_late_are_all_of_them():
    parts = [part(4, A, visits=Visits(5, 3, 2, stays(1.0))), part(5, A, visits=Visits(1, 1, 0, stays(2.0)))]
    assert joined(parts).visits == Visits(6, 4, 2, stays(1.0, 2.0))


def test_drains_are_dated_from_the_end_of_the_interval_that_they_come_into():
    def lost(*drained):
        return Losses(drained_ago=[(ago, stays(seconds)) for ago, seconds in drained])

    parts = [part(4, A, losses=lost((2, 1.0), (3, 2.0))), part(6, A, losses=lost((4, 3.0)))]
    late = [(4, stays(1.0, 3.0)), (5, stays(2.0))]
    assert joined(parts).losses.drained_ago == late
    parts = [part(4, A, losses=lost((2, 1.0))), part(4, B, losses=lost((2, 3.0), (3, 2.0)))]
    delivery = DeliveryAggregator().close(parts, 5.0, False)
    assert merge(parts, 5.0, 1.0, 0, delivery, {}).losses.drained_ago == [
        (2, stays(1.0, 3.0)),
        (3, stays(2.0)),
    ]


def test_users_without_connections_are_counted_over_workers_and_not_over_seconds():
    parts = [part(4, A, other_users=5), part(4, B, other_users=2)]
    delivery = DeliveryAggregator().close(parts, 5.0, False)
    assert merge(parts, 5.0, 1.0, 0, delivery, {}).other_users == 7
    assert joined([part(4, A, other_users=5), part(5, A, other_users=3)]).other_users == 3


def test_a_second_of_the_run_is_the_sum_of_its_workers():
    parts = [
        part(
            4,
            worker,
            until=105.01 + worker,
            connections=Connections(10, 0, 3, 2, {"refused": 1}, {"reset": worker}),
            bytes=Bytes(1, 2, 3, 4),
            user_classes=[UserClass("Chat", users=12, begun=3)],
            visits=Visits(5, 3, 2, stays(worker + 1.0)),
        )
        for worker in (A, B)
    ]
    delivery = DeliveryAggregator().close(parts, 106.0, False)
    server = ServerUse(0.5, 1, 2, 3)
    interval = merge(parts, 5.0, 1.0, 2, delivery, {"server": server})
    assert (interval.t_s, interval.duration_s, interval.stage) == (5.0, 1.0, 2)
    assert interval.connections == Connections(20, 24, 6, 4, {"refused": 2}, {"reset": 1})
    assert interval.bytes == Bytes(2, 4, 6, 8)
    assert interval.user_classes == [UserClass("Chat", users=24, begun=6)]
    assert interval.visits == Visits(10, 6, 4, stays(A + 1.0, B + 1.0))
    assert interval.generator == [HEALTH, HEALTH]
    assert (interval.delivery, interval.server) == (delivery, server)


@pytest.mark.parametrize(
    ("untils", "finals", "covers", "t_s"),
    [
        pytest.param((105.003, 105.15), (False, False), 1, 5.0, id="a little late is the second it is"),
        pytest.param((104.999, 105.0), (False, False), 1, 5.0, id="a timer may ring a moment early"),
        pytest.param((105.9, 105.5), (False, False), 1, 5.7, id="later: as long as it was, on average"),
        pytest.param((119.2, 119.2), (False, False), 15, 19.2, id="fifteen seconds in one"),
        pytest.param((104.5, 104.52), (False, False), 1, 4.51, id="cut short when the last stage ends"),
        pytest.param((104.3, 104.2), (True, True), 1, 4.3, id="the last one ends with the last worker"),
        pytest.param((107.0, 104.2), (True, True), 1, 7.0, id="also when that takes long"),
        pytest.param((104.3, 105.0), (True, False), 1, 5.0, id="one worker's last is not the run's"),
        pytest.param((103.9, 103.8), (True, True), 1, 4.001, id="it is never of no length"),
    ],
)
def test_an_interval_ends_when_its_workers_closed_it(untils, finals, covers, t_s):
    parts = [
        part(4, worker, until=until, final=final, covers=covers)
        for worker, (until, final) in enumerate(zip(untils, finals, strict=True))
    ]
    assert end_of(parts, 100.0, 4.0) == t_s


def test_draining_in_one_worker_is_draining():
    parts = [part(4, A), part(4, B, draining=True)]
    assert merge(parts, 5.0, 1.0, 0, DeliveryAggregator().close(parts, 105.0, False), {}).draining
    assert not merge(parts[:1], 5.0, 1.0, 0, DeliveryAggregator().close(parts[:1], 105.0, False), {}).draining


# ── users that are away ───────────────────────────────────────────────────────────────


def test_what_is_sent_while_a_user_is_away_is_missed_and_not_expected():
    deliveries = DeliveryAggregator()
    away = {"absence": [Presence(0.4, 1)]}
    first = [
        part(
            0, A, joins=[0.1, 0.1], leaves=[0.4], published=[(1, 0.3), (2, 0.5)], receipts=[(1, 2, 0)], **away
        ),
        part(0, B),
    ]
    found = deliveries.close(first, 1.0, last=False)
    assert (found.received, found.lost, found.while_away) == (2, 0, 1)
    back = {"absence": [Presence(1.4, -1)]}
    second = [
        part(1, A, joins=[1.4], published=[(3, 1.3), (4, 1.5)], receipts=[(2, 1, 0), (3, 1, 0)], **back),
        part(1, B),
    ]
    found = deliveries.close(second, 2.0, last=False)
    assert (found.received, found.while_away) == (2, 1)
    found = deliveries.close([part(2, A, receipts=[(4, 2, 0)]), part(2, B)], 3.0, last=True)
    assert (found.received, found.lost, found.while_away) == (2, 0, 0)


def test_rooms_have_users_that_are_away_of_their_own():
    deliveries = DeliveryAggregator()
    room = [Publication(9, 1, 0.5, 0, 77), Publication(9, 2, 0.5, 0, 78)]
    steps = [Presence(0.4, 1), Presence(0.4, 1, 77)]
    second = part(0, A, absence=steps)
    second.published = room
    found = deliveries.close([second], 1.0, last=True)
    assert (found.while_away, found.expected) == (1, 0), "the user is a member of the first room only"


def test_a_lost_workers_users_are_not_away():
    deliveries = DeliveryAggregator()
    deliveries.close([part(0, A), part(0, B, absence=[Presence(0.4, 1)])], 1.0, last=False)
    found = deliveries.close([part(1, A, published=[(1, 1.5)])], 2.0, last=True)
    assert found.while_away == 0


def test_a_worker_with_users_of_one_class_counts_for_that_class():
    """It does not part its operations, and another worker does: none may be missing from a class."""
    ack, said = Operation("ack", "read", 3), Operation("deliver", "said", 9)
    one = part(0, worker=0, operations=[ack, said], user_classes=[UserClass("Reader")])
    two = part(
        0,
        worker=1,
        operations=[Operation("ack", "read", 3)],
        user_classes=[UserClass("Reader"), UserClass("Writer")],
        class_operations={"Reader": [Operation("ack", "read", 1)], "Writer": [Operation("ack", "read", 2)]},
    )
    merged = merge([one, two], 1.0, 1.0, 0, Delivery(), None)
    assert {
        name: [(found.op, found.count) for found in operations]
        for name, operations in merged.class_operations.items()
    } == {"Reader": [("ack", 4)], "Writer": [("ack", 2)]}
    assert merge([one], 1.0, 1.0, 0, Delivery(), None).class_operations == {}


def test_seconds_of_a_worker_are_joined_by_class():
    one = part(0, operations=[Operation("ack", "read", 3)], user_classes=[UserClass("Reader")])
    two = part(
        1,
        operations=[Operation("ack", "read", 5)],
        user_classes=[UserClass("Reader"), UserClass("Writer")],
        class_operations={"Reader": [Operation("ack", "read", 4)], "Writer": [Operation("ack", "read", 1)]},
    )
    found = joined([one, two]).class_operations
    assert {name: [one.count for one in operations] for name, operations in found.items()} == {
        "Reader": [7],
        "Writer": [1],
    }
