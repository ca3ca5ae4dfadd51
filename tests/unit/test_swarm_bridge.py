"""The loop beside gevent. In a process of its own, for Locust patches."""

import subprocess
import sys

import pytest

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


def test_the_loop_makes_pythons_sockets_and_not_gevents() -> None:
    """Trap: uvloop makes six of them for each connection, and gevent's each made two watchers."""
    pytest.importorskip("uvloop")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("socket\n", "")
