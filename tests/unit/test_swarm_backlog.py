"""Users that go offline and come back: what waits for them, and how long they took for it."""

import ast
from math import inf
from pathlib import Path

import pytest

from siotool.histogram import merged
from siotool.protocol import stamp
from siotool.swarm.audience import CHANGING_S, KNOWN_S
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.receiver import Receiver

RUN, PUBLISHER, ROOM = 1, 5, 77
SCENARIO = Path(__file__).parents[2] / "scenarios/backlog.py"


class Offline(Receiver):
    """A member of a conversation that counts what it catches up on, as a user does."""

    def __init__(self) -> None:
        super().__init__(0)
        self.tracker = DeliveryTracker(RUN)
        self.metrics = Metrics(self.tracker)
        self.metrics.join(self, 10.0)
        self.tracker.audiences.join(self, ROOM, 10.0)

    def catch_up(self, sent: float, now: float) -> None:
        self.metrics.away.catch_up(self, sent, now)

    def goes(self, now: float, *, meant: bool = True) -> None:
        self.meant = meant
        self.metrics.lose(self, now, None)

    def comes_back(self, now: float) -> None:
        self.metrics.join(self, now)
        self.tracker.audiences.join(self, ROOM, now)

    def gets(self, seq: int, sent: float, now: float) -> None:
        mark = stamp.write(RUN, PUBLISHER, seq, sent, sent, ROOM).encode()
        found = self.tracker.seen(b'42["post","%b"]' % mark, "post")
        assert found is not None
        found.deliver(self, now)


def test_a_drain_lasts_from_the_return_to_the_last_message_that_was_missed():
    user = Offline()
    user.goes(20.0)
    user.comes_back(40.0)
    user.gets(1, 30.0, 41.0)
    user.gets(2, 31.0, 43.5)
    user.gets(3, 44.0, 48.0)  # not missed: it was sent after the return
    assert merged([user.metrics.away.close(0.0).drained]).count == 0, "more may come"
    user.goes(50.0)
    drained = user.metrics.away.close(0.0).drained
    assert merged([drained]).count == 1
    assert merged([drained]).quantile(0.5) == pytest.approx(3.5, rel=0.01)


def test_a_drain_is_dated_by_the_return():
    """Its percentiles need events: users that were back in the same second are one."""
    user = Offline()
    user.goes(20.0)
    user.comes_back(40.0)
    user.gets(1, 30.0, 41.0)
    user.goes(50.0)
    user.comes_back(51.0)
    user.gets(2, 50.5, 51.5)
    user.metrics.away.forget(user, 52.0)
    ago = user.metrics.away.close(52.5).drained_ago
    assert [(seconds, merged([times]).count) for seconds, times in ago] == [(1, 1), (12, 1)]
    assert user.metrics.away.close(60.0).drained_ago == []


def test_what_a_busy_server_lets_a_user_wait_before_it_is_connected_is_a_part_of_its_drain():
    """All came back at once, the last was let in after 5 s, and the whole drain was 5 s too short."""
    user = Offline()
    user.goes(20.0)
    user.metrics.join(user, 45.0, connecting_at=40.0)
    user.gets(1, 30.0, 49.0)
    user.goes(60.0)
    assert merged([user.metrics.away.close(0.0).drained]).quantile(0.5) == pytest.approx(9.0, rel=0.01)


def test_a_user_that_leaves_has_drained_and_one_that_missed_nothing_has_not():
    user = Offline()
    user.goes(20.0)
    user.comes_back(40.0)
    user.metrics.away.forget(user, 50.0)
    assert merged([user.metrics.away.close(0.0).drained]).count == 0
    user.gets(1, 30.0, 51.0)
    user.metrics.away.forget(user, 52.0)
    assert merged([user.metrics.away.close(0.0).drained]).quantile(0.5) == pytest.approx(11.0, rel=0.01)


@pytest.mark.parametrize("joined_first", [True, False])
def test_what_comes_twice_makes_up_for_nothing(joined_first):
    """Else a server that replays half of it twice would have lost nothing."""
    user = Offline()
    user.goes(20.0)
    user.metrics.join(user, 40.0)
    if joined_first:
        user.tracker.audiences.join(user, ROOM, 40.0)
    for now in (40.1, 40.2):
        user.gets(1, 30.0, now)
    user.tracker.audiences.join(user, ROOM, 40.3)
    assert user.metrics.away.close(0.0).caught_up == 1
    [receipt] = user.tracker.take_receipts(timed=False)
    assert (receipt.due, receipt.undue, receipt.duplicate) == (0, 1, 1)


@pytest.mark.parametrize("meant", [True, False])
def test_what_is_under_way_when_a_user_goes_offline_is_not_lost(meant):
    user = Offline()
    user.gets(1, 19.0, 19.1)
    user.tracker.take_presence()
    user.goes(20.0, meant=meant)
    [step] = user.tracker.take_presence()
    assert step.change == -1
    assert step.at == (20.0 - CHANGING_S if meant else 20.0)
    # what had come in that time is received, and was not expected
    [receipt] = user.tracker.take_receipts(timed=False)
    assert (receipt.due, receipt.undue) == ((0, 1) if meant else (1, 0))
    user.comes_back(40.0)
    user.metrics.lose(user, 50.0, None)
    assert user.tracker.take_presence()[-1].at == 50.0, "each loss is meant by itself"


@pytest.mark.parametrize("forgets", [False, True])
def test_messages_wait_for_a_user_that_is_away_for_longer_than_they_are_known(forgets):
    """Trap: a second that ended between return and membership forgot the place: what came was missed."""
    user = Offline()
    user.goes(20.0)
    for now in range(21, 400):
        user.tracker.forget_old(float(now))
    user.metrics.join(user, 400.0)
    if forgets:
        user.tracker.forget_old(400.05)
    user.gets(1, 30.0, 400.1)  # before its scenario has said that it is a member again
    user.tracker.audiences.join(user, ROOM, 400.2)
    user.tracker.forget_old(401.0)
    user.gets(1, 30.0, 401.1)  # it is known from its arrival on, whenever it was sent
    assert user.metrics.away.close(0.0).caught_up == 1
    [receipt] = user.tracker.take_receipts(timed=False)
    assert (receipt.undue, receipt.duplicate, receipt.misdelivered) == (1, 1, 0)


def test_a_user_that_never_comes_back_is_forgotten():
    user = Offline()
    user.goes(20.0)
    user.metrics.away.forget(user, 21.0)
    assert user.lost_at == inf
    user.tracker.forget_old(21.0 + KNOWN_S + 1)
    assert user.places == []


def test_what_comes_to_a_user_that_stayed_away_and_connects_later_is_not_replayed():
    """All it got for the rest of the run was counted as replayed, and as caught up."""
    user = Offline()
    user.goes(20.0, meant=False)
    user.metrics.away.forget(user, 20.0)  # it is not waited for
    user.comes_back(40.0)
    user.gets(1, 30.0, 40.1)
    user.gets(2, 50.0, 50.1)
    found = user.metrics.away.close(0.0)
    assert (found.replayed, found.caught_up, found.back) == (0, 0, 0)
    user.goes(60.0)
    assert merged([user.metrics.away.close(0.0).drained]).count == 0


def test_a_user_that_is_back_and_says_no_more_that_it_is_a_member_is_forgotten():
    user = Offline()
    user.goes(20.0)
    user.metrics.join(user, 200.0)
    user.tracker.forget_old(200.0 + KNOWN_S)
    assert user.places != []
    user.tracker.forget_old(200.0 + KNOWN_S + 1)
    assert user.places == []


def test_the_scenario_shows_a_backlog_within_a_run_of_the_default_length():
    """Users came back at second 30, when such a run is over."""
    settings = {
        line.target.id: ast.literal_eval(line.value.args[0])
        for line in ast.walk(ast.parse(SCENARIO.read_text()))
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call)
        if ast.unparse(line.value.func) == "knob"
    }
    assert settings["leave"] + settings["offline"] + settings["within"] <= 20
