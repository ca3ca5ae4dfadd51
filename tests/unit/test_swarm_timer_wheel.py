"""Greenlets that wait for moments."""

from time import monotonic

import gevent
import pytest

from siotool.swarm.timer_wheel import TimerWheel


@pytest.fixture
def timer_wheel():
    return TimerWheel()


def test_all_that_wait_for_a_moment_are_woken_by_it_in_turn(timer_wheel):
    woken = []

    def wait(name, moment):
        timer_wheel.wait(moment)
        assert monotonic() >= moment - 0.001  # libev's timers are exact to its own clock
        woken.append(name)

    now = monotonic()
    waits = [("a", now + 0.02), ("late", now + 0.03), ("b", now + 0.02), ("c", now + 0.02)]
    gevent.joinall([gevent.spawn(wait, *each) for each in waits], raise_error=True)
    assert woken == ["a", "b", "c", "late"]


def test_a_moment_that_is_past_only_gives_others_a_turn(timer_wheel):
    order = []
    other = gevent.spawn(order.append, "other")
    timer_wheel.wait(monotonic() - 1)
    order.append("self")
    other.join()
    assert order == ["other", "self"]


def test_who_is_killed_is_not_woken_and_takes_nobody_along(timer_wheel):
    heard = []

    def wait(name):
        try:
            timer_wheel.wait(moment)
        except gevent.GreenletExit:
            heard.append(f"{name} killed")
            gevent.sleep(0.05)  # the moment passes while it takes leave
            heard.append(f"{name} gone")
        else:
            heard.append(f"{name} woken")

    moment = monotonic() + 0.02
    first, second, third = [gevent.spawn(wait, name) for name in ("first", "second", "third")]
    gevent.sleep(0)
    second.kill(block=False)
    gevent.joinall([first, second, third], raise_error=True)
    assert heard == ["second killed", "first woken", "third woken", "second gone"]


def test_a_moment_that_has_passed_can_be_waited_for_again(timer_wheel):
    moment = monotonic() + 0.005
    timer_wheel.wait(moment)
    timer_wheel.wait(moment)
    timer_wheel.wait(moment + 0.005)


def test_who_is_stirred_may_wait_for_another_moment(timer_wheel):
    woken = []

    def wait(name, moment, other):
        if stirred := timer_wheel.wait(moment):
            assert not timer_wheel.wait(other), "stirred once"
        woken.append((name, stirred))

    now = monotonic()
    waits = [
        ("later", now + 0.02, now + 0.06),
        ("sooner", now + 60, now + 0.04),
        ("same", now + 0.05, now + 0.05),
    ]
    waiting = [gevent.spawn(wait, *each) for each in waits]
    gevent.sleep(0)
    timer_wheel.stir()
    gevent.joinall(waiting, timeout=5, raise_error=True)
    assert woken == [("sooner", True), ("same", True), ("later", True)]
    assert not timer_wheel.wait(monotonic() + 0.01), "who comes afterwards sleeps"


def test_a_stir_while_nobody_waits_is_forgotten(timer_wheel):
    timer_wheel.stir()
    gevent.sleep(0)
    assert not timer_wheel.wait(monotonic() + 0.01)
