"""Each user its own: what users show of themselves is what a real server sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Finished
from tests.integration.servers.node import node_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

OWN = """
from siotool.swarm.user import SocketIOUser, task

class Own(SocketIOUser):
    rate = 2.0
    logins = 0
    headers = {"X-Kind": "class", "X-Other": "own"}
    namespaces = ["/", "/chat"]

    def __init__(self, environment):
        super().__init__(environment)
        self.query = {"user": self.number}
        self.draw = self.random.random()

    def auth(self):
        self.logins += 1
        if self.logins == 1 and self.number == 3:
            raise LookupError("no login yet")
        return {"token": f"user-{self.number}-{self.logins}", "draw": self.draw}

    @task
    def talk(self):
        self.call("echo", self.number)
        if self.logins == 1 and self.number == 2:
            self.emit("kick transport")
            self.hold()
"""


def test_a_scenario_says_who_its_users_are(loadtest: Callable[..., Finished], tmp_path: Path) -> None:
    """Attribute of the class, of the user and method; asked anew at a reconnect; one preflight as user 1."""
    scenario = tmp_path / "own.py"
    scenario.write_text(OWN)
    with node_server("4") as server:
        finished = loadtest(
            server.url, "--scenario", scenario, "--users", 4, "--run-time", "5s", "--processes", 2,
            "--auth", '{"token": "options"}', "--header", "x-kind: options", "--header", "X-Third: options",
        )  # fmt: skip
        logins = server.seen("connect", namespace="/")
        others = server.seen("connect", namespace="/chat")
    shown: dict[str, list[dict[str, Any]]] = {}
    for line in logins:
        shown.setdefault(line["auth"]["token"], []).append(line)
    # user 1 connects in the preflight too, user 2 comes back with a new token, user 3 fails once
    assert {token: len(lines) for token, lines in shown.items()} == {
        "user-1-1": 2, "user-2-1": 1, "user-2-2": 1, "user-3-2": 1, "user-4-1": 1,
    }  # fmt: skip
    for line in logins:
        assert line["query"]["user"] == line["auth"]["token"].split("-")[1]
        assert (line["headers"]["x-kind"], line["headers"]["x-other"]) == ("class", "own")
        assert line["headers"]["x-third"] == "options"
    assert len(others) == len(logins)
    draws = {token: {line["auth"]["draw"] for line in lines} for token, lines in shown.items()}
    assert all(len(found) == 1 for found in draws.values()), "the same number draws the same, in any process"
    assert len({draw for found in draws.values() for draw in found}) == 4
    assert finished.code in (4, 5)  # 5 where the machine was busy
    assert [(found["kind"], found["count"]) for found in finished.report["exceptions"]] == [
        ("LookupError", 1)
    ]
    assert finished.run.header.target.namespace == "/"
    assert "user-" not in (finished.folder / "run.jsonl").read_text()


COMES_AND_GOES = """
from locust.exception import StopUser
from siotool.swarm.user import SocketIOUser, knob, task

class Visitor(SocketIOUser):
    rate = 5.0
    calls: int = knob(1, "calls of a visit", minimum=1)
    room: str = knob("", "room")
    done = 0

    @task
    def call_once(self):
        self.call("echo", self.row.get("token"), self.calls, self.room, self.number)
        self.done += 1
        if self.done >= self.calls:
            raise StopUser
"""


def test_rows_go_to_users_once_while_they_come_and_go_on_several_workers(
    loadtest: Callable[..., Finished], tmp_path: Path
) -> None:
    """Ten users start over the stages, six at most at once, and ten rows are enough for three workers."""
    (tmp_path / "users.csv").write_text(
        "token,calls\n" + "".join(f"tok-{number},{1000 + number}\n" for number in range(10))
    )
    scenario = tmp_path / "visitor.py"
    scenario.write_text(COMES_AND_GOES)
    with node_server("4") as server:
        finished = loadtest(
            server.url, "--scenario", scenario, "--users-file", tmp_path / "users.csv", "--processes", 3,
            "--auth", '{"token": "{token}"}', "--query", "key={token}", "--header", "X-Token: {token}",
            "--set", "calls={calls}", "--set", "room=room-{number}",
            "--stage", "2s:6", "--stage", "1s:2", "--stage", "3s:6",
        )  # fmt: skip
        logins = server.seen("connect", namespace="/")
        calls = server.seen("event", event="echo")
    tokens = [line["auth"]["token"] for line in logins]
    assert tokens[0] == "tok-0", "the preflight logs in as the first user"
    # on a busy machine a user may be stopped before it has connected
    assert set(tokens[1:]) <= {f"tok-{number}" for number in range(10)}
    assert len(set(tokens[1:])) == len(tokens[1:]) >= 6
    assert not any("row left" in doubt for doubt in finished.report["doubts"])
    for line in logins:
        assert line["auth"]["token"] == line["query"]["key"] == line["headers"]["x-token"]
    for token, count, room, number in (line["args"] for line in calls):
        assert (count, room) == (1000 + int(token.removeprefix("tok-")), f"room-{number}")
    pairs = {(line["args"][0], line["args"][3]) for line in calls}
    assert len(pairs) == len({token for token, _ in pairs}) == len({number for _, number in pairs})
    assert finished.run.header.workload.settings["calls"] == "{calls}"


STEPS = """
from locust import LoadTestShape

class Steps(LoadTestShape):
    def tick(self):
        at = self.get_run_time()
        return (min(12, 4 + 3 * int(at)), 10) if at < 5 else None
"""


def test_arrivals_that_would_outrun_the_rows_are_refused(
    loadtest: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / "users.jsonl").write_text("".join(f'{{"token": {number}}}\n' for number in range(8)))
    finished = loadtest(
        "demo", "--users-file", tmp_path / "users.jsonl", "--arrival-rate", "4/s", "--run-time", "4s"
    )
    assert finished.code == 2
    assert "8 rows" in finished.stderr


def test_a_load_shape_that_outruns_the_rows_is_a_doubt(
    loadtest: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / "users.jsonl").write_text("".join(f'{{"token": {number}}}\n' for number in range(8)))
    scenario = tmp_path / "visitor.py"
    scenario.write_text(COMES_AND_GOES + STEPS)
    with node_server("4") as server:
        finished = loadtest(
            server.url, "--scenario", scenario, "--users-file", tmp_path / "users.jsonl", "--processes", 2,
            "--auth", '{"token": "{token}"}',
        )  # fmt: skip
        tokens = [line["auth"]["token"] for line in server.seen("connect", namespace="/")]
    assert sorted(tokens[1:]) == list(range(8)), "numbers of a JSONL file stay numbers"
    assert finished.code == 5
    assert any("users.jsonl has no row left" in doubt for doubt in finished.report["doubts"])
    assert "users did not start: no row was left" in (finished.folder / "report.md").read_text()
