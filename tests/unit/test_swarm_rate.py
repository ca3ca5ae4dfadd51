"""Users of one worker whose rate is changed. In a process of its own, for Locust patches; no network."""

import json
import subprocess
import sys
from typing import Any

import pytest

from siotool.swarm.pacing import ANSWER_S

pytestmark = pytest.mark.slow  # its users sleep for seconds, in real time

CODE = '''
import json
from collections import Counter

import gevent
from locust import TaskSet, constant
from locust.env import Environment

from siotool.client.address import resolve
from siotool.swarm.generator import Generator
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user import SocketIOUser, task
from siotool.swarm.user_numbers import NumberLane
from siotool.workload import Target

turns = Counter()


class Offline(SocketIOUser):
    """Its tasks send nothing."""

    abstract = True
    rate = 0.001

    def _connect(self):
        return None

    @task
    def act(self):
        turns[type(self).__name__] += 1


class Plain(Offline):
    pass


class Nested(Offline):
    @task
    class Visit(TaskSet):
        @task
        def act(self):
            self.user.act()

    tasks = [Visit]


class Unscheduled(Offline):
    wait_time = constant(3600)


target = Target(url="http://127.0.0.1:9")
environment = Environment(user_classes=[Plain, Nested, Unscheduled], catch_exceptions=True)
generator = Generator(environment, EngineSettings(target=target, addresses=resolve(target), run=1), seed=1)
generator.attach(environment)
generator.spread_s = 0.0


def start(user_class):
    user = user_class(environment)
    gevent.spawn(user.run)


def for_a_moment():
    """Turns by class until now, since the last call."""
    gevent.sleep(0.5)
    found = dict(turns)
    turns.clear()
    return found


def at(rate):
    generator.change_rate(rate)
    return for_a_moment()


for user_class in (Plain, Nested, Unscheduled):
    start(user_class)
found = {"its own": for_a_moment()}
rests = [generator.engine._bridge._rest]
found["faster"] = at(40.0)
rests.append(generator.engine._bridge._rest)
found["its own again"] = at(None)
found["faster again"] = at(40.0)
start(Plain)
found["one more"] = for_a_moment()
for rate in [0.001, 0.002] * 5:
    generator.change_rate(rate)
    gevent.sleep(0.01)
found["slower"] = for_a_moment()
numbers = [generator.number_in_run(7)]
used = generator.population
generator.take_numbers(NumberLane(lane=0, after=100, started=60))
numbers += [generator.number_in_run(7), generator.population - used]
print(json.dumps({"turns": found, "rests": rests, "numbers": numbers}))
generator.engine.stop()
'''


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def found(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Turns by class, within half a second each."""
    turns: dict[str, dict[str, int]] = told["turns"]
    return turns


@pytest.mark.parametrize("user_class", ["Plain", "Nested"])
@pytest.mark.parametrize("when", ["faster", "faster again"])
def test_users_that_sleep_are_woken_for_a_faster_rate(
    found: dict[str, dict[str, int]], when: str, user_class: str
) -> None:
    assert found[when][user_class] == pytest.approx(20, abs=9), "40 per second, for half a second"


def test_new_users_follow_the_rate_that_is_wanted(found: dict[str, dict[str, int]]) -> None:
    assert found["one more"]["Plain"] == pytest.approx(40, abs=12)
    assert found["one more"]["Nested"] == pytest.approx(20, abs=9)


@pytest.mark.parametrize("when", ["its own again", "slower"])
def test_users_sleep_longer_at_a_slower_rate(found: dict[str, dict[str, int]], when: str) -> None:
    # what was prepared, or due a moment before
    assert sum(found[when].values()) <= 3


def test_who_follows_no_schedule_is_left_alone(found: dict[str, dict[str, int]]) -> None:
    assert found["its own"] == {"Unscheduled": 1}
    assert not any("Unscheduled" in turns for when, turns in found.items() if when != "its own")


def test_answers_wait_no_longer_than_the_fastest_rate_can_bear(told: dict[str, Any]) -> None:
    assert told["rests"] == pytest.approx([ANSWER_S, 0.25 / 40])


def test_a_worker_in_place_of_a_lost_one_goes_on_in_its_numbers(told: dict[str, Any]) -> None:
    assert told["numbers"] == [7, 107, 60]
