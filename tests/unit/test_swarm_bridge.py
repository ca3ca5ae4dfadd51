"""Between greenlets and the loop's thread."""

import subprocess
import sys

import gevent
import pytest

from siotool.swarm.bridge import Bridge

#: In a process of its own, for Locust patches.
CODE = """
import locust
import asyncio, socket, threading
from gevent import monkey
from siotool.swarm.bridge import new_loop

patched = socket.socket
loop = new_loop()
assert socket.socket is patched is not monkey.get_original("socket", "socket")
listening = monkey.get_original("socket", "socket")()
listening.bind(("127.0.0.1", 0))
listening.listen()

async def kind():
    transport, _ = await loop.create_connection(asyncio.Protocol, *listening.getsockname())
    copy = transport.get_extra_info("socket").dup()
    transport.close()
    copy.close()
    return type(copy)

print(loop.run_until_complete(kind()).__module__)
"""


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


def test_the_loop_makes_sockets_of_c_and_not_gevents() -> None:
    """Trap: uvloop makes six of them for each connection, and gevent's each made two watchers."""
    pytest.importorskip("uvloop")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("_socket\n", "")
