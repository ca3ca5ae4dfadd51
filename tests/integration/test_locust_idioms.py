"""Locust's idioms mean the same under ``siotool loadtest`` as under plain ``locust -f``, on the same file."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from siotool.errors import ExitCode
from siotool.target.process import TargetProcess

pytestmark = pytest.mark.slow

SECONDS = 6
IDIOMS = """
from pathlib import Path

from locust import SequentialTaskSet, TaskSet, between, constant, constant_pacing, events, tag
from siotool.swarm.user import SocketIOUser, task

LOG = Path(__file__).with_suffix(".log")


def told(hook, environment):
    with LOG.open("a") as log:
        log.write(f"{hook} {type(environment.runner).__name__} {environment.host}\\n")


@events.init.add_listener
def on_init(environment, **_):
    told("init", environment)


@events.test_start.add_listener
def on_start(environment, **_):
    told("test_start", environment)


@events.test_stop.add_listener
def on_stop(environment, **_):
    told("test_stop", environment)


class Patient(SocketIOUser):
    weight = 3
    wait_time = constant(0.5)

    @tag("calm")
    @task(3)
    def ask(self):
        self.call("echo", "patient")
        self.report()

    @tag("calm")
    @task(1)
    def ask_otherwise(self):
        self.call("echo", "calm")
        self.report()

    def report(self):
        self.environment.events.request.fire(
            request_type="db", name="query", response_time=7, response_length=0, exception=None, context={}
        )


class Pacing(SocketIOUser):
    fixed_count = 1
    wait_time = constant_pacing(0.25)

    @tag("paced")
    @task
    def ask(self):
        self.call("paced", "x", timeout=0.05)


class Nested(SocketIOUser):
    fixed_count = 1
    wait_time = between(0.05, 0.06)

    @task
    class Visit(SequentialTaskSet):
        wait_time = constant(0.2)

        @task
        def enter(self):
            self.user.call("join", "lobby")

        @task
        class Talk(TaskSet):
            @task
            def say(self):
                self.user.call("say", "lobby", "hi")
                self.interrupt()

        @task
        def leave(self):
            self.user.call("leave", "lobby")
            self.interrupt()
"""
PATIENT, PACED = 3, 1
USERS = PATIENT + 2


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with TargetProcess() as target:
        yield target.url


@pytest.fixture(scope="module")
def both(url: str, tmp_path_factory: pytest.TempPathFactory, lasting_start: Callable[..., Any]) -> Any:
    """The same file under plain Locust and under siotool: Locust's rows, the run, and what hooks told."""
    folder = tmp_path_factory.mktemp("idioms")
    (folder / "plain").mkdir()
    for place in (folder, folder / "plain"):
        (place / "idioms.py").write_text(IDIOMS)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", "idioms.py", "--headless", "--host", url),
            *("-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s", "--json"),
        ],
        cwd=folder / "plain",
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    plain = {(row["method"], row["name"]): row["num_requests"] for row in json.loads(ended.stdout)}
    done = lasting_start(
        *(url, "--scenario", folder / "idioms.py", "--users", USERS, "--spawn-rate", 100),
        *("--run-time", f"{SECONDS}s", "--no-default-gates", "--locust-files"),
    ).finish()
    return plain, done, (folder / "plain/idioms.log").read_text(), (folder / "idioms.log").read_text()


def alike(ours: int, theirs: int) -> bool:
    """Each user may do one more or less, and a machine that is busy for one of the two does half of it."""
    return abs(ours - theirs) <= max(PATIENT + 1, 0.5 * max(ours, theirs))


@pytest.mark.parametrize(
    ("op", "name", "row"),
    [
        pytest.param(
            "ack", "echo", ("ack", "echo"), id="wait_time constant, with weights of classes and tasks"
        ),
        pytest.param("custom", "query", ("db", "query"), id="an operation of one's own"),
        pytest.param("ack", "join", ("ack", "join"), id="a sequence of tasks with a wait of its own"),
        pytest.param("ack", "say", ("ack", "say"), id="a task set within a task set, and interrupt"),
        pytest.param("ack", "leave", ("ack", "leave"), id="the last of a sequence"),
    ],
)
def test_an_idiom_does_as_much_as_under_plain_locust(both: Any, op: str, name: str, row: Any) -> None:
    plain, done, _, _ = both
    found = done.operation(op, name)
    assert plain[row] > SECONDS / 2
    assert alike(found["count"] + sum(found["errors"].values()), plain[row]), (found, plain[row])


def test_pacing_is_kept_while_the_server_does_not_answer(both: Any) -> None:
    """constant_pacing counts the time of the task in: 50 ms of it are spent waiting for no answer."""
    plain, done, _, _ = both
    found = done.operation("ack", "paced")
    assert alike(sum(found["errors"].values()), plain["ack", "paced"])
    assert set(found["errors"]) == {"timeout"}


def test_a_closed_model_offers_no_rate_and_no_doubt(both: Any) -> None:
    """It read "11.7 % of offered operations were issued" and ended in 5."""
    _, done, _, _ = both
    for user_class in ("Patient", "Pacing", "Nested"):
        counted = done.counted(user_class)
        assert (counted.offered, counted.issued, counted.withheld) == (0, 0, 0)
        assert counted.begun > SECONDS
    assert not any("issued" in doubt for doubt in done.report["doubts"])


def test_weights_and_fixed_counts_decide_who_comes(both: Any) -> None:
    _, done, _, _ = both
    users = {row["name"]: row["users_peak"] for row in done.report["user_classes"]}
    assert users == {"Patient": PATIENT, "Pacing": 1, "Nested": 1}
    assert "User classes" in done.stdout


def test_hooks_are_called_as_often_in_the_parent_and_in_workers(both: Any) -> None:
    _, _, plain, ours = both
    assert sorted(line.split()[0] for line in plain.splitlines()) == ["init", "test_start", "test_stop"]
    for runner in ("MasterRunner", "WorkerRunner"):
        told = [line.split()[0] for line in ours.splitlines() if line.split()[1] == runner]
        assert told == ["init", "test_start", "test_stop"]


def test_locusts_own_files_count_each_operation_once(both: Any) -> None:
    plain, done, _, _ = both
    with (done.folder / "locust_stats.csv").open() as file:
        ours = {(row["Type"], row["Name"]): int(row["Request Count"]) for row in csv.DictReader(file)}
    assert ours["db", "query"] == done.operation("custom", "query")["count"]
    assert ("custom", "query") not in ours
    assert ours.keys() - {("", "Aggregated")} == plain.keys()


SHAPE = """
from locust import LoadTestShape, constant, tag
from siotool.swarm.user import SocketIOUser, task


class Steps(LoadTestShape):
    def tick(self):
        second = self.get_run_time()
        if second < 2:
            return 2, 2
        if second < 4:
            return 6, 4
        return None


class Visitor(SocketIOUser):
    wait_time = constant(0.2)

    @tag("read")
    @task
    def read(self):
        self.call("echo", "read")

    @tag("write")
    @task
    def write(self):
        self.call("whoami", {})
"""


def test_a_load_shape_drives_the_run_and_tags_choose_the_tasks(
    url: str, loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "steps.py").write_text(SHAPE)
    done = loadtest(url, "--scenario", tmp_path / "steps.py", "--tags", "read")
    users = [interval.connections.users for interval in done.run.intervals if not interval.draining]
    assert (max(users), users[1]) == (6, 2)
    assert 3.9 <= done.run.intervals[len(users) - 1].t_s <= 5.1
    assert done.run.header.workload.shape == "Steps"
    assert {row["name"] for row in done.report["operations"] if row["op"] == "ack"} == {"echo"}
    assert done.code in (ExitCode.OK, ExitCode.SUSPECT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            ["--stage", "3s:4"], "load shape Steps and --stage both decide", id="stages beside a shape"
        ),
        pytest.param(["--users", "4"], "and --users both decide", id="users beside a shape"),
        pytest.param(["--tags", "raed"], "did you mean read?", id="a tag that is none"),
        pytest.param(
            ["--tags", "read", "--exclude-tags", "read"], "no task is left", id="tags that leave nothing"
        ),
    ],
)
def test_what_contradicts_the_scenario_is_refused_before_anything_starts(
    url: str, loadtest: Callable[..., Any], tmp_path: Path, options: list[str], message: str
) -> None:
    (tmp_path / "steps.py").write_text(SHAPE)
    done = loadtest(url, "--scenario", tmp_path / "steps.py", *options)
    assert done.code == ExitCode.USAGE
    assert message in done.stderr
    assert not done.folder.exists()


FAILING = """
from locust import constant
from siotool.swarm.user import SocketIOUser, knob, task


class Fails(SocketIOUser):
    rate: float = knob(10.0, "turns per second")

    def on_start(self):
        self.on("tick", self.early)
        super().on_start()

    def on_connected(self):
        self.turn = 0

    def early(self, *_):
        raise ZeroDivisionError("heard")

    def late(self, *_):
        raise LookupError("heard late")

    @task
    def act(self):
        self.turn += 1
        self.on("tick", self.late if self.turn > 10 else self.early)
        answer = self.call("echo", {"n": self.turn})
        self.check(answer and answer[0] == {"n": self.turn}, "the echo is the same")
        if self.turn % 4 == 0:
            self.fail("every fourth")
        if self.turn % 2 == 0:
            self.publish("chat message", compose=lambda text: (text, 1 / 0))
        raise KeyError("token s3cr3t")


class Breaks(SocketIOUser):
    fixed_count = 1

    def on_start(self):
        super().on_start()
        self.call("echo", 0)
        raise OSError("never begins")

    @task
    def act(self):
        self.call("echo", 1)
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory, lasting_start: Callable[..., Any]) -> Any:
    scenario = tmp_path_factory.mktemp("failing") / "fails.py"
    scenario.write_text(FAILING)
    return lasting_start(
        *("demo", "--tick-rate", 4, "--scenario", scenario, "--users", 4, "--spawn-rate", 100),
        *("--run-time", "4s", "--auth", json.dumps({"token": "s3cr3t"})),
    ).finish()


def told(done: Any) -> dict[str, dict[str, Any]]:
    return {entry["kind"]: entry for entry in done.report["exceptions"]}


def test_a_task_that_raises_fails_the_run_and_is_said_once(failing: Any) -> None:
    """It was green, with a traceback on stderr for each time."""
    assert failing.code == ExitCode.GATE_FAILED
    assert failing.report["verdict"] == "failed"
    found = told(failing)["KeyError"]
    assert found["count"] > 20
    assert found["where"].startswith("fails.py:")
    assert failing.stderr.count("KeyError: 'token ***'") == 1
    assert "Traceback" not in failing.stderr
    (gate,) = (gate for gate in failing.report["gates"] if gate["expr"] == "exceptions > 0")
    assert (gate["default"], gate["outcome"]) == (True, "failed")
    assert failing.stdout.startswith(" FAILED by ")
    assert " ".join(failing.stdout.split()).endswith("operations failed.")


def test_tracebacks_are_kept_once_each_without_secrets(failing: Any) -> None:
    kept = (failing.folder / "exceptions.txt").read_text()
    assert kept.count("raise KeyError") == 1
    everything = kept + failing.stdout + failing.stderr + (failing.folder / "run.jsonl").read_text()
    assert "'token s3cr3t'" not in everything


def test_handlers_are_heard_whenever_they_were_registered_and_may_fail(failing: Any) -> None:
    """Before the connect, and later: that one was never called."""
    assert told(failing)["ZeroDivisionError"]["count"] > 0
    assert told(failing)["LookupError"]["count"] > 0


def test_checks_and_fails_have_their_shares(failing: Any) -> None:
    check = failing.operation("custom", "the echo is the same")
    assert (check["errors"], check["count"] > 20) == ({}, True)
    turns = failing.operation("custom", "Fails")
    share = turns["errors"]["fail"] / (turns["count"] + turns["errors"]["fail"])
    assert share == pytest.approx(0.25, abs=0.05)
    assert told(failing)["fail"]["message"] == "every fourth"


def test_a_message_that_cannot_be_made_is_neither_sent_nor_lost(failing: Any) -> None:
    """It raised in the loop's thread, behind an account that was open already."""
    assert failing.report["delivery"]["published"] == failing.report["delivery"]["lost"] == 0


def test_a_user_that_breaks_in_its_start_leaves(failing: Any) -> None:
    """Locust forgets its on_stop: the connection stayed open, and its place in every account."""
    counted = failing.counted("Breaks")
    assert (counted.started, counted.ended, counted.established) == (1, 1, 1)
    assert told(failing)["OSError"]["count"] == 1
    held = [interval for interval in failing.run.intervals if not interval.draining]
    assert held[-1].connections.open == held[-1].connections.users == 3


GIVES_UP = """
import gevent
from siotool.swarm.user import SocketIOUser, task


class OutOfTime(SocketIOUser):
    @task
    def act(self):
        with gevent.Timeout(0.05):
            self.call("never", 1)


class Outcome(BaseException):
    pass


class Hears(SocketIOUser):
    def on_start(self):
        self.on("tick", self.heard)
        super().on_start()

    def heard(self, *_):
        raise Outcome("heard")

    @task
    def act(self):
        self.call("echo", 1)
"""


def test_what_is_no_exception_of_pythons_kind_fails_the_run_too(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    """gevent.Timeout, as outcomes of pytest, is no ``Exception``: the user died of it, and the run passed."""
    (tmp_path / "gives_up.py").write_text(GIVES_UP)
    done = loadtest(
        *("demo", "--tick-rate", 4, "--scenario", tmp_path / "gives_up.py", "--users", 2, "--run-time", "3s")
    )
    assert told(done)["Timeout"]["count"] == 1
    assert told(done)["Outcome"]["count"] > 1
    (gate,) = (gate for gate in done.report["gates"] if gate["expr"] == "exceptions > 0")
    assert gate["outcome"] == "failed"
    assert "Traceback" not in done.stderr


LATE_LOGINS = """
import gevent
from siotool.swarm.user import SocketIOUser, task


class Late(SocketIOUser):
    rate = 10.0
    logins = acts = 0

    def auth(self):
        Late.logins += 1
        if Late.logins % 2:
            with gevent.Timeout(0.01):
                gevent.sleep(60)
        return {}

    @task
    def act(self):
        self.acts += 1
        if self.acts == 1:
            self.drop("reset")
        self.call("echo", 1)
"""


def test_a_login_that_is_out_of_time_is_counted_and_the_user_comes_back(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    """In the preflight it was a bug of siotool; after a loss the user waited for ever, and the run passed."""
    (tmp_path / "late.py").write_text(LATE_LOGINS)
    done = loadtest(
        *("demo", "--scenario", tmp_path / "late.py", "--users", 2, "--run-time", "4s", "--processes", 1)
    )
    assert any("login was not checked before the run: Timeout" in said for said in done.report["remarks"])
    assert told(done)["Timeout"]["count"] == 2, "the first of one user, the second of the other"
    assert done.counted("Late").established == 2
    assert done.operation("ack", "echo")["count"] > 1
    assert "Traceback" not in done.stderr


LEAVES = """
from locust import TaskSet
from siotool.swarm.user import SocketIOUser, knob, task


class Inside(TaskSet):
    @task
    def act(self):
        self.user.call("echo", 1)
        self.interrupt()


class Around(TaskSet):
    tasks = [Inside]


class Goes(SocketIOUser):
    rate: float = knob(5.0, "turns per second")
    tasks = [Inside]


class GoesDeeper(Goes):
    tasks = [Around]
"""


def test_a_task_set_that_is_left_takes_one_turn(loadtest: Callable[..., Any], tmp_path: Path) -> None:
    """The next one began at once: 75 calls a second at a rate of 5, of which the schedule knew one."""
    (tmp_path / "leaves.py").write_text(LEAVES)
    done = loadtest("demo", "--scenario", tmp_path / "leaves.py", "--users", 2, "--run-time", "3s")
    both = done.counted("Goes"), done.counted("GoesDeeper")
    issued, achieved = (sum(getattr(counted, name) for counted in both) for name in ("issued", "achieved"))
    assert done.operation("ack", "echo")["count"] == issued == achieved
    assert all(1 < counted.issued <= counted.offered for counted in both)


THINKING = """
import time

from siotool.swarm.user import SocketIOUser, knob, task


class Thinks(SocketIOUser):
    rate: float = knob(1.0, "turns per second")

    @task
    def act(self):
        time.sleep(0.4)
        self.call("echo", 1)
"""


def test_think_time_is_no_response_time(loadtest: Callable[..., Any], tmp_path: Path) -> None:
    """The operation of a task that waits first was timed from before the wait."""
    (tmp_path / "thinks.py").write_text(THINKING)
    done = loadtest("demo", "--scenario", tmp_path / "thinks.py", "--users", 4, "--run-time", "4s")
    assert done.operation("ack", "echo")["max_s"] < 0.3


NOTHING = """
from siotool.swarm.user import SocketIOUser, task


class Busy(SocketIOUser):
    @task
    def act(self):
        self.call("echo", 1)


class Forgetful(SocketIOUser):
    @task
    def act(self):
        pass
"""


def test_users_that_begin_nothing_make_the_run_untrusted(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "nothing.py").write_text(NOTHING)
    done = loadtest("demo", "--scenario", tmp_path / "nothing.py", "--users", 4, "--run-time", "3s")
    assert done.code == ExitCode.SUSPECT
    assert "no user of class Forgetful began an operation: it proved nothing" in done.report["doubts"]
