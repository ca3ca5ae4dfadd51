"""Users of siotool that live in a process of their own, for Locust patches all of it, against a real target.

Each piece of code runs after ``PRELUDE`` and ends with what it has to ``tell``.
"""

import json
import subprocess
import sys
from typing import Any

PRELUDE = '''
import json
import os
import sys
from time import monotonic

import gevent
from gevent.pool import Group
from locust import TaskSet, constant
from locust.env import Environment
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_WAITING

from siotool.client.address import resolve
from siotool.errors import ScenarioError
from siotool.swarm.generator import Generator
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user import SocketIOUser, knob, task
from siotool.workload import Target

URL = sys.argv[1]
SOON, LATE = 20.0, 0.01
greenlets = Group()
raised = []


class Member(SocketIOUser):
    """Has turns often, and comes back at once."""

    abstract = True
    rate = SOON
    reconnection_delay = 0.01
    acts = 0


class Talks(Member):
    @task
    def act(self):
        self.acts += 1
        self.emit("echo", self.acts)


def world(seed=1, workers=1, **settings):
    """What users of one worker share."""
    target = Target(url=URL)
    environment = Environment(user_classes=[Talks], catch_exceptions=True)
    settings = {"transports": (("websocket", 1.0),), **settings}
    engine = EngineSettings(target=target, addresses=resolve(target), run=1, **settings)
    generator = Generator(environment, engine, seed, workers)
    generator.attach(environment)
    generator.spread_s = 0.0
    environment.events.user_error.add_listener(lambda exception, **_: raised.append(str(exception)))
    generator.begin(monotonic())
    return generator


def tell(*found):
    print(json.dumps(found), flush=True)
    os._exit(0)  # threads and users live on


def start(user_class, generator):
    user = user_class(generator._environment)
    user.start(greenlets)
    return user


def until(question):
    with gevent.Timeout(20):
        while not question():
            gevent.sleep(0.005)


def between_turns(user):
    """Its next turn is a hundred seconds away from now on."""
    until(lambda: user.acts)
    user._generator.change_rate(LATE)
    until(lambda: user.locust_state == LOCUST_STATE_WAITING)
'''


def told(code: str, url: str = "http://127.0.0.1:9", *, within_s: float = 60.0) -> Any:
    """What the code tells; ``url`` is its target's, by default one that refuses connections."""
    command = [sys.executable, "-c", PRELUDE + code, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=within_s)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
