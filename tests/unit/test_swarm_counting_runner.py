"""How many users of each class a worker has, in a process of its own: importing Locust patches ssl."""

import subprocess
import sys

_SCRIPT = """
import gevent
import gevent.event

from siotool.swarm import counting_runner  # Locust comes first

class Chat: pass
class Idle: pass

users = counting_runner._Users()
stay = gevent.event.Event()

def run(user):
    if isinstance(user, Idle):
        stay.wait()

chats = [users.spawn(run, Chat()) for _ in range(3)]
idles = [users.spawn(run, Idle()) for _ in range(2)]
assert users.count == {"Chat": 3, "Idle": 2}, users.count
gevent.joinall(chats)
gevent.sleep(0)
assert users.count == {"Chat": 0, "Idle": 2}, users.count
idles[0].kill()
gevent.sleep(0)
assert users.count["Idle"] == 1, users.count
users.discard(idles[1])
users.discard(idles[1])
assert users.count["Idle"] == 0 and not users._classes and not len(users)
stay.set()
"""


def test_users_are_counted_by_class_until_they_end_are_killed_or_let_go() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
