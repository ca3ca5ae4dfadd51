"""What a user sends in its turns and outside of them, and what it does when it has no schedule."""

from collections.abc import Iterator

import pytest

from siotool.target.process import TargetProcess
from tests.unit.living import told


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with TargetProcess() as target:
        yield target.url


OUTSIDE = """
class Joins(Talks):
    opened = 0
    joined = ()
    bye = None

    def on_connected(self):
        self.opened += 1
        self.joined = (*self.joined, self.call("echo", "join", self.opened))

    def on_stop(self):
        self.bye = self.call("echo", "bye")

user = start(Joins, world())
between_turns(user)
before = user._class_counts.issued + user._schedule.issued
beside = gevent.spawn(user.call, "echo", "beside")
beside.join(20)
user.drop("reset")
until(lambda: len(user.joined) == 2)
issued = user._class_counts.issued + user._schedule.issued - before
gevent.spawn(user.stop, force=True).join(20)
tell(beside.value, user.joined, user.bye, issued, raised)
"""


@pytest.mark.slow
def test_what_is_sent_outside_of_turns_is_sent_at_once_and_takes_none(url: str) -> None:
    """Rejoins waited for up to a period, and goodbyes were never sent."""
    beside, joined, bye, issued, raised = told(OUTSIDE, url)
    assert beside == ["beside"]
    assert joined == [["join", 1], ["join", 2]]
    assert bye == ["bye"]
    assert (issued, raised) == (0, [])


TOGETHER = """
user = start(Talks, world())
between_turns(user)
calls = [gevent.spawn(user.call, "echo", number) for number in range(3)]
gevent.joinall(calls, timeout=20)
tell([call.value for call in calls], user._kept_s > 0, raised)
"""


@pytest.mark.slow
def test_calls_of_one_user_that_wait_together_all_get_their_answers(url: str) -> None:
    """The second to return raised a TypeError, and its answer was lost."""
    assert told(TOGETHER, url) == [[[0], [1], [2]], True, []]


AWAY = """
class Quiet(Member):
    reconnection = False

    @task
    def act(self):
        self.acts += 1

user = start(Quiet, world())
until(lambda: user.acts)
user.drop("reset")
until(lambda: user._away)
before = user.acts
gevent.sleep(0.5)
while_away = user.acts - before
user.reconnect()
until(lambda: user.acts > before + while_away + 2)
tell(while_away, user._schedule is not None, raised)
"""


@pytest.mark.slow
def test_a_user_that_is_away_has_no_turns_until_it_is_back(url: str) -> None:
    """One whose tasks send nothing kept a CPU busy."""
    while_away, follows, raised = told(AWAY, url)
    assert while_away <= 1, "the turn that it had when it was lost"
    assert (follows, raised) == (True, [])


HOLDS = """
class Holds(Member):
    held = 0

    @task
    def act(self):
        if not self.held:
            self.held += 1
            self.hold()
        self.acts += 1

user = start(Holds, world())
until(lambda: user.held and user._lasting._waiting)
user.drop("reset")
until(lambda: user.acts > 1)
before = user.acts
gevent.sleep(0.5)
tell(user.acts - before, user._schedule is not None, raised)
"""


@pytest.mark.slow
def test_a_user_that_held_follows_its_schedule_again_from_the_first_turn_that_does_not(url: str) -> None:
    """Its turns came one after the other, as fast as they could."""
    acts, follows, raised = told(HOLDS, url)
    assert acts <= 15, "20 per second, for half a second"
    assert (follows, raised) == (True, [])


ENDING = """
class Leaves(Talks):
    reconnection = False
    ended = False

    def on_stop(self):
        try:
            self.call("echo", "bye")
        finally:
            self.ended = True

class GivesUp(Leaves):
    def on_disconnected(self, reason):
        raise StopUser

generator = world()
stopped, gave_up = start(Leaves, generator), start(GivesUp, generator)
until(lambda: stopped.acts and gave_up.acts)
for user in (stopped, gave_up):
    user.drop("reset")
until(lambda: stopped._away)
gevent.spawn(stopped.stop, force=True).join(20)
until(lambda: gave_up.ended and not greenlets)
tell(stopped.ended, raised)
"""


@pytest.mark.slow
def test_a_user_that_says_goodbye_while_it_is_not_connected_ends(url: str) -> None:
    """It waited for ever, and its worker with it."""
    assert told(ENDING, url) == [True, []]


THINKS = """
class Thinks(Talks):
    heard = ended = 0

    def on_start(self):
        self.on("chat message", self.read)
        super().on_start()

    def read(self, *_):
        self.heard += 1
        try:
            until(lambda: self._stopping and self._lasting.usable is None)
            self.emit("chat message", "seen")
        finally:
            self.ended += 1

class Leaves(Thinks):
    def read(self, *_):
        self.ended += 1
        raise StopUser

generator = world()
users = start(Thinks, generator), start(Leaves, generator)
for user in users:
    between_turns(user)
users[0].emit("chat message", "hello")
until(lambda: users[0].heard and users[1].ended)
gevent.spawn(users[0].stop, force=True).join(20)
until(lambda: users[0].ended)
tell(users[0].heard, len(raised))
"""


@pytest.mark.slow
def test_a_handler_that_thinks_until_its_user_has_left_raises_nothing(url: str) -> None:
    """Its answer was an exception of the scenario, by which the run failed. A StopUser of its own is one."""
    assert told(THINKS, url) == [1, 1]


BARE = """
class Bare(Talks):
    def on_start(self):
        pass

class Asks(Talks):
    def auth(self):
        return {"token": self.call("echo", "token")}

class Sends(Talks):
    def __init__(self, environment):
        super().__init__(environment)
        self.call("echo", 1)

generator = world()
user = start(Bare, generator)
until(lambda: len(raised) > 1)
bare = list(raised)
user.stop(force=True)
raised.clear()
asks = start(Asks, generator)
until(lambda: raised)
try:
    start(Sends, generator)
except ScenarioError as error:
    sends = str(error)
tell(len(bare), sorted({*bare}), sorted({*raised}), sends, asks.greenlet.dead)
"""


def test_a_scenario_that_sends_before_it_is_connected_is_told_so() -> None:
    """It waited for ever, and nothing said why."""
    times, bare, asks, sends, dead = told(BARE)
    assert times < 20, "once a turn, at 20 turns per second"
    (said,) = bare
    assert said.startswith("Bare sends before it is connected: on_start must call super().on_start()")
    assert sends.startswith("Sends sends before it is connected")
    assert asks == ["the login of a user sends something, while there is no connection"]
    assert not dead, "it tries again"


UNSENT = """
user = start(Talks, world())
between_turns(user)
connection, loop = user._lasting.current, user._engine
lost = lambda: not connection.open
counts = user._class_counts
until(lambda: counts.sent == user.acts)

def send():
    before = counts.sent, counts.failed
    loop.emit(connection, "echo", (1,), 0.0)
    loop.publish(connection, 1, "chat message", lambda stamp: (stamp,), 0.0, True, raised.append)
    done = []
    loop._bridge.to_loop(lambda: loop.loop.to_hub(done.append, True))
    until(lambda: done)
    return counts.sent - before[0], counts.failed - before[1]

open_to = send()
user.drop("reset")
until(lost)
after_loss = send()
connection = None
until(lambda: user._lasting.current)
connection = user._lasting.current
gevent.spawn(user.stop, force=True).join(20)
until(lost)
tell(open_to, after_loss, send(), [str(one) for one in raised])
"""


@pytest.mark.slow
def test_what_a_lost_connection_does_not_send_has_failed_unless_its_user_left(url: str) -> None:
    """It counted as achieved."""
    assert told(UNSENT, url) == [[2, 0], [2, 2], [0, 0], []]


UNMADE = """
class Outcome(BaseException):
    pass

def end(*_):
    raise Outcome("odd")

class Late(Talks):
    logins = 0

    def on_start(self):
        super().on_start()
        self.expect("echoed", field=end)

    def auth(self):
        self.logins += 1
        return end() if self.logins == 2 else {}

user = start(Late, world())
between_turns(user)
engine, loop, counts = user._engine, user._engine.loop, user._class_counts
recognised = []
engine._bridge.to_loop(lambda: recognised.append(loop.metrics.pushes.recognise("echoed", [1])))
user.publish("chat message")
published, failed = [], counts.failed
user.publish("chat message", compose=end)
until(lambda: len(raised) == 2)
engine._bridge.to_loop(lambda: published.append(len(loop.tracker.published)))
until(lambda: published)
failed = counts.failed - failed
user.drop("reset")
until(lambda: user.logins == 3 and user._lasting.current)
tell(raised, recognised, published, failed)
"""


@pytest.mark.slow
def test_what_is_no_exception_is_reported_wherever_the_scenario_raises_it(url: str) -> None:
    """Out of a key, a message and a login after a loss it was not, and the user waited for ever."""
    assert told(UNMADE, url) == [["odd"] * 3, [None], [1], 1]


HURRIED = """
class Hurried(Talks):
    gone_on = False

    def auth(self):
        gevent.sleep(60)

    def on_start(self):
        with gevent.Timeout(0.05, False):
            super().on_start()
        self.gone_on = True
        raise StopUser

user = start(Hurried, world())
until(lambda: not greenlets)
tell(user.gone_on, raised)
"""


def test_a_timeout_around_the_first_connect_is_not_taken_for_one_of_the_login() -> None:
    assert told(HURRIED) == [True, []]


NUMBERS = """
MIX = {"transports": (("polling", 1.0), ("websocket", 1.0))}

def seen(generator, count):
    found = {}
    for _ in range(count):
        user = Talks(generator._environment)
        now = monotonic()
        even = generator.new_schedule(user._number, user._class_counts, 1e-6, poisson=False).due - now
        uneven = generator.new_schedule(user._number, user._class_counts, 1e-6, poisson=True).due - now
        found[user.number] = [round(even / 1e4), round(uneven / 1e4), user._transport, user._random.random()]
    return found

alone = seen(world(**MIX), 8)
shared = [seen(world(workers=2, worker=worker, **MIX), 4) for worker in (0, 1)]
tell(alone == shared[0] | shared[1], len({str(one) for one in alone.values()}))
"""


def test_schedules_transports_and_waits_are_the_same_on_one_process_and_on_two() -> None:
    assert told(NUMBERS) == [True, 8]


SEARCHED = """
from types import SimpleNamespace
from locust import HttpUser
from siotool.swarm.first_user import _check_search

class Page(HttpUser):
    pass

def refused(axis, *classes):
    config = SimpleNamespace(workload=SimpleNamespace(search=axis))
    try:
        _check_search(config, SimpleNamespace(user_classes=[Talks, *classes]))
    except ScenarioError as error:
        return error.message
    return ""

found = {axis: refused(axis, Page) for axis in ("users", "connects", "rate", "size")}
tell(found, refused("users"))
"""


def test_connections_are_not_searched_for_with_users_that_have_none() -> None:
    found, alone = told(SEARCHED)
    assert found["users"].startswith("the users of Page do not connect over Socket.IO")
    assert found["connects"]
    assert not found["rate"] + found["size"] + alone


ARRIVE = """
from types import SimpleNamespace
from siotool.swarm.arrival_shares import ArrivalShares, ExpectedArrivals, Tenant
from siotool.swarm.arriving_users import ArrivingUsers
from siotool.workload import Arrivals
import msgspec

class Holds(Member):
    @task
    def act(self):
        self.hold()

class Ends(Member):
    @task
    def act(self):
        self.stop()

generator = world()
runner = SimpleNamespace(
    register_message=lambda *_: None, user_greenlets=greenlets, environment=generator._environment,
    user_classes=[Holds, Ends],
)
config = SimpleNamespace(workload=SimpleNamespace(seed=1), engine=SimpleNamespace(worker=0))
arriving = ArrivingUsers(runner, generator, config)
expected = ExpectedArrivals(Arrivals(10.0, 0.5, stay_s=1.0), monotonic(), ArrivalShares([[Tenant(0)]]))
arriving._expect(None, SimpleNamespace(data=msgspec.to_builtins(expected)))
arriving.begin()
until(lambda: generator.visits.arrived >= 4 and generator.counts("Holds").started)
until(lambda: not greenlets)
arriving.end()
tell(generator.counts("Holds").users, generator.counts("Ends").ended > 0, raised)
"""


@pytest.mark.slow
def test_users_that_hold_leave_when_their_stay_is_over(url: str) -> None:
    """They stayed: a search for connects measured another load than it said."""
    assert told(ARRIVE, url) == [0, True, []]


WEB_UI = """
import logging
import socket
from locust import events
from locust.argument_parser import get_parser

sys.argv = ["locust"]
messages = []
logging.getLogger().addHandler(logging.Handler())
logging.getLogger().handlers[-1].emit = lambda record: messages.append(record.getMessage())
seen = []

class Sized(Member):
    rate: float = knob(20.0, "turns per second")
    size: int = knob(1, "a number", minimum=1)

    @task
    def act(self):
        self.call("echo", self.size)
        seen.append(self.size)

options = get_parser(default_config_files=[]).parse_args(["--host", URL], env_vars={})
environment = Environment(user_classes=[Sized], events=events, host=URL, parsed_options=options)
runner = environment.create_local_runner()
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
ui = environment.create_web_ui("127.0.0.1", port)
events.init.fire(environment=environment, runner=runner, web_ui=ui)
page = ui.app.test_client()
asked = {"user_count": "1", "spawn_rate": "1", "host": URL}
listeners = lambda: [len(hook._handlers) for hook in (events.test_stop, events.user_error, events.request)]
before = listeners()

def test(text):
    seen.clear()
    answered = page.post("/swarm", data={**asked, "set": text}).status_code
    if answered == 200:
        until(lambda: len(seen) > 1)
    stopped = page.post("/stop").status_code
    return [answered, stopped, sorted({*seen})]

tests = [test(text) for text in ("", "size=3, rate=30", "")]
wrong = [message for message in messages if "ncaught" in message or "Traceback" in message]
tell(tests, listeners() == before, wrong)
"""


@pytest.mark.slow
def test_locusts_web_ui_starts_one_test_after_another_each_with_its_settings(url: str) -> None:
    """Its first answer was an error 500, a second test knew no setting, and a second stop raised."""
    tests, left_none, wrong = told(WEB_UI, url)
    assert tests == [[200, 200, [1]], [200, 200, [3]], [200, 200, [1]]]
    assert left_none
    assert wrong == []


STORM = """
from pathlib import Path
from types import SimpleNamespace
from siotool.swarm.scenario_file import load

storm = load(Path(sys.argv[1])).user_classes[0]
struck = []

def user(**more):
    found = {"number": 1, "when": 10.0, "how": "close", "share": 1.0, "every": 1e-6, "run_s": 3600.0, **more}
    return SimpleNamespace(drop=lambda how, at: struck.append(at), **found)

storm.be_struck(user(share=0.0, every=1.0))
late = gevent.spawn(storm.be_struck, user())
until(lambda: len(struck) > 1)
late.kill()
storm.be_struck(user(every=0.0, run_s=9.9))
tell(*struck)
"""


def test_storms_that_strike_nobody_or_without_end_leave_their_worker_alone() -> None:
    """It hung in a loop without a pause."""
    *often, once = told(STORM, "scenarios/storm.py")
    assert all(at == pytest.approx(3600, abs=1) and at > 3600 for at in often)
    assert once == 10.0


COUNTED = """
class Once(Member):
    @task
    def act(self):
        self.acts += 1
        if self.acts == 2:
            raise StopUser

class Waits(Once):
    wait_time = constant(0.01)

class Fails(Member):
    @task
    def act(self):
        self.acts += 1
        self.fail("wrong")

found, here = {}, world()
for kind in (Once, Waits):
    user = start(kind, here)
    user._greenlet.join(20)
    found[kind.__name__] = user._class_counts.turns
user = start(Fails, here)
between_turns(user)
counts = user._class_counts
user.fail("a handler's, of the same turn")
tell(found, counts.turns - user.acts, counts.turns_failed - user.acts)
"""


@pytest.mark.slow
def test_a_turn_that_ends_its_user_is_one_and_none_fails_twice(url: str) -> None:
    """One-shot users had no right turn beside the failed ones; a failed turn failed again after its end."""
    assert told(COUNTED, url) == [{"Once": 2, "Waits": 2}, 0, 0]
