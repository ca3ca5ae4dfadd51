"""Tokens, passwords and cookies stand nowhere: every byte that a run leaves is searched for them."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Finished, Loadtest
from tests.integration.servers.node import quoting_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: In every secret of these tests, at its beginning.
MARK = "s3cr3t"

LEAKS = """
import logging
import sys

import gevent
from siotool.swarm.user import SocketIOUser, knob, task

class Leaky(SocketIOUser):
    rate = 4.0
    note: str = knob("", "text")
    logins = 0

    def on_start(self):
        self.listen("*")
        self.on("hello", self.heard)
        self.on("news", self.heard)
        super().on_start()

    def heard(self, *args):
        raise ValueError(f"heard {args}")

    def auth(self):
        self.logins += 1
        if self.logins == 1 and self.row["user"].endswith("-3"):
            raise LookupError(f"no token for {self.row}")
        return {"token": "s3cr3t-issued-" + self.row["user"], "refuse": self.row["refuse"], **self.row}

    def headers(self):
        return {"X-Key": "s3cr3t-header-" + self.row["user"], "Cookie": "own=s3cr3t-own-" + self.row["user"]}

    def query(self):
        return {"token": "s3cr3t-query-" + self.row["user"]}

    @task
    def leak(self):
        answer = self.call("echo", self.row)
        self.check(False, f"an answer unlike {answer}")
        self.fail(f"failed with {self.note}")
        self.environment.events.request.fire(
            request_type="GET", name=f"/{self.row['user']}", response_time=1, response_length=0,
            exception=RuntimeError(f"{self.row['odd']} was refused"), context={},
        )
        self.call("say " + self.row["user"], timeout=0.2)
        logging.error("logged %r", answer)
        print("printed", self.row["odd"], file=sys.stderr)
        gevent.spawn(self.heard, answer)
        raise KeyError(self.row["odd"])
"""


def users(path: Path, refused: Callable[[int], bool]) -> Path:
    """A users file of six rows, whose every value but ``refuse`` is a secret."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "refuse", "odd"])
        for number in range(6):
            odd = f'{MARK} "quoted", %25 ü\\ {number}'
            writer.writerow([f"{MARK}-user-{number}", "yes" if refused(number) else "", odd])
    return path


def places(finished: Finished) -> Iterator[tuple[str, str]]:
    """Every text that a run left behind, with its place."""
    yield "stdout", finished.stdout
    yield "stderr", finished.stderr
    for path in finished.folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes().decode(errors="replace")


def process_list(test: Loadtest) -> Iterator[tuple[str, str]]:
    """Arguments and variables of every process of a run."""
    for process in (psutil.Process(test.process.pid), *test.family()):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield f"{process.pid} {name}", Path(f"/proc/{process.pid}/{name}").read_text(errors="replace")


def test_no_byte_of_a_run_holds_a_secret(
    start: Callable[..., Loadtest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = tmp_path / "leaky.py"
    scenario.write_text(LEAKS)
    monkeypatch.setenv("SIOTOOL_LOADTEST_HEADER", f"X-Variable: {MARK}-variable")
    with quoting_server() as server:
        test = start(
            f"{server.url}?own={MARK}-in-url", "--scenario", scenario, "--locust-files",
            "--users-file", users(tmp_path / "users.csv", lambda number: number == 4),
            "--auth", f'{{"option": "{MARK}-option"}}', "--header", f"Authorization: Bearer {MARK}-bearer",
            "--query", "asked={user}", "--set", "note={odd}", "--namespace", f"/?room={MARK}-room",
            "--users", "6", "--run-time", "5s", "--processes", "2",
        )  # fmt: skip
        test.reached(1)
        listed = list(process_list(test))
        finished = test.finish()
    assert len(listed) >= 3 * 2, "the parent and two workers"
    found = [*places(finished), *listed]
    assert {"run.jsonl", "report.md", "report.html", "exceptions.txt", "locust.html"} <= {
        name for name, _ in found
    }
    for place, text in found:
        at = text.find(MARK)
        assert at < 0, f"{place}: …{text[max(0, at - 200) : at + 100]}…"
    # all of them did come: hidden, not lost
    kinds = {found["kind"] for found in finished.report["exceptions"]}
    assert {"KeyError", "LookupError", "ValueError", "RuntimeError", "fail", "check_failed"} <= kinds
    said = (finished.folder / "run.jsonl").read_text()
    assert "room is full for ***" in said, "the server's own words, without what it quotes"
    assert "FULL" in said, "and its data"
    assert "room is full for" in (finished.folder / "report.md").read_text()
    assert "room is full for ***" in (finished.folder / "report.html").read_text()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_refused_first_login_says_the_servers_words_without_secrets(
    start: Callable[..., Loadtest], tmp_path: Path, form: str
) -> None:
    with quoting_server() as server:
        test = start(
            server.url, "--users-file", users(tmp_path / "users.csv", lambda _: True), "--users", "2",
            "--auth", '{"token": "{user}", "refuse": "yes", "odd": "{odd}"}', "--query", "token={user}",
            "--format", form,
        )  # fmt: skip
        finished = test.finish()
    assert finished.code == 3
    assert "room is full for ***" in finished.stderr
    assert "FULL" in finished.stderr
    assert MARK not in finished.stdout + finished.stderr
    assert not json.loads(finished.stdout or "{}")
