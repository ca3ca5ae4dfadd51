from time import time as epoch

import pytest

from siotool.histogram import merged
from siotool.protocol import stamp
from siotool.runfile import OTHER, Bytes, Connections, TargetUse
from siotool.swarm.aggregator import summed
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.machines.clock_comparison import ClockReading
from siotool.swarm.memory_limits import NAME_CHARACTERS, NAMES, REMARK_CHARACTERS, REMARKS_OF_A_KIND
from siotool.swarm.metrics import Dated, Metrics, Untimed, epoch_seconds
from siotool.swarm.operation_samples import OperationSamples
from siotool.swarm.receiver import Receiver
from siotool.swarm.run_clock import RunClock
from siotool.swarm.user_counts import UserCounts
from siotool.swarm.worker_report import Presence


@pytest.fixture
def metrics():
    return Metrics(DeliveryTracker(1))


def test_samples_keep_response_and_service_times_apart():
    samples = OperationSamples("ack", "echo")
    samples.record(0.5, 0.1)
    samples.record(0.3, 0.2)
    samples.errors["timeout"] += 2
    closed = samples.close()
    assert (closed.op, closed.name, closed.count, closed.errors) == ("ack", "echo", 2, {"timeout": 2})
    assert (closed.response.min_s, closed.response.max_s) == (0.3, 0.5)
    assert (closed.service.min_s, closed.service.max_s) == (0.1, 0.2)
    again = samples.close()
    assert (again.count, again.errors, again.response.count) == (0, {}, 0)
    assert closed.errors == {"timeout": 2}, "what was closed stays"


def test_an_event_name_that_no_file_can_hold_is_counted_under_one_it_can(metrics):
    """Trap: JavaScript servers may emit names with half of a surrogate pair."""
    for name in ("a\ud800", "a?"):
        metrics.samples("deliver", name).record(1.0, 1.0)
    (closed,) = metrics.close_operations()
    assert (closed.name, closed.count) == ("a?", 2)


def test_what_nobody_answered_keeps_how_long_it_was_waited_for():
    samples = OperationSamples("ack", "echo")
    samples.fail("timeout", 5.1)
    samples.fail("unanswered", 2.0)
    samples.fail("transport_close")
    closed = samples.close()
    assert (closed.count, closed.errors) == (0, {"timeout": 1, "unanswered": 1, "transport_close": 1})
    assert (closed.given_up.count, closed.given_up.min_s, closed.given_up.max_s) == (2, 2.0, 5.1)
    assert samples.close().given_up.count == 0


def test_counts_of_a_class_are_those_since_the_last_look():
    counts = UserCounts("Chat")
    counts.sent, counts.judged, counts.failed = 7, 2, 1
    taken = counts.take()
    assert (taken.sent, taken.begun, taken.failed) == (7, 9, 1)
    counts.sent = 10
    assert (counts.take().sent, summed([taken, taken]).sent) == (3, 14)


def test_a_time_before_its_start_counts_as_none():
    samples = OperationSamples("deliver", "tick")
    samples.record(-0.002, -0.002)
    closed = samples.close()
    assert (closed.count, closed.response.min_s, closed.response.sum_s) == (1, 0.0, 0.0)


def test_deliveries_without_a_send_time_are_counted_and_have_no_latency():
    samples = OperationSamples("deliver", "tick")
    for _ in range(3):
        Untimed(samples).deliver(Receiver(0), 1.0)
    samples.record(0.5, 0.5)
    closed = samples.close()
    assert (closed.count, closed.response.count) == (4, 1)
    assert samples.close().count == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(1_772_359_200, 1_772_359_200, id="seconds"),
        pytest.param(1_772_359_200.25, 1_772_359_200.25, id="seconds with a fraction"),
        pytest.param(1_772_359_200_250, 1_772_359_200.25, id="milliseconds, as JavaScript has them"),
        pytest.param(1e9, 1e9, id="the first second that counts, in 2001"),
        pytest.param(1e12, 1e9, id="the same in milliseconds"),
        pytest.param(1_772_359_200_250_000, None, id="microseconds are not read"),
        pytest.param(1_772_359_200_250_000_000, None, id="nor nanoseconds"),
        pytest.param(0, None, id="zero is no send time"),
        pytest.param(42, None, id="nor is a counter"),
        pytest.param(-1_772_359_200, None, id="nor a negative number"),
        pytest.param(3e10, None, id="nor what lies between the two"),
        pytest.param(float("inf"), None, id="nor infinity"),
        pytest.param(float("nan"), None, id="nor no number"),
    ],
)
def test_an_epoch_time_is_read_in_seconds_or_milliseconds(value, seconds):
    assert epoch_seconds(value) == seconds


def test_a_dated_event_is_timed_by_the_wall_clock(metrics):
    samples = metrics.samples("deliver", "tick")
    Dated(samples, epoch() - 5, metrics).deliver(Receiver(0), 1.0)
    closed = samples.close()
    assert closed.response == closed.service
    assert 5 <= closed.response.max_s < 3600
    assert metrics.from_the_future == 0


def test_an_event_from_the_future_has_no_negative_time_and_is_told_of(metrics):
    samples = metrics.samples("deliver", "tick")
    Dated(samples, epoch() + 3600, metrics).deliver(Receiver(0), 1.0)
    assert samples.close().response.max_s == 0
    assert metrics.from_the_future == 1


def test_there_is_one_place_for_each_operation_and_only_what_happened_is_told(metrics):
    assert metrics.samples("ack", "echo") is metrics.samples("ack", "echo")
    assert metrics.samples("ack", "echo") is not metrics.samples("deliver", "echo")
    metrics.samples("ack", "echo").record(0.1, 0.1)
    metrics.samples("connect", "/").errors["refused"] += 1
    metrics.samples("ack", "silent")
    assert [(o.op, o.name, o.count) for o in metrics.close_operations()] == [
        ("ack", "echo", 1),
        ("connect", "/", 0),
    ]
    assert metrics.close_operations() == []


def test_stamped_arrivals_are_told_as_deliveries(metrics):
    text = metrics.tracker.publish(1, "said", 10.0, 9.0, receivers=2, discount=0)
    message = metrics.tracker.seen(text.encode(), "said")
    for slot in range(2):
        receiver = Receiver(slot)
        receiver.joined_at = 0.0
        message.deliver(receiver, 10.5)
    [closed] = metrics.close_operations()
    assert (closed.op, closed.name, closed.count) == ("deliver", "said", 2)
    assert merged([closed.response]).mean_s == pytest.approx(1.5)
    assert merged([closed.service]).mean_s == pytest.approx(0.5)


def test_history_that_is_replayed_to_a_newcomer_is_counted_but_not_timed(metrics):
    text = metrics.tracker.publish(1, "said", 10.0, 10.0, receivers=0, discount=0)
    newcomer = Receiver(0)
    newcomer.joined_at = 3600.0
    metrics.tracker.seen(text.encode(), "said").deliver(newcomer, 3600.5)
    [closed] = metrics.close_operations()
    assert (closed.count, closed.response.count) == (1, 0)
    metrics.tracker.take_receipts()
    assert metrics.close_operations() == []


def test_a_receiver_is_present_from_its_joining_to_its_leaving_once(metrics):
    receiver = Receiver(0)
    metrics.leave(receiver, 1.0)  # before it came
    metrics.join(receiver, 2.0)
    metrics.leave(receiver, 3.0)
    metrics.leave(receiver, 4.0)  # the socket closes after the farewell
    assert (receiver.joined_at, receiver.left_at, metrics.present) == (2.0, 3.0, 0)
    metrics.join(receiver, 5.0)
    assert receiver.left_at > 1e9
    assert metrics.take_presence() == [Presence(2.0, 1), Presence(3.0, -1), Presence(5.0, 1)]
    assert metrics.take_presence() == []


def test_connections_and_bytes_are_told_once_and_the_open_ones_each_time(metrics):
    (target,) = metrics.targets
    target.open, target.attempted, target.established = 3, 5, 4
    target.failed["refused"] += 1
    target.hung["tls"] += 1
    target.closed["ping_timeout"] += 2
    target.traffic.payload_in, target.traffic.payload_out = 1, 2
    target.traffic.wire_in, target.traffic.wire_out = 3, 4
    counted = Connections(
        open=3, attempted=5, established=4, failed={"refused": 1}, closed={"ping_timeout": 2}, hung={"tls": 1}
    )
    assert metrics.close_targets() == ([TargetUse(counted, [], Bytes(1, 2, 3, 4))], {})
    assert metrics.close_targets() == ([TargetUse(Connections(open=3), [], Bytes())], {})


def test_each_target_has_operations_of_its_own_and_none_those_of_no_target():
    metrics = Metrics(DeliveryTracker(1), 2)
    first, second = metrics.targets
    first.table("User").samples("ack", "echo").record(1.0, 1.0)
    second.table("User").samples("ack", "echo").fail("timeout")
    metrics.samples("deliver", "said").untimed += 1
    closed = [
        [(found.op, found.count, found.errors) for found in use.operations]
        for use in metrics.close_targets()[0]
    ]
    assert closed == [[("ack", 1, {})], [("ack", 0, {"timeout": 1})]]
    assert [found.op for found in metrics.close_operations()] == ["deliver"]


def test_names_are_bounded_over_all_targets_together():
    """A name that one target has is not counted as another one at the next."""
    metrics = Metrics(DeliveryTracker(1), 2)
    for target in metrics.targets:
        for number in range(NAMES):
            target.table("User").samples("ack", f"event {number}").untimed += 1
    metrics.targets[1].table("User").samples("ack", "one more").untimed += 1
    first, second = metrics.close_targets()[0]
    assert OTHER not in {found.name for found in first.operations}
    assert {found.name: found.count for found in second.operations}[OTHER] == 1
    assert len(metrics.take_remarks()) == 1


def test_event_names_are_bounded_in_number_and_length(metrics):
    """Trap: a thousand names a second filled 3 GB."""
    for number in range(3 * NAMES):
        metrics.samples("deliver", f"event {number}").untimed += 1
    metrics.samples("ack", "x" * 100_000).untimed += 1
    first = metrics.close_operations()
    assert len(first) == NAMES + 2
    assert {o.name: o.count for o in first}[OTHER] == 2 * NAMES
    assert max(len(o.name) for o in first) == NAME_CHARACTERS
    [remark] = metrics.take_remarks()
    assert f"more than {NAMES} names" in remark.text
    metrics.samples("deliver", "event 0").untimed += 1
    metrics.samples("deliver", "one more").untimed += 1
    assert [(o.name, o.count) for o in metrics.close_operations()] == [("event 0", 1), (OTHER, 1)]


def test_a_remark_is_made_once_and_is_text_that_can_be_shown(metrics):
    for _ in range(2):
        metrics.remark("protocol_error", "protocol_error: \x1b[31mred\n" + "x" * 10_000)
    [remark] = metrics.take_remarks()
    assert remark.text.isprintable()
    assert len(remark.text) <= REMARK_CHARACTERS + 1
    assert metrics.take_remarks() == []
    for number in range(100):
        metrics.remark("protocol_error", f"protocol_error: {number}")
    assert len(metrics.take_remarks()) == REMARKS_OF_A_KIND - 1


# ── users that lose their connection ──────────────────────────────────────────────────


class Returner(Receiver):
    """A receiver that counts what it catches up on, as a user does."""

    def __init__(self, metrics):
        super().__init__(0)
        self.metrics = metrics

    def catch_up(self, sent, now):
        self.metrics.away.catch_up(self, sent, now)


def test_what_a_server_replays_before_it_says_that_a_session_is_given_back():
    """socket.io 4 emits the missed packets first, and CONNECT after them."""
    tracker = DeliveryTracker(1)
    metrics = Metrics(tracker)
    user = Returner(metrics)
    metrics.join(user, 10.0)
    metrics.lose(user, 20.0, None)
    for seq, sent in enumerate((19.9, 22.0, 23.0), 1):
        mark = stamp.write(1, 5, seq, sent, sent).encode()
        tracker.seen(b'42["said","%b"]' % mark, "said").deliver(user, 24.9)
    metrics.join(user, 25.0, recovered=True)
    assert [(r.due, r.undue) for r in tracker.take_receipts(timed=False)] == [(1, 0), (0, 1), (0, 1)]
    losses = metrics.away.close(0.0)
    assert (losses.replayed, losses.caught_up) == (3, 2)


@pytest.mark.parametrize("recovered", [True, False])
def test_what_was_expected_before_a_loss_is_expected_in_the_next_session(recovered):
    """Expected before the loss stays expected; what was sent while away may come, and is counted.

    In a new session what had been under way at the loss was received, and lost as well.
    """
    tracker = DeliveryTracker(1)
    metrics = Metrics(tracker)
    user = Returner(metrics)
    metrics.join(user, 10.0)
    metrics.lose(user, 20.0, None)
    assert metrics.away.close(0.0).away_now == 1
    metrics.join(user, 25.0, recovered=recovered)
    for seq, sent in enumerate((9.0, 19.9, 22.0, 26.0), 1):
        mark = stamp.write(1, 5, seq, sent, sent).encode()
        tracker.seen(b'42["said","%b"]' % mark, "said").deliver(user, 26.5)
    due = [receipt.due for receipt in tracker.take_receipts(timed=False)]
    losses = metrics.away.close(0.0)
    assert due == [0, 1, 0, 1]
    assert (losses.away_now, losses.back, losses.recovered) == (0, 1, int(recovered))
    assert losses.replayed == (2 if recovered else 0)
    assert losses.caught_up == 1, "it came after all, whoever sent it again"
    assert merged([losses.away]).quantile(0.5) == pytest.approx(5.0, rel=0.01)


def test_a_user_that_is_not_waited_for_is_not_away():
    metrics = Metrics(DeliveryTracker(1))
    user = Receiver(0)
    metrics.join(user, 10.0)
    metrics.lose(user, 20.0, 3.0)
    metrics.away.forget(user, 20.0)
    metrics.join(user, 30.0)
    losses = metrics.away.close(0.0)
    assert (losses.away_now, losses.back) == (0, 0)
    assert merged([losses.silence]).quantile(0.5) == pytest.approx(3.0, rel=0.01)
    assert [step.change for step in metrics.away.take_presence()] == [1, -1]


def test_a_leaving_user_that_is_cut_off_is_not_away():
    metrics = Metrics(DeliveryTracker(1))
    user = Receiver(0)
    metrics.join(user, 10.0)
    metrics.leave(user, 19.0, gone=True)
    metrics.lose(user, 20.0, None)
    assert metrics.away.close(0.0).away_now == 0


def test_operations_are_parted_by_class_where_there_are_several_and_only_then():
    metrics = Metrics(DeliveryTracker(1), 2)
    first, second = metrics.targets
    first.table("Reader").samples("ack", "read").record(1.0, 1.0)
    _, alone = metrics.close_targets()
    assert alone == {}
    first.table("Reader").samples("ack", "read").record(1.0, 1.0)
    second.table("Reader").samples("ack", "read").record(2.0, 2.0)
    second.table("Writer").samples("ack", "read").fail("timeout")
    uses, by_class = metrics.close_targets()
    assert {
        name: [(found.name, found.count, found.errors) for found in operations]
        for name, operations in by_class.items()
    } == {"Reader": [("read", 2, {})], "Writer": [("read", 0, {"timeout": 1})]}
    assert [[(found.count, found.errors) for found in use.operations] for use in uses] == [
        [(1, {})],
        [(1, {"timeout": 1})],
    ]


@pytest.mark.parametrize(
    ("looks", "shares"),
    [
        pytest.param([0.001] * 20, {0.5: 0.001, 1.0: 0.001}, id="always in time: as late as the looks were"),
        pytest.param([0.001] * 10 + [0.02] * 10, {0.5: 0.001, 0.51: 0.02}, id="late at every second look"),
        # it stood still for 0.3 s of 1.25, of which a look sees 0.275 on average
        pytest.param([0.001] * 19 + [0.275], {0.99: 0.2875, 0.9: 0.175, 0.75: 0.001}, id="stopped once"),
        # a worker stopped for a tenth of a second in ten: a hundredth of the time
        pytest.param([0.001] * 198 + [0.075], {0.995: 0.05, 0.98: 0.001}, id="stopped for a moment"),
    ],
)
def test_how_late_the_loop_was_is_known_of_every_moment(metrics, looks, shares):
    """A worker stopped for 0.3 s had one moment counted, one stopped for 0.1 s two: p99 was not doubted."""
    for seconds in looks:
        metrics.loop_was_late(seconds, 0.05)
    late = merged([metrics.take_late()])
    assert late.count == pytest.approx(
        200 * (0.05 * len(looks) + sum(one for one in looks if one > 0.05)), abs=1
    )
    for share, wanted in shares.items():
        assert late.quantile(share) == pytest.approx(wanted, rel=0.05, abs=0.005)
    assert metrics.loop_lag == max(looks)
    assert metrics.take_late().count == 0


def test_what_is_stamped_within_the_clocks_error_of_a_join_is_not_expected():
    """Clocks may be 20 and 30 ms off: a message sent just before a join counted as lost."""
    metrics = Metrics(DeliveryTracker(1, RunClock(ClockReading(0.0, 0.02, 0.03))))
    receiver = Receiver(0)
    metrics.join(receiver, 100.0)
    assert receiver.joined_at == pytest.approx(100.05)
    assert metrics.take_presence() == [Presence(receiver.joined_at, 1)]
    metrics.leave(receiver, 100.01)
    assert metrics.take_presence() == [Presence(receiver.joined_at, -1)], "not before it has joined"
