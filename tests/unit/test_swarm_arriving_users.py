"""Users that arrive at one worker, as its parent tells it. In a process of its own, for Locust patches."""

import json
import subprocess
import sys

CODE = """
import json
from time import monotonic
from types import SimpleNamespace

import msgspec
import gevent
from locust import User

from siotool.swarm.arrival_shares import ArrivalLanes, ExpectedArrivals
from siotool.swarm.arriving_users import ArrivingUsers
from siotool.workload import Arrivals


class Outcome(BaseException):
    pass


class Guest(User):
    def __init__(self, environment):
        raise Outcome


class Resident(User):
    fixed_count = 2


class Runner:
    environment = None
    user_classes = [Guest, Resident]
    user_classes_by_name = {"Guest": Guest, "Resident": Resident}

    def register_message(self, kind, listener):
        self.__dict__.setdefault("listeners", {})[kind] = listener

    def hear(self, told):
        self.listeners["siotool_arrivals"](None, SimpleNamespace(data=told))


def expected(since_s):
    at = monotonic() - since_s
    return msgspec.to_builtins(ExpectedArrivals(Arrivals(10.0, 1e6), at, ArrivalLanes(1).shares(at)))


visits = SimpleNamespace(offered=0, arrived=0, no_place=0)
generator = SimpleNamespace(visits=visits, run_clock=SimpleNamespace(ours=lambda moment: moment), rows=None)
raised = []
generator.results = SimpleNamespace(exception=lambda error: raised.append(type(error).__name__))
config = SimpleNamespace(workload=SimpleNamespace(seed=1), engine=SimpleNamespace(worker=0))
runner = Runner()
users = ArrivingUsers(runner, generator, config)
said = {"before": users.residents_of({"Guest": 5, "Resident": 2})}
runner.hear(expected(5.0))
users.begin()
said["begun"] = users._greenlet is not None
with gevent.Timeout(20):
    while len(raised) < 3:
        gevent.sleep(0.005)
said["raised"] = raised[:3]
runner.hear(None)
said["offered"] = visits.offered
users.begin()  # Locust has moved the others
said["over"] = users._greenlet is None
said["then"] = users.residents_of({"Guest": 5, "Resident": 2})
runner.hear(expected(0.0))
users.begin()
said["again"] = users._greenlet is not None
print(json.dumps(said))
"""


def test_no_user_arrives_any_more_once_the_parent_says_so_until_it_says_otherwise() -> None:
    """Those that were due by then were offered, and Locust starts only the residents, as before."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    said = json.loads(done.stdout)
    assert said["before"] == {"Guest": 5, "Resident": 2}
    assert said["raised"] == ["Outcome"] * 3, "and the next ones arrive"
    assert (said["begun"], said["over"], said["again"]) == (True, True, True)
    assert 25 <= said["offered"] <= 80
    assert said["then"] == {"Resident": 2}
