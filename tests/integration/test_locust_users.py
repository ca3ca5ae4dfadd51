"""Each user its own under plain Locust: the same options, and rows over Locust's own workers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.servers.node import node_server, quoting_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

SCENARIO = """
from siotool.swarm.user import SocketIOUser, knob, task

class Own(SocketIOUser):
    rate = 2.0
    size: int = knob(1, "a number", minimum=1)

    def headers(self):
        return {"X-User": self.row["user"]}

    @task
    def talk(self):
        self.call("echo", self.row["user"], self.size, self.number)
        if self.row["user"] == "s3cr3t-0":
            raise ValueError(f"{self.row} failed")
"""


def locust(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Locust without its UI on the scenario above to its end."""
    (folder / "own.py").write_text(SCENARIO)
    (folder / "users.csv").write_text("user,n\n" + "".join(f"s3cr3t-{n},{n + 7}\n" for n in range(4)))
    command = [sys.executable, "-m", "locust", "-f", "own.py", "--headless", "--only-summary", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=90, check=False, start_new_session=True
    )


def test_workers_of_locust_share_rows_and_use_none_twice(tmp_path: Path) -> None:
    with node_server("4") as server:
        done = locust(
            tmp_path, "--host", server.url, "-u", "4", "-r", "4", "-t", "5s", "--processes", "2",
            "--users-file", "users.csv", "--auth", '{"token": "{user}"}', "--header", "X-Key: {user}",
            "--query", "key={user}", "--namespace", "/chat", "--set", "size={n}",
            "--csv", "seen", "--html", "seen.html",
        )  # fmt: skip
        logins = server.seen("connect", namespace="/chat")
        calls = server.seen("event", event="echo")
    assert sorted(line["auth"]["token"] for line in logins) == [f"s3cr3t-{n}" for n in range(4)], done.stderr
    for line in logins:
        shown = line["auth"]["token"]
        assert line["headers"]["x-user"] == line["headers"]["x-key"] == line["query"]["key"] == shown
    told = {tuple(line["args"]) for line in calls}
    assert {(user, size) for user, size, _ in told} == {(f"s3cr3t-{n}", n + 7) for n in range(4)}
    assert len({number for *_, number in told}) == 4
    for path in tmp_path.glob("seen*"):
        assert "s3cr3t" not in path.read_text(), path
    assert "ValueError" in (tmp_path / "seen_exceptions.csv").read_text()
    assert "s3cr3t" not in done.stdout + done.stderr
    assert "ValueError" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["-u", "9"], "has 4 rows, and 9 users start", id="fewer rows than users"),
        pytest.param(["-u", "1", "--auth", '{"t": "{usr}"}'], "has no column 'usr'", id="no such column"),
    ],
)
def test_locust_refuses_bad_input_before_it_starts(tmp_path: Path, arguments: list[str], said: str) -> None:
    with quoting_server() as server:
        done = locust(tmp_path, "--host", server.url, "-t", "5s", "--users-file", "users.csv", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
