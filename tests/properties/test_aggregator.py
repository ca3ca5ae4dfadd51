"""A simulated fleet behind real trackers, metrics and reports, held against an oracle that sees everything.

Only the network, the clock and the server are made up: the server delays, loses, repeats and
overtakes at will, connections come, go and break, workers close their seconds late and their
reports reach the parent in any order.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from siotool.protocol import stamp
from siotool.runfile import Bytes, Connections, Delivery, WorkerHealth
from siotool.swarm import worker_report
from siotool.swarm.aggregator import end_of, merge
from siotool.swarm.deliveries import DeliveryAggregator
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.lateness import seconds_covered
from siotool.swarm.metrics import Metrics
from siotool.swarm.receiver import Receiver
from siotool.swarm.timeline import Timeline

RUN = 0xC0FFEE
BEGIN = 5_000.0
HEALTH = WorkerHealth(0, 0.1, 1, 0.0, 0.0, 1, 1)


@dataclass(frozen=True)
class Plan:
    """What happens; durations in seconds. ``late``: some deliveries come after they were given up.

    ``nodes``: what a session may have as its node.
    """

    seed: int
    workers: int
    users: int
    publications: int
    seconds: int
    delay: float
    lose: float
    repeat: float
    includes_sender: bool
    stall: float
    late: bool = False
    killed: bool = False
    nodes: tuple[str, ...] = ("",)


plans = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 3),
    users=st.integers(1, 10),
    publications=st.integers(0, 40),
    seconds=st.integers(1, 4),
    delay=st.sampled_from([0.001, 0.05, 1.5]),
    lose=st.sampled_from([0.0, 0.1, 0.5]),
    repeat=st.sampled_from([0.0, 0.1, 0.5]),
    includes_sender=st.booleans(),
    stall=st.sampled_from([0.0, 0.02, 2.5]),
    nodes=st.sampled_from([("",), ("one", "two"), ("one", "two", "")]),
)


@dataclass(eq=False)
class Session:
    """One connection of a user, as the oracle knows it."""

    user: "User"
    joined: float
    left: float
    closed: float
    node: str
    open: bool = False

    def due(self, sent: float) -> bool:
        return self.joined <= sent < self.left


@dataclass(eq=False)
class User:
    worker: "Worker"
    number: int
    sessions: list[Session] = field(default_factory=list)
    receiver: Receiver | None = None


class Worker:
    """A worker process without its engine: real metrics, made-up connections."""

    def __init__(self, number: int, by_node: bool) -> None:
        self.number = number
        self.tracker = DeliveryTracker(RUN, by_node=by_node)
        self.metrics = Metrics(self.tracker)
        self.second = 0
        self.reports: list[bytes] = []
        self.free_slots: list[int] = []
        self.next_slot = 0
        self.dead = False

    def receiver(self) -> Receiver:
        if self.free_slots:
            receiver = Receiver(self.free_slots.pop())
            self.tracker.forget_receiver(receiver.slot)
            return receiver
        self.next_slot += 1
        return Receiver(self.next_slot - 1)

    def report(self, now: float, final: bool) -> None:
        covers = seconds_covered(self.second, now - BEGIN)
        interval = worker_report.WorkerInterval(
            worker=self.number,
            number=self.second,
            covers=covers,
            until=now,
            operations=self.metrics.close_operations(),
            connections=Connections(),
            bytes=Bytes(),
            health=HEALTH,
            presence=self.metrics.take_presence(),
            published=self.tracker.take_published(),
            receipts=self.tracker.take_receipts(),
            final=final,
        )
        self.tracker.forget_old(now)
        self.second += covers
        self.reports.append(worker_report.encode(interval))


class Fleet:
    """Runs a plan, and keeps the truth beside it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.workers = [Worker(number, plan.nodes != ("",)) for number in range(plan.workers)]
        self._which_node = Random(plan.seed + 2)
        #: The node of each message's sender.
        self.sent_at: dict[tuple[int, int], str] = {}
        self.end = BEGIN + plan.seconds + (60 if plan.late else 6)
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        # the truth: who published what in which second of its worker, who was due, what came
        self.published: dict[tuple[int, int], tuple[int, int]] = {}
        self.due: dict[tuple[int, int], list[Session]] = {}
        self.arrived: dict[tuple[tuple[int, int], int], tuple[int, int, bool]] = {}
        self.duplicate: Counter[tuple[int, int]] = Counter()
        self.reordered: Counter[tuple[int, int]] = Counter()
        self._highest: dict[tuple[int, int], int] = {}
        self.users = [self._user(number) for number in range(plan.users)]
        for _ in range(plan.publications):
            user = self.random.choice(self.users)
            self._at(
                BEGIN + self.random.uniform(0, plan.seconds), lambda now, user=user: self._publish(user, now)
            )
        for worker in self.workers:
            self._close_seconds(worker)
        self.killed = self.workers[-1] if plan.killed else None
        if self.killed is not None:
            self._at(BEGIN + self.random.uniform(0, plan.seconds + 1), self._kill)

    def run(self) -> None:
        while self._agenda:
            now, _, act = heapq.heappop(self._agenda)
            act(now)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), act))

    def _kill(self, now: float) -> None:
        assert self.killed is not None
        self.killed.dead = True

    def _user(self, number: int) -> User:
        random, plan = self.random, self.plan
        user = User(random.choice(self.workers), 1 + number)
        moment = BEGIN + random.choice([0.0, random.uniform(0, plan.seconds)])
        for _ in range(random.choice([1, 1, 2, 3])):
            lives = random.choice([random.uniform(0, plan.seconds), self.end - 1 - moment])
            left = min(moment + lives, self.end - 1)
            # it leaves and lingers for what is under way, or breaks
            closed = min(left + random.choice([0.0, 0.3, plan.delay]), self.end - 0.5)
            if moment >= left:
                break
            session = Session(user, moment, left, closed, self._which_node.choice(plan.nodes))
            user.sessions.append(session)
            self._at(moment, lambda now, s=session: self._join(s, now))
            self._at(left, lambda now, s=session: self._leave(s, now))
            self._at(closed, lambda now, s=session: self._closed(s, now))
            moment = closed + random.uniform(0, 1)
        return user

    def _join(self, session: Session, now: float) -> None:
        user = session.user
        if user.worker.dead:
            return
        if user.receiver is None:
            user.receiver = user.worker.receiver()
        session.open = True
        user.worker.metrics.join(user.receiver, now, node=session.node)

    def _leave(self, session: Session, now: float) -> None:
        if not session.user.worker.dead:
            assert session.user.receiver is not None
            session.user.worker.metrics.leave(session.user.receiver, now)

    def _closed(self, session: Session, now: float) -> None:
        user = session.user
        session.open = False
        if not user.worker.dead and session is user.sessions[-1]:
            assert user.receiver is not None
            user.worker.free_slots.append(user.receiver.slot)

    def _publish(self, user: User, now: float) -> None:
        random, plan, worker = self.random, self.plan, user.worker
        session = next((s for s in user.sessions if s.open and now < s.left), None)
        if session is None or worker.dead:
            return
        discount = int(not plan.includes_sender)
        assert user.receiver is not None
        early = random.choice([0.0, 0.4])
        text = worker.tracker.publish(
            user.number, "said", now, now - early, worker.metrics.present, discount, user.receiver.node
        )
        mark = stamp.find(text.encode(), worker.tracker.run)
        assert mark is not None
        key = (mark.publisher, mark.seq)
        self.published[key] = (worker.number, worker.second)
        self.sent_at[key] = session.node
        sessions = [s for u in self.users for s in u.sessions if s is not session or plan.includes_sender]
        self.due[key] = [s for s in sessions if s.due(mark.sent)]
        for target in sessions:
            # those that join while it is under way may get it too
            joins_soon = mark.sent < target.joined < now + 1 and random.random() < 0.5
            if not (target.due(mark.sent) or target.open or joins_soon) or random.random() < plan.lose:
                continue
            for _ in range(1 + (random.random() < plan.repeat)):
                delay = random.uniform(0, plan.delay)
                if plan.late and random.random() < 0.2:
                    delay = random.uniform(20, 50)
                self._at(
                    max(now, target.joined) + delay,
                    lambda now, s=target: self._arrive(s, key, mark.sent, text, now),
                )

    def _arrive(self, session: Session, key: tuple[int, int], sent: float, text: str, now: float) -> None:
        user, worker = session.user, session.user.worker
        if not session.open or worker.dead:
            return
        message = worker.tracker.seen(b'42["said","' + text.encode() + b'"]', "said")
        assert message is not None
        assert user.receiver is not None
        message.deliver(user.receiver, now)
        # the oracle's turn
        second = (worker.number, worker.second)
        if (key, user.number) in self.arrived:
            self.duplicate[second] += 1
            return
        self.arrived[key, user.number] = (*second, session.due(sent))
        highest = self._highest.get((key[0], user.number), 0)
        self.reordered[second] += highest > key[1]
        self._highest[key[0], user.number] = max(highest, key[1])

    def _close_seconds(self, worker: Worker) -> None:
        """Each second, a little or a lot late; the workers' last reports lie in different seconds."""
        random, stall = self.random, self.plan.stall
        ends = self.end + random.choice([0.0, 1.5])
        closed, number = BEGIN, 0
        while True:
            late = random.uniform(0, stall) if random.random() < 0.5 else 0.0
            closed = max(closed + 1e-6, BEGIN + number + 1 + late)
            if closed >= ends:
                break
            self._at(closed, lambda now: worker.dead or worker.report(now, final=False))
            number += seconds_covered(number, closed - BEGIN)
        self._at(max(ends, closed), lambda now: worker.dead or worker.report(now, final=True))


@dataclass
class Totals:
    """What the parent made of it."""

    delivery: Counter[str]
    given_out: set[tuple[int, int]]
    timed: int
    pending: int
    by_node: Counter[tuple[str, str]] = field(default_factory=Counter)
    nodes: int = 0


def account(fleet: Fleet) -> Totals:
    """Do as the parent does, with the workers' reports arriving in any order."""
    random = Random(fleet.plan.seed + 1)
    timeline, deliveries = Timeline(len(fleet.workers)), DeliveryAggregator()
    arriving = [worker.number for worker in fleet.workers for _ in worker.reports]
    random.shuffle(arriving)
    waiting = [iter(worker.reports) for worker in fleet.workers]
    if fleet.killed is not None:
        arriving.insert(random.randint(0, len(arriving)), -1)
    totals = Totals(Counter(), set(), 0, 0)
    written_s = 0.0
    for number in arriving:
        if number < 0:
            assert fleet.killed is not None
            timeline.lose(fleet.killed.number)
        else:
            timeline.add(worker_report.decode(next(waiting[number])))
        for parts in timeline.whole():
            last = timeline.finished and not timeline.waiting
            delivery = deliveries.close(parts, max(part.until for part in parts), last)
            assert delivery.expected == delivery.received + delivery.lost
            if (by_node := deliveries.take_by_node()) is not None:
                totals.nodes = max(totals.nodes, by_node.nodes)
                for relation in ("same", "across", "unknown"):
                    part = getattr(by_node, relation)
                    assert part.expected == part.received + part.lost
                    assert part.response.count <= part.received
                    totals.by_node[relation, "received"] += part.received
                    totals.by_node[relation, "lost"] += part.lost
            end_s = end_of(parts, BEGIN, written_s)
            assert end_s > written_s
            interval = merge(parts, end_s, end_s - written_s, 0, delivery, {})
            written_s = end_s
            totals.timed += sum(operation.count for operation in interval.operations)
            totals.delivery.update({name: getattr(delivery, name) for name in Delivery.__struct_fields__})
            totals.pending = delivery.pending
            totals.given_out |= {(p.worker, p.number + n) for p in parts for n in range(p.covers)}
    assert timeline.finished
    assert not timeline.waiting
    return totals


@given(plans)
@settings(max_examples=300)
# a worker that closes its second late tells of a message before another tells who was there
@example(Plan(3, 3, 10, 40, 4, 0.05, 0.0, 0.0, True, 2.5))
@example(Plan(5, 2, 10, 40, 4, 1.5, 0.5, 0.5, False, 2.5))
def test_every_delivery_is_accounted_for_as_an_oracle_would(plan: Plan) -> None:
    fleet = Fleet(plan)
    fleet.run()
    totals = account(fleet)
    got = totals.delivery
    never = sum(
        1
        for key, sessions in fleet.due.items()
        for session in sessions
        if not fleet.arrived.get((key, session.user.number), (0, 0, False))[2]
    )
    assert got["published"] == len(fleet.published)
    assert got["received"] == len(fleet.arrived) == totals.timed
    assert got["lost"] == never
    assert got["duplicate"] == fleet.duplicate.total()
    assert got["reordered"] == fleet.reordered.total()
    assert got["late"] == 0
    assert totals.pending == 0
    if plan.nodes == ("",):
        assert not totals.by_node
        return
    true: Counter[tuple[str, str]] = Counter()
    for key, sessions in fleet.due.items():
        for session in sessions:
            both = fleet.sent_at[key], session.node
            relation = "unknown" if "" in both else "same" if both[0] == both[1] else "across"
            came = fleet.arrived.get((key, session.user.number), (0, 0, False))[2]
            true[relation, "received" if came else "lost"] += 1
    # what came before a first node was known is counted by none
    for relation, outcome in {*true, *totals.by_node}:
        counted, there = totals.by_node[relation, outcome], true[relation, outcome]
        assert counted == there if relation != "unknown" else counted <= there
    assert totals.nodes <= len(set(plan.nodes) - {""})


@given(plans)
@settings(max_examples=60)
def test_what_comes_after_it_was_given_up_is_lost_and_late_but_never_received(plan: Plan) -> None:
    fleet = Fleet(Plan(**{**vars(plan), "late": True}))
    fleet.run()
    got = account(fleet).delivery
    on_time = sum(due for _, _, due in fleet.arrived.values()) - got["late"]
    undue = sum(not due for _, _, due in fleet.arrived.values())
    assert got["received"] == on_time + undue
    assert got["lost"] == sum(map(len, fleet.due.values())) - on_time
    assert got["duplicate"] == fleet.duplicate.total()
    assert got["reordered"] == fleet.reordered.total()


@given(plans)
@settings(max_examples=200)
# the others' seconds are blocked so long that all of the run is one, the lost worker's last report included
@example(Plan(352, 3, 5, 17, 1, 1.5, 0.0, 0.0, False, 2.5))
def test_a_lost_worker_makes_no_lost_messages(plan: Plan) -> None:
    assume(plan.workers > 1)
    fleet = Fleet(Plan(**{**vars(plan), "killed": True}))
    fleet.run()
    totals = account(fleet)
    assert fleet.killed is not None
    told = totals.given_out
    received = [where for where in fleet.arrived.values() if where[:2] in told]
    never = sum(
        1
        for key, sessions in fleet.due.items()
        for session in sessions
        if fleet.published[key] in told
        and session.user.worker is not fleet.killed
        and not fleet.arrived.get((key, session.user.number), (0, 0, False))[2]
    )
    got: Any = totals.delivery
    assert got["published"] == sum(where in told for where in fleet.published.values())
    assert got["received"] == len(received) == totals.timed
    assert got["lost"] == never
    assert got["duplicate"] == sum(n for where, n in fleet.duplicate.items() if where in told)
    assert got["reordered"] == sum(n for where, n in fleet.reordered.items() if where in told)
    assert totals.pending == 0
