"""A user's connection over its life, against a target that does what each test says."""

from types import SimpleNamespace

import gevent
import gevent.event
import pytest

from siotool.client.failures import ClientFailure
from siotool.protocol.backoff import Backoff
from siotool.protocol.reconnection import Reconnection
from siotool.swarm.lasting_connection import LastingConnection

SOON = Backoff(delay_s=0.001, delay_max_s=0.001)


class StopUser(Exception):
    """What ends a user."""


class Life:
    """A user, and the target's answers to its connects: None, or the class of a failure."""

    _ending = StopUser

    def __init__(self, *answers, **rule):
        self.answers = list(answers)
        self.log = []
        self.hooks = {}
        self.lasting = LastingConnection(self, Reconnection(backoff=SOON, **rule))

    def on_connected(self):
        self.hook("opened")

    def on_disconnected(self, reason):
        self.hook(f"lost {reason}")

    def _stay_away(self, kind):
        self.log.append(f"away {kind}")

    def _report_error(self, error):
        self.log.append(f"raised {error}")

    def _stop_from_beside(self):
        self.log.append("stopped")

    def _chance(self):
        return 0.0

    def _open(self, again):
        self.log.append("again" if again else "try")
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise ClientFailure(answer)
        return SimpleNamespace(open=True, close_reason="")

    def hook(self, what):
        self.log.append(what)
        if what in self.hooks:
            self.hooks[what]()

    def begin(self):
        gevent.spawn(self.lasting.begin).join(2)
        return self

    def lose(self, reason):
        connection = self.lasting.current
        connection.open, connection.close_reason = False, reason
        self.lasting.lost(connection, reason)

    def until(self, last):
        with gevent.Timeout(2):
            while self.log[-1] != last or self.lasting._opener is not None:
                gevent.sleep(0.001)
        log, self.log = self.log, [""]
        return [line for line in log if line]


def test_the_first_connect_is_tried_again_as_after_a_loss():
    assert Life("refused", "timeout").begin().until("opened") == ["try", "try", "try", "opened"]


@pytest.mark.parametrize("reason", ["transport_close", "ping_timeout", "protocol_error", "reset"])
def test_a_lost_connection_comes_back_whatever_its_user_does(reason):
    life = Life().begin()
    life.until("opened")
    life.lose(reason)
    assert life.until("opened") == [f"lost {reason}", "again", "opened"]


def test_a_user_that_the_server_disconnected_stays_away():
    life = Life().begin()
    life.until("opened")
    life.lose("server_disconnect")
    assert life.until("away server_disconnect") == ["lost server_disconnect", "away server_disconnect"]


def test_a_refused_user_is_tried_once():
    assert Life("connect_error").begin().until("away connect_error") == [
        "try",
        "lost connect_error",
        "away connect_error",
    ]


def test_a_refusal_between_failures_ends_it_all():
    life = Life(None, "refused", "connect_error").begin()
    life.until("opened")
    life.lose("transport_close")
    assert life.until("away connect_error")[1:] == [
        "again",
        "again",
        "lost connect_error",
        "away connect_error",
    ]


def test_used_up_tries_and_no_tries_at_all():
    assert Life(*["refused"] * 9, attempts=2).begin().until("away gave_up").count("try") == 3
    off = Life(enabled=False).begin()
    off.until("opened")
    off.lose("transport_close")
    assert off.until("away no_reconnection")[-1] == "away no_reconnection"


def test_a_scenario_reconnects_by_hand_in_its_hook():
    life = Life().begin()
    life.until("opened")
    life.hooks["lost server_disconnect"] = life.lasting.reopen
    life.lose("server_disconnect")
    assert life.until("opened") == ["lost server_disconnect", "again", "opened"]


def test_a_scenario_reconnects_by_hand_later_and_its_waiting_task_goes_on():
    life = Life("connect_error").begin()
    life.until("away connect_error")
    task = gevent.spawn(life.lasting.wait)
    gevent.sleep(0.01)
    assert not task.dead
    life.lasting.reopen()
    life.until("opened")
    assert task.get(timeout=2) is life.lasting.current


def test_tasks_wait_until_the_user_has_done_what_it_does_after_a_connect():
    life = Life().begin()
    life.until("opened")
    login, seen = gevent.event.Event(), []

    def log_in():
        assert life.lasting.wait().open, "its own calls go through"
        login.wait()

    life.hooks["opened"] = log_in
    life.lose("transport_close")
    task = gevent.spawn(lambda: seen.append(life.lasting.wait()))
    gevent.sleep(0.02)
    assert not seen
    login.set()
    task.join(2)
    assert seen == [life.lasting.current]


def test_a_connection_that_is_lost_during_the_hook_is_opened_anew_and_the_hook_runs_again():
    life = Life()
    drops = [True, True, False]

    def log_in():
        if drops.pop(0):
            life.lasting._opened.open = False
            life.lasting.wait()
            pytest.fail("what followed would have been sent nowhere")

    life.hooks["opened"] = log_in
    life.begin()
    assert life.until("opened").count("opened") == 3


def test_stop_user_in_a_hook_ends_the_user_and_other_errors_are_reported():
    def stop():
        raise StopUser

    def fail():
        raise ValueError("odd")

    life = Life().begin()
    life.until("opened")
    life.hooks["opened"] = fail
    life.lose("transport_close")
    assert life.until("raised odd")[-2:] == ["opened", "raised odd"]
    life.hooks["lost transport_close"] = stop
    life.lose("transport_close")
    assert life.until("stopped") == ["lost transport_close", "stopped"]


class Outcome(BaseException):
    """What a scenario may raise, as pytest does."""


def ended_in(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize("error", [Outcome("odd"), gevent.Timeout(1, "odd"), ValueError("odd")])
def test_a_hook_that_raises_whatever_it_may_is_reported_and_the_user_comes_back(error):
    """What is no Exception ended the greenlet that opens the connection: the user waited for ever."""
    life = Life().begin()
    life.until("opened")
    life.hooks["lost transport_close"] = life.hooks["opened"] = ended_in(error)
    life.lose("transport_close")
    raised = f"raised {error}"
    assert life.until(raised) == ["lost transport_close", raised, "again", "opened", raised]
    assert life.lasting.current is not None


def test_what_else_ends_the_opener_is_reported_and_ends_the_user():
    life = Life("connect_error").begin()
    life.until("away connect_error")
    life.hooks["opened"] = ended_in(ValueError("odd"))
    life.lasting.reopen()  # its first connect: its hook may not fail
    assert life.until("stopped") == ["try", "opened", "raised odd", "stopped"]


def test_a_hook_that_ends_its_greenlet_ends_the_user():
    life = Life().begin()
    life.until("opened")
    life.hooks["lost transport_close"] = ended_in(gevent.GreenletExit())
    life.lose("transport_close")
    assert life.until("stopped") == ["lost transport_close", "stopped"]


def test_news_of_a_connection_before_the_present_one_change_nothing():
    life = Life().begin()
    before = life.lasting.current
    life.lose("transport_close")
    life.until("opened")
    life.lasting.lost(before, "transport_close")
    assert life.lasting.current is not None


def test_a_user_that_left_does_not_come_back():
    life = Life().begin()
    life.until("opened")
    life.answers = ["refused"] * 1000
    life.lose("transport_close")
    gevent.sleep(0.01)
    life.lasting.end()
    gevent.sleep(0)
    tries = len(life.log)
    assert "stopped" not in life.log
    gevent.sleep(0.02)
    assert len(life.log) == tries


def test_a_user_that_sends_while_it_is_told_of_its_loss_comes_back():
    """It waited for the connection that it was itself to open: it was away for ever, and nothing said why."""
    life = Life().begin()
    life.until("opened")
    life.hooks["lost transport_close"] = life.lasting.wait
    life.lose("transport_close")
    assert life.until("opened") == [
        "lost transport_close",
        "raised on_disconnected sends something, while there is no connection",
        "again",
        "opened",
    ]


def test_what_follows_a_connect_is_known_by_its_greenlet_and_by_no_other():
    life = Life()
    seen = []

    def look():
        beside = gevent.spawn(lambda: life.lasting.taken_up_here)
        beside.join()
        seen.append((life.lasting.taken_up_here, beside.value))

    life.hooks["opened"] = look
    life.begin().until("opened")
    assert seen == [(True, False)]
    assert not life.lasting.taken_up_here
