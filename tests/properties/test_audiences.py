"""Rooms of a simulated fleet behind real trackers and reports, held against an oracle that sees everything.

Users of several workers join, move between rooms, leave, lose their connections and come back, some
with a recovered session; the server loses, repeats, delays and overtakes at will, leaks into other
rooms, and needs its time to put a user into a room or out of it. The oracle knows every membership
and every arrival, and applies the rule as it is written down in ``siotool/swarm/audience.py``.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from siotool.histogram import merged
from siotool.protocol import stamp
from siotool.runfile import AUDIENCE_SIZES, AudienceDeliveries, Bytes, Connections, WorkerHealth
from siotool.swarm import worker_report
from siotool.swarm.audience import CHANGING_S
from siotool.swarm.deliveries import DeliveryAggregator
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.receiver import Receiver

RUN = 0xC0FFEE
BEGIN = 5_000.0
HEALTH = WorkerHealth(0, 0.1, 1, 0.0, 0.0, 1, 1)
_Key = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What happens; durations in seconds, shares from 0 to 1."""

    seed: int
    workers: int
    users: int
    rooms: int
    messages: int
    seconds: int
    delay: float
    lose: float = 0.0
    repeat: float = 0.0
    leak: float = 0.0
    moves: int = 0
    breaks: int = 0
    acknowledged: bool = True
    includes_sender: bool = True
    #: How many nodes the service has; one is not told of. A connection may not know its own.
    nodes: int = 1


plans = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 3),
    users=st.integers(1, 12),
    rooms=st.integers(1, 4),
    messages=st.integers(0, 60),
    seconds=st.integers(1, 8),
    delay=st.sampled_from([0.001, 0.05, 1.5]),
    lose=st.sampled_from([0.0, 0.1, 0.5]),
    repeat=st.sampled_from([0.0, 0.1, 0.5]),
    leak=st.sampled_from([0.0, 0.1]),
    moves=st.integers(0, 20),
    breaks=st.integers(0, 5),
    acknowledged=st.booleans(),
    includes_sender=st.booleans(),
    nodes=st.sampled_from([1, 1, 2, 3]),
)


@dataclass(eq=False)
class Member:
    """One membership of a user, as the oracle knows it: when it was declared, when it ended and how."""

    room: int
    declared: float
    begin: float
    left: float = inf
    excused: bool = False
    #: Its user left for good: the connection stays open for a while, and all that comes is no fault.
    gone: bool = False

    def expects(self, sent: float) -> bool:
        end = max(self.begin, self.left - CHANGING_S) if self.excused else max(self.begin, self.left)
        return self.begin <= sent < end

    def welcomes(self, sent: float, now: float) -> bool:
        """Whether what comes now comes to a place of its own."""
        return self.declared <= now and self.tolerates(sent, now)

    def tolerates(self, sent: float, arrived: float) -> bool:
        ends = inf if self.gone else self.left
        return sent < ends + CHANGING_S and arrived >= self.declared - CHANGING_S


@dataclass(eq=False)
class User:
    worker: "Worker"
    number: int
    receiver: Receiver
    #: Connected; the room it is in by its own account.
    online: bool = False
    #: It has asked to join a room and has no answer yet.
    waiting: bool = False
    #: How often it has asked; only the last question is answered, those before it have timed out.
    asked: int = 0
    #: When its connection was lost; when it went while it waited.
    broke: list[float] = field(default_factory=list)
    gone: bool = False
    room: int | None = None
    memberships: list[Member] = field(default_factory=list)
    #: The server's side: when it is in which room.
    served: list[tuple[int, float, float]] = field(default_factory=list)
    #: When it connected, and to which node.
    nodes: list[tuple[float, str]] = field(default_factory=list)

    def node_at(self, sent: float) -> str:
        return [node for since, node in self.nodes if since <= sent][-1]

    def unsettled(self, arrived: float) -> bool:
        """Whether it lost its connection, or went, soon after: it may have been about to join."""
        if any(arrived <= broke <= arrived + CHANGING_S for broke in self.broke):
            return True
        return inf in self.broke and arrived >= self.broke[-2]


class Worker:
    """A worker process without its engine."""

    def __init__(self, number: int, by_node: bool) -> None:
        self.number = number
        self.tracker = DeliveryTracker(RUN, by_node=by_node)
        self.metrics = Metrics(self.tracker)
        self.second = 0
        self.slots = 0

    def report(self, now: float, final: bool) -> worker_report.WorkerInterval:
        self.tracker.audiences.settle(now, final=final)
        interval = worker_report.WorkerInterval(
            worker=self.number,
            number=self.second,
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
        self.second += 1
        return worker_report.decode(worker_report.encode(interval))


class Fleet:
    """Runs a plan, and keeps the truth beside it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.workers = [Worker(number, plan.nodes > 1) for number in range(plan.workers)]
        self._which_node = Random(plan.seed + 1)
        self.by_node = Counter[tuple[str, str]]()
        self.deliveries = DeliveryAggregator()
        self.totals = Counter[str]()
        self.classes: list[AudienceDeliveries] = []
        self._parts: list[worker_report.WorkerInterval] = []
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self.messages: dict[_Key, tuple[int, float, User]] = {}
        #: By message and user: all arrivals, in their order.
        self.arrived: dict[tuple[_Key, int], list[float]] = {}
        self.reordered = 0
        self.told = False
        #: By sender, room and receiver: what came, when, and whether to a place.
        self._newest: dict[tuple[int, int, int], list[tuple[int, float, bool]]] = {}
        self.users = []
        for number in range(plan.users):
            worker = self.random.choice(self.workers)
            worker.slots += 1
            user = User(worker, 1 + number, Receiver(worker.slots - 1))
            self.users.append(user)
            self._at(
                BEGIN + self.random.choice([0.0, self.random.uniform(0, 1)]),
                lambda t, u=user: self._connect(u, t),
            )
        for act, times in (
            (self._publish, plan.messages),
            (self._move, plan.moves),
            (self._break, plan.breaks),
        ):
            for _ in range(times):
                user = self.random.choice(self.users)
                moment = BEGIN + self.random.uniform(0, plan.seconds)
                self._at(moment, lambda t, u=user, act=act: act(u, t))
        for user in self.users:
            if self.random.random() < 0.2:
                self._at(BEGIN + self.random.uniform(0, plan.seconds), lambda t, u=user: self._go(u, t))
        self.end = plan.seconds + 8
        for second in range(1, self.end + 1):
            for worker in self.workers:
                final = second == self.end
                late = self.random.uniform(0, 0.3)
                self._at(BEGIN + second + late, lambda t, w=worker, f=final: self._report(w, t, f))

    def run(self) -> None:
        while self._agenda:
            now, _, act = heapq.heappop(self._agenda)
            act(now)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), act))

    def _report(self, worker: Worker, now: float, final: bool) -> None:
        self._parts.append(worker.report(now, final))
        if len(self._parts) == len(self.workers):
            parts, self._parts = sorted(self._parts, key=lambda part: part.worker), []
            delivery = self.deliveries.close(parts, min(part.until for part in parts), final)
            assert delivery.expected == delivery.received + delivery.lost
            self.totals.update({name: getattr(delivery, name) for name in delivery.__struct_fields__})
            self.classes += self.deliveries.take_audiences()
            by_node = self.deliveries.take_by_node()
            # from the first member on whose node is known
            assert by_node is None or self.told
            assert by_node is not None or not self.by_node
            for relation in ("same", "across", "unknown") if by_node else ():
                part = getattr(by_node, relation)
                assert part.expected == part.received + part.lost
                assert part.response.count == part.received or self.plan.moves
                self.by_node.update({(relation, name): getattr(part, name) for name in ("received", "lost")})

    # ── users ─────────────────────────────────────────────────────────────────────────

    def _connect(self, user: User, now: float, recovered: bool = False) -> None:
        user.online = True
        nodes = ["node 1", "node 2", ""][: self.plan.nodes] if self.plan.nodes > 1 else [""]
        node = self._which_node.choice(nodes)
        self.told = self.told or bool(node)
        user.nodes.append((now, node))
        user.worker.metrics.join(user.receiver, now, recovered=recovered, node=node)
        if recovered and user.room is not None:
            user.memberships.append(Member(user.room, now, now))
        else:
            self._join(user, self.random.randrange(self.plan.rooms), now)

    def _join(self, user: User, room: int, now: float) -> None:
        """The server takes the user in at once where it acknowledges; else it takes its time."""
        user.room = room
        user.asked = asked = user.asked + 1
        if self.plan.acknowledged:
            user.served.append((room, now, inf))
            user.waiting = True
            answered = now + self.random.uniform(0, 0.9 * CHANGING_S)
            self._at(answered, lambda t: self._declare(user, room, t, 0.0, asked))
        else:
            user.served.append((room, now + self.random.uniform(0, 0.9 * CHANGING_S), inf))
            self._declare(user, room, now, CHANGING_S, asked)

    def _declare(self, user: User, room: int, now: float, settle_s: float, asked: int) -> None:
        if not user.online or user.room != room or user.asked != asked:
            return
        user.waiting = False
        user.worker.tracker.audiences.join(user.receiver, room + 1, now, settle_s)
        if not any(m.room == room and m.left == inf for m in user.memberships):
            user.memberships.append(Member(room, now, now + settle_s))

    def _move(self, user: User, now: float) -> None:
        if not user.online or user.room is None:
            return
        room = user.room
        user.worker.tracker.audiences.leave(user.receiver, room + 1, now)
        member = next((m for m in user.memberships if m.room == room and m.left == inf), None)
        if member is None:  # its join was not declared yet: it may or may not have happened
            member = Member(room, now, inf)
            user.memberships.append(member)
        member.left, member.excused = now, True
        self._serve_no_more(user, now + self.random.uniform(0, 0.9 * CHANGING_S))
        self._join(user, (room + 1) % self.plan.rooms, now)

    def _serve_no_more(self, user: User, at: float) -> None:
        user.served = [(r, b, min(e, max(b, at))) for r, b, e in user.served]

    def _break(self, user: User, now: float) -> None:
        if not user.online or user.gone:
            return
        user.online = user.waiting = False
        user.broke.append(now)
        user.worker.metrics.leave(user.receiver, now)
        member = next((m for m in user.memberships if m.left == inf), None)
        if member is not None:
            member.left = now
        recovered = member is not None and member.begin <= now and self.random.random() < 0.5
        if not recovered:
            user.room = None
            self._serve_no_more(user, now)
        back = now + self.random.uniform(0, 1)
        self._at(back, lambda t: self._connect(user, t, recovered))

    def _go(self, user: User, now: float) -> None:
        if not user.online or user.gone:
            return
        user.room, user.gone = None, True
        if user.waiting:
            user.broke += [now, inf]
        user.worker.metrics.leave(user.receiver, now, gone=True, waiting=user.waiting)
        for member in user.memberships:
            if member.left == inf:
                member.left, member.gone = now, True
        self._at(now + self.random.choice([0.3, 3.0]), lambda t: self._closed(user, t))

    def _closed(self, user: User, now: float) -> None:
        if user.online:
            user.online = False
            user.worker.metrics.leave(user.receiver, now)
            user.worker.tracker.audiences.forget_receiver(user.receiver, now)
            self._serve_no_more(user, now)

    # ── messages ──────────────────────────────────────────────────────────────────────

    def _publish(self, user: User, now: float) -> None:
        random, plan = self.random, self.plan
        if not user.online or user.room is None:
            return
        room, includes = user.room, plan.includes_sender
        text = user.worker.tracker.publish_to(
            user.receiver, user.number, room + 1, "say", now, now - 0.1, includes_sender=includes
        )
        mark = stamp.find(text.encode(), RUN)
        assert mark is not None
        key = (mark.publisher, mark.seq)
        self.messages[key] = (room, mark.sent, user)
        handled = now + random.uniform(0, 0.05)  # every sender's messages reach the server in their order
        for other in self.users:
            inside = any(r == room and begin <= handled < end for r, begin, end in other.served)
            if other is user and not includes:
                inside = False
            if not (inside and random.random() >= plan.lose) and random.random() >= plan.leak:
                continue
            for _ in range(1 + (random.random() < plan.repeat)):
                delay = random.uniform(0, plan.delay)
                self._at(handled + delay, lambda t, u=other: self._arrive(u, key, text, t))

    def _arrive(self, user: User, key: _Key, text: str, now: float) -> None:
        if not user.online:
            return
        message = user.worker.tracker.seen(b'42["say","' + text.encode() + b'"]', "say")
        assert message is not None
        message.deliver(user.receiver, now)
        arrivals = self.arrived.setdefault((key, user.number), [])
        arrivals.append(now)
        room, sent, sender = self.messages[key]
        if len(arrivals) == 1:
            placed = any(m.room == room and m.welcomes(sent, now) for m in user.memberships)
            placed = placed and (self.plan.includes_sender or user is not sender)
            before = self._newest.setdefault((key[0], room, user.number), [])
            if placed:
                self.reordered += any(
                    seq > key[1] and self._has(user, room, *rest, now) for seq, *rest in before
                )
            before.append((key[1], now, placed))

    def _has(self, user: User, room: int, arrived: float, placed: bool, now: float) -> bool:
        """Whether what arrived is the user's by now: it may have become a member since."""
        since = (m.declared for m in user.memberships if m.room == room)
        return placed or any(arrived < declared <= min(now, arrived + CHANGING_S) for declared in since)

    # ── the truth ─────────────────────────────────────────────────────────────────────

    def truth_by_node(self) -> Counter[tuple[str, str]]:
        """What was expected and came, and what was lost, by the nodes of both at the moment it was sent."""
        found = Counter[tuple[str, str]]()
        for key, (room, sent, sender) in self.messages.items():
            for user in self.users:
                excluded = user is sender and not self.plan.includes_sender
                if excluded or not any(m.room == room and m.expects(sent) for m in user.memberships):
                    continue
                both = sender.node_at(sent), user.node_at(sent)
                relation = "unknown" if "" in both else "same" if both[0] == both[1] else "across"
                outcome = "received" if self.arrived.get((key, user.number)) else "lost"
                found[relation, outcome] += 1
        return found

    def truth(self) -> Counter[str]:
        """What the account is to say."""
        found = Counter[str]()
        for key, (room, sent, sender) in self.messages.items():
            for user in self.users:
                mine = [m for m in user.memberships if m.room == room]
                arrivals = self.arrived.get((key, user.number), [])
                excluded = user is sender and not self.plan.includes_sender
                expected = not excluded and any(m.expects(sent) for m in mine)
                found["duplicate"] += max(0, len(arrivals) - 1)
                if not arrivals:
                    found["lost"] += expected
                    continue
                tolerated = any(m.tolerates(sent, arrivals[0]) for m in mine)
                if excluded or not (tolerated or user.unsettled(arrivals[0])):
                    found["misdelivered"] += 1
                else:
                    found["received"] += 1
        return found


ALL = Plan(1, 3, 12, 3, 60, 8, 0.05)


@given(plans)
@settings(max_examples=300, deadline=None)
@example(ALL)
@example(Plan(**{**vars(ALL), "moves": 20, "acknowledged": False}))
@example(Plan(**{**vars(ALL), "lose": 0.5, "repeat": 0.5, "leak": 0.1, "moves": 20, "breaks": 5}))
@example(Plan(**{**vars(ALL), "lose": 0.1, "moves": 20, "includes_sender": False, "delay": 1.5}))
@example(Plan(**{**vars(ALL), "lose": 0.1, "breaks": 20, "includes_sender": False, "nodes": 2}))
# a recovered session has the rooms of the connection before it, not those of an earlier one
@example(
    Plan(3664758879, 3, 8, 2, 39, 4, 0.001, lose=0.1, leak=0.1, moves=14, breaks=2, includes_sender=False)
)
def test_every_delivery_to_a_room_is_accounted_for_as_an_oracle_would(plan: Plan) -> None:
    fleet = Fleet(plan)
    fleet.run()
    truth = fleet.truth()
    got = fleet.totals
    for name in ("received", "lost", "misdelivered", "duplicate"):
        assert got[name] == truth[name], name
    assert got["reordered"] == fleet.reordered
    assert (got["published"], got["late"]) == (len(fleet.messages), 0)
    truth_by_node = fleet.truth_by_node()
    for relation, outcome in {*truth_by_node, *fleet.by_node}:
        counted, true = fleet.by_node[relation, outcome], truth_by_node[relation, outcome]
        # what came before a first node was known is counted by none
        before = relation == "unknown" and counted < true
        # who leaves a room soon after a message is not to have it; one that all have is closed by then
        moved = outcome == "received" and plan.moves and counted > true
        assert counted == true or before or moved, relation
    by_size = Counter[str]()
    for found in fleet.classes:
        assert found.to == "room"
        assert found.size in AUDIENCE_SIZES
        by_size.update({name: getattr(found, name) for name in ("messages", "expected", "received", "lost")})
        by_size.update({name: getattr(found, name) for name in ("duplicate", "reordered", "misdelivered")})
    assert by_size["messages"] == len(fleet.messages)
    for name in ("expected", "received", "lost", "misdelivered", "duplicate", "reordered"):
        assert by_size[name] == got[name], name


@given(plans)
@settings(max_examples=100, deadline=None)
def test_a_healthy_server_is_never_found_at_fault_while_users_move(plan: Plan) -> None:
    """Whatever the server's time to put users in and out of rooms, up to ``CHANGING_S``."""
    healthy = {"lose": 0.0, "repeat": 0.0, "leak": 0.0, "breaks": 0, "moves": 20, "delay": 0.05}
    fleet = Fleet(Plan(**{**vars(plan), **healthy}))
    fleet.run()
    assert (fleet.totals["lost"], fleet.totals["misdelivered"], fleet.totals["duplicate"]) == (0, 0, 0)


@given(plans)
@settings(max_examples=100, deadline=None)
def test_the_first_the_median_and_the_last_receiver_are_those_of_each_message(plan: Plan) -> None:
    plan = Plan(**{**vars(plan), "moves": 0, "breaks": 0, "leak": 0.0, "lose": 0.0, "seconds": 3})
    fleet = Fleet(plan)
    fleet.run()
    wanted: dict[str, list[float]] = {"first": [], "median": [], "last": [], "spread": []}
    for key, (room, sent, sender) in fleet.messages.items():
        due = [
            fleet.arrived.get((key, user.number))
            for user in fleet.users
            if (user is not sender or plan.includes_sender)
            and any(m.room == room and m.expects(sent) for m in user.memberships)
        ]
        if not all(due):
            continue  # a message that some did not get has no last receiver
        times = sorted(arrivals[0] - (sent - 0.1) for arrivals in due if arrivals)
        if times:
            wanted["first"].append(times[0])
            wanted["median"].append(times[(len(times) - 1) // 2])
            wanted["last"].append(times[-1])
            wanted["spread"].append(times[-1] - times[0])
    for name, values in wanted.items():
        got = merged(getattr(found, name) for found in fleet.classes)
        assert got.count == len(values)
        if values:
            assert np.isclose(got.max_s, max(values), rtol=1e-5, atol=1e-5)
            assert np.isclose(got.min_s, min(values), rtol=1e-5, atol=1e-5)
            assert np.isclose(got.sum_s, sum(values), rtol=1e-4, atol=1e-4)
