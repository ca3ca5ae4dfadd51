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


_STARTS = """
from types import SimpleNamespace

import gevent
from locust import User
from locust.env import Environment

from siotool.swarm import counting_runner
from siotool.swarm.user import SocketIOUser

class Chat(SocketIOUser):
    pass

class Page(User):
    made = 0

    def __init__(self, environment):
        super().__init__(environment)
        type(self).made += 1
        if self.made == 1:
            raise gevent.Timeout(1, "no time for this user")
        if self.made == 3:
            raise OSError("no file for this user")

    def run(self):
        gevent.sleep(60)

class Bare(User):
    def __init__(self, environment):
        pass

raised, users = [], counting_runner._Users()
runner = SimpleNamespace(
    state="ready", update_state=lambda state: None, _raised=lambda error: raised.append(str(error)),
    environment=Environment(user_classes=[]), user_greenlets=users, user_classes=[Chat, Page, Bare],
    user_classes_by_name={"Chat": Chat, "Page": Page, "Bare": Bare},
)
started = counting_runner.WorkerRunner.spawn_users(runner, {"Page": 4, "Bare": 1})
assert len(started) == 2 and users.count == {"Page": 2}, users.count
assert raised == ["1 second: no time for this user", "no file for this user"] + [
    "Bare.__init__ must call super().__init__(environment)"
], raised
assert counting_runner.WorkerRunner.other_users.fget(runner) == 2
users.kill()
"""


def test_a_user_that_cannot_be_made_is_reported_and_the_others_of_its_batch_start() -> None:
    """The rest of its batch was dropped, and nothing said why."""
    done = subprocess.run([sys.executable, "-c", _STARTS], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
