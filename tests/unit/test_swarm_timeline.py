import pytest

from siotool.histogram import Histogram
from siotool.runfile import Bytes, Connections, Operation, UserClass, WorkerHealth
from siotool.swarm.aggregator import joined
from siotool.swarm.lateness import lateness
from siotool.swarm.timeline import Timeline
from siotool.swarm.worker_report import Presence, Publication, Raised, Receipt, WorkerInterval

HEALTH = WorkerHealth(0, 0.25, 80, 0.002, 0.0, 30, 1024)
A, B = 0, 1


def part(number, worker=A, **more):
    """One worker's second."""
    fields = {"connections": Connections(), "operations": [], "bytes": Bytes(), "health": HEALTH}
    until = number + more.get("covers", 1) + 0.0
    return WorkerInterval(worker=worker, number=number, **({"until": until} | fields | more))


def numbers(timeline):
    return [(parts[0].number, [p.worker for p in parts]) for parts in timeline.whole()]


def test_a_second_is_whole_when_every_worker_has_told_of_it():
    timeline = Timeline(2)
    assert numbers(timeline) == []
    timeline.add(part(0, A))
    timeline.add(part(1, A))
    assert numbers(timeline) == []
    timeline.add(part(0, B))
    assert numbers(timeline) == [(0, [A, B])]
    timeline.add(part(1, B))
    assert numbers(timeline) == [(1, [A, B])]
    assert (timeline.waiting, timeline.finished) == (False, False)


def test_a_worker_that_finishes_earlier_holds_up_nobody():
    timeline = Timeline(2)
    timeline.add(part(0, A, final=True))
    timeline.add(part(0, B))
    timeline.add(part(1, B))
    assert numbers(timeline) == [(0, [A, B]), (1, [B])]
    assert not timeline.finished
    timeline.add(part(2, B, final=True))
    assert numbers(timeline) == [(2, [B])]
    assert (timeline.waiting, timeline.finished, timeline.lost) == (False, True, set())


def test_a_lost_worker_is_waited_for_no_longer_but_what_it_told_counts():
    timeline = Timeline(2)
    for number in range(3):
        timeline.add(part(number, A))
    timeline.add(part(0, B))
    timeline.add(part(1, B))
    timeline.lose(B)
    assert numbers(timeline) == [(0, [A, B]), (1, [A, B]), (2, [A])]
    assert timeline.lost == {B}


def test_a_worker_lost_before_it_told_anything():
    timeline = Timeline(2)
    timeline.lose(B)
    timeline.add(part(0, A, final=True))
    assert numbers(timeline) == [(0, [A])]
    assert timeline.finished


def test_a_worker_that_has_finished_is_not_lost():
    timeline = Timeline(1)
    timeline.add(part(0, A, final=True))
    timeline.lose(A)
    assert timeline.lost == set()


def test_a_report_that_comes_after_its_worker_was_lost_still_counts_in_time():
    timeline = Timeline(2)
    timeline.add(part(0, A))
    timeline.lose(B)
    timeline.add(part(0, B))
    assert numbers(timeline) == [(0, [A, B])]
    timeline.add(part(1, B))
    timeline.add(part(1, A, final=True))
    assert numbers(timeline) == [(1, [A, B])]
    assert timeline.finished


def test_a_report_that_comes_after_its_second_was_given_out_is_left_aside():
    """Trap: it waited for ever, so that the last second was never known to be the last."""
    timeline = Timeline(2)
    timeline.add(part(0, A))
    timeline.lose(B)
    assert numbers(timeline) == [(0, [A])]
    timeline.add(part(0, B))
    timeline.add(part(1, B))
    timeline.add(part(1, A, final=True))
    assert numbers(timeline) == [(1, [A])]
    assert (timeline.waiting, timeline.finished) == (False, True)


def test_a_worker_that_joins_is_awaited_from_its_first_second_on():
    timeline = Timeline(1)
    timeline.add(part(0, A))
    timeline.add(part(2, B))  # of a worker that has not joined
    assert numbers(timeline) == [(0, [A])]
    assert timeline.join(B, 2)
    assert timeline.due(B) == 2
    timeline.add(part(1, A))
    assert numbers(timeline) == [(1, [A])]
    timeline.add(part(2, A))
    assert numbers(timeline) == []
    timeline.add(part(2, B))
    assert numbers(timeline) == [(2, [A, B])]
    timeline.add(part(3, A, final=True))
    assert not timeline.finished
    timeline.add(part(3, B, final=True))
    assert (numbers(timeline), timeline.finished) == ([(3, [A, B])], True)


def test_a_report_that_did_not_arrive_is_told_once_and_holds_up_nobody():
    """Trap: every later report of the worker was dropped, and it was killed for its silence."""
    timeline = Timeline(2)
    for worker in (A, B):
        assert timeline.add(part(0, worker)) is None
    assert timeline.add(part(3, B)) == (1, 2)
    assert timeline.due(B) == 4
    assert timeline.add(part(4, B)) is None
    for number in range(1, 5):
        timeline.add(part(number, A))
    assert numbers(timeline) == [(0, [A, B]), (1, [A]), (2, [A]), (3, [A, B]), (4, [A, B])]
    timeline.add(part(5, A, final=True))
    assert timeline.add(part(6, B, final=True)) == (5, 5)
    assert numbers(timeline) == [(5, [A]), (6, [B])]
    assert (timeline.waiting, timeline.finished, timeline.lost) == (False, True, set())


def test_seconds_that_did_not_arrive_from_anybody_belong_to_the_next():
    timeline = Timeline(1)
    timeline.add(part(0, A))
    assert timeline.add(part(3, A)) == (1, 2)
    groups = list(timeline.whole())
    assert [[(one.number, one.missed) for one in parts] for parts in groups] == [[(0, 0)], [(3, 2)]]
    assert not timeline.waiting


def test_a_report_is_not_taken_twice():
    timeline = Timeline(1)
    for number in (0, 1, 0, 1, 2):
        timeline.add(part(number, A))
    assert numbers(timeline) == [(0, [A]), (1, [A]), (2, [A])]


def test_nobody_joins_with_a_second_that_was_given_out():
    timeline = Timeline(1)
    for number in range(3):
        timeline.add(part(number, A))
    assert numbers(timeline) == [(0, [A]), (1, [A]), (2, [A])]
    assert not timeline.join(B, 2)
    assert timeline.join(B, 3)


def test_every_worker_lost():
    timeline = Timeline(2)
    timeline.add(part(0, A))
    timeline.lose(A)
    timeline.lose(B)
    assert numbers(timeline) == [(0, [A])]
    assert (timeline.waiting, timeline.finished) == (False, True)
    timeline.add(part(1, A))
    assert numbers(timeline) == [(1, [A])]
    assert not timeline.waiting


def covered(timeline):
    """For each interval of the run: what each worker's part of it covers, and how many acks are in it."""
    return [
        [(p.worker, p.number, p.number + p.covers - 1, sum(o.count for o in p.operations)) for p in parts]
        for parts in timeline.whole()
    ]


def acks(count):
    return {"operations": [Operation("ack", "echo", count)]}


def test_seconds_that_one_worker_has_in_one_are_put_together_of_the_others_too():
    """One interval of fifteen seconds is no second with fifteen times the work."""
    timeline = Timeline(2)
    for number in range(4):
        timeline.add(part(number, A, **acks(10)))
    timeline.add(part(0, B, **acks(10)))
    assert covered(timeline) == [[(A, 0, 0, 10), (B, 0, 0, 10)]]
    timeline.add(part(1, B, covers=2, **acks(20)))
    assert covered(timeline) == [[(A, 1, 2, 20), (B, 1, 2, 20)]]
    timeline.add(part(3, B, **acks(10)))
    assert covered(timeline) == [[(A, 3, 3, 10), (B, 3, 3, 10)]]


def test_late_intervals_that_overlap_are_one():
    timeline = Timeline(2)
    timeline.add(part(0, A, covers=2))
    timeline.add(part(2, A))
    timeline.add(part(0, B))
    assert covered(timeline) == []
    timeline.add(part(1, B, covers=2))
    assert covered(timeline) == [[(A, 0, 2, 0), (B, 0, 2, 0)]]


def test_a_worker_that_has_ended_is_not_waited_for_in_a_long_interval():
    timeline = Timeline(2)
    timeline.add(part(0, A, final=True))
    timeline.add(part(0, B, covers=3))
    assert covered(timeline) == [[(A, 0, 0, 0), (B, 0, 2, 0)]]
    timeline.add(part(3, B, final=True))
    assert covered(timeline) == [[(B, 3, 3, 0)]]
    assert timeline.finished


def test_which_second_a_worker_owes():
    timeline = Timeline(2)
    assert (timeline.due(A), timeline.due(B)) == (0, 0)
    timeline.add(part(0, A, covers=3))
    timeline.lose(B)
    assert (timeline.due(A), timeline.due(B)) == (3, None)
    timeline.add(part(3, A, final=True))
    assert timeline.due(A) is None


def test_joining_adds_counts_and_keeps_the_last_of_what_is_a_level():
    times = Histogram()
    times.record([0.1])

    def second(number, **more):
        return part(
            number,
            connections=Connections(number, number, 5, 4, {"refused": 1}, {"reset": 1}, {"tcp": 1}),
            operations=[Operation("ack", "echo", 1, {"timeout": 1}, times.sparse(), times.sparse())],
            bytes=Bytes(1, 2, 3, 4),
            health=WorkerHealth(0, number / 10, number, number, 0.5, number, 9, 1.0 - number / 100, 0.5),
            presence=[Presence(float(number), 1)],
            published=[Publication(1, number, 1.0, 0)],
            receipts=[Receipt(1, number, 1, 0)],
            undated=3,
            from_the_future=4,
            user_classes=[UserClass("Chat", users=number, started=2)],
            exceptions=[Raised("ValueError", "no", "x:1", 1)],
            overdue={"ack": number},
            untimed=5,
            **more,
        )

    one = joined([second(3), second(4, covers=2, final=True, draining=True)])
    assert (one.number, one.covers, one.until, one.final, one.draining) == (3, 3, 6.0, True, True)
    assert one.connections == Connections(4, 4, 10, 8, {"refused": 2}, {"reset": 2}, {"tcp": 2})
    assert [(o.count, o.errors, o.response.count) for o in one.operations] == [(2, {"timeout": 2}, 2)]
    assert one.bytes == Bytes(2, 4, 6, 8)
    assert (one.health.cpu_cores, one.health.cpu_allowed) == (pytest.approx(0.35), 0.96)
    assert (one.health.loop_lag_s, one.health.rss_bytes) == (4, 4)
    assert [step.at for step in one.presence] == [3.0, 4.0]
    assert [found.seq for found in one.published] == [found.seq for found in one.receipts] == [3, 4]
    assert (one.undated, one.from_the_future, one.untimed) == (6, 8, 10)
    assert one.user_classes == [UserClass("Chat", users=4, started=4)]
    assert [found.count for found in one.exceptions] == [1, 1]
    assert one.overdue == {"ack": 4}


def stalled(lag, untimed, covers=1, worker=A, connected=1, draining=False):
    return part(
        7,
        worker,
        health=WorkerHealth(worker, 0, 0, lag, 0, 0, 0),
        connections=Connections(open=connected),
        untimed=untimed,
        covers=covers,
        draining=draining,
    )


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        pytest.param([stalled(0.01, 0), stalled(0.3, 0, worker=B)], None, id="nothing to say"),
        pytest.param(
            [stalled(0.01, 0), stalled(0.7, 1234, worker=B)],
            (
                "doubt",
                "second 8: the loop of generator worker 1 was blocked for 700 ms; the times of "
                "1,234 operations that had to wait are left out",
            ),
            id="a stall: no times",
        ),
        pytest.param(
            [stalled(1.5, 9)],
            (
                "warning",
                "second 8: the loop of generator worker 0 was blocked for 1.5 s; the times of "
                "9 operations that had to wait are left out",
            ),
            id="the report doubts such a lag itself",
        ),
        pytest.param(
            [stalled(0.001, 9)],
            ("info", "second 8: the times of 9 operations that had to wait are left out"),
            id="what was read after the stall",
        ),
        pytest.param([stalled(3.0, 0)], None, id="nothing was timed: nothing was late"),
        pytest.param(
            [stalled(15.2, 0, covers=15)],
            (
                "doubt",
                "seconds 8 to 22 are one interval of 15.2 s: "
                "the loop of generator worker 0 was blocked for 15.2 s",
            ),
            id="seconds that were not written are said",
        ),
        pytest.param(
            [stalled(2.5, 0, covers=2, connected=0)],
            (
                "warning",
                "seconds 8 to 9 are one interval of 15.2 s: "
                "the loop of generator worker 0 was blocked for 2.5 s",
            ),
            id="nobody was connected: nothing to doubt",
        ),
        pytest.param(
            [stalled(2.5, 0, covers=2, draining=True)],
            (
                "warning",
                "seconds 8 to 9 are one interval of 15.2 s: "
                "the loop of generator worker 0 was blocked for 2.5 s",
            ),
            id="thousands leaving at once at the end are no doubt",
        ),
    ],
)
def test_what_is_said_of_lateness(parts, note):
    assert lateness(parts, 15.2) == note
