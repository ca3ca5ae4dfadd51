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
