"""Between greenlets and the loop's thread."""

import gevent
import pytest

from siotool.swarm.bridge import Bridge


def test_what_is_asked_of_a_loop_that_has_ended_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: a user that left as the run ended had a traceback printed."""
    raised: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *what: raised.append(what))
    bridge = Bridge()
    bridge.stop()
    bridge.to_loop(raised.append, "called")
    gevent.sleep(0)
    gevent.sleep(0)
    assert raised == []


def test_ctrl_c_within_a_result_ends_the_main_greenlet_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trap: Ctrl-C of a plain locust printed a traceback where it came while a result was handed over."""
    printed: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "print_exception", lambda *what: printed.append(what))
    bridge, arrived = Bridge(), []

    def interrupted() -> None:
        raise KeyboardInterrupt

    try:
        bridge.loop.call_soon_threadsafe(bridge.to_hub, interrupted)
        bridge.loop.call_soon_threadsafe(bridge.to_hub, arrived.append, "the next one")
        with pytest.raises(KeyboardInterrupt):
            gevent.sleep(5)
        with gevent.Timeout(5):
            while not arrived:
                gevent.sleep(0.001)
    finally:
        bridge.stop()
    assert arrived == ["the next one"]
    assert printed == []
