"""Messages to all at a user that loses its connection and comes back, held against what it really got."""

from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from siotool.protocol import stamp
from siotool.runfile import Bytes, Connections, WorkerHealth
from siotool.swarm.deliveries import DeliveryAggregator
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.receiver import Receiver
from siotool.swarm.worker_report import WorkerInterval

RUN, PUBLISHER = 7, 9
HEALTH = WorkerHealth(0, 0.1, 1, 0.0, 0.0, 1, 1)
#: Of a course; stamps keep such moments as they are.
STEPS_PER_S, STEPS = 8, 80

moments = st.integers(0, STEPS)


class Course:
    """A user that is there from the first of its moments to the second one, and so on."""

    def __init__(self, turns: list[int], recovered: list[bool]) -> None:
        self.receiver = Receiver(0)
        self.tracker = DeliveryTracker(RUN)
        self.metrics = Metrics(self.tracker)
        self.deliveries = DeliveryAggregator()
        self.totals = Counter[str]()
        self.sent: list[bytes] = []
        self.turns = [turn / STEPS_PER_S for turn in turns]
        self.recovered = recovered

    def present(self, moment: float) -> bool:
        return sum(turn <= moment for turn in self.turns) % 2 == 1

    def turn(self, number: int) -> None:
        now = self.turns[number]
        if number % 2:
            self.metrics.lose(self.receiver, now, None)
        else:
            self.metrics.join(self.receiver, now, recovered=number > 0 and self.recovered[number // 2])

    def publish(self, now: float) -> None:
        text = self.tracker.publish(PUBLISHER, "say", now, now, receivers=0, discount=0)
        self.sent.append(b'42["say","%b"]' % text.encode())

    def arrive(self, number: int, now: float) -> None:
        message = self.tracker.seen(self.sent[number], "say")
        assert message is not None
        message.deliver(self.receiver, now)

    def report(self, until: float, *, last: bool) -> None:
        part = WorkerInterval(
            worker=0,
            number=int(until) - 1,
            until=until,
            operations=self.metrics.close_operations(),
            connections=Connections(),
            bytes=Bytes(),
            health=HEALTH,
            presence=self.metrics.take_presence(),
            published=self.tracker.take_published(),
            receipts=self.tracker.take_receipts(timed=False),
            final=last,
        )
        delivery = self.deliveries.close([part], until, last)
        assert delivery.expected == delivery.received + delivery.lost
        names = ("received", "lost", "late", "duplicate")
        self.totals.update({name: getattr(delivery, name) for name in names})


@given(
    st.lists(moments, min_size=1, max_size=8, unique=True).map(sorted),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(st.tuples(moments, st.none() | st.integers(1, STEPS)), max_size=12),
)
@settings(max_examples=300, deadline=None)
# in flight at a loss, and replayed into a new session, or into the one after it
@example([0, 16, 24], [False] * 4, [(15, 10)])
@example([0, 16, 24, 32, 40], [False] * 4, [(15, 30)])
@example([0, 16, 24], [True] * 4, [(15, 10), (20, 8), (30, None)])
def test_a_delivery_around_a_loss_is_either_received_or_lost(
    turns: list[int], recovered: list[bool], messages: list[tuple[int, int | None]]
) -> None:
    """``messages``: when each is sent, and how much later it comes; None: it never does."""
    course = Course(turns, recovered)
    messages = sorted(messages, key=lambda message: message[0])
    agenda = [(turn / STEPS_PER_S, 0, number) for number, turn in enumerate(turns)]
    agenda += [(sent / STEPS_PER_S, 1, number) for number, (sent, _) in enumerate(messages)]
    arrivals = {
        number: (sent + later) / STEPS_PER_S
        for number, (sent, later) in enumerate(messages)
        if later is not None and sent + later >= turns[0]
    }
    agenda += [(now, 2, number) for number, now in arrivals.items()]
    end = 2 * STEPS // STEPS_PER_S + 1
    agenda += [(float(second), 3, second) for second in range(1, end + 1)]
    for now, kind, number in sorted(agenda):
        if kind == 0:
            course.turn(number)
        elif kind == 1:
            course.publish(now)
        elif kind == 2:
            course.arrive(number, now)
        else:
            course.report(now, last=number == end)
    marks = [stamp.find(text, RUN) for text in course.sent]
    lost = sum(
        course.present(mark.sent) and number not in arrivals
        for number, mark in enumerate(marks)
        if mark is not None
    )
    assert course.totals == Counter(received=len(arrivals), lost=lost, late=0, duplicate=0)
