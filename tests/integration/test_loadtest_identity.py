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
