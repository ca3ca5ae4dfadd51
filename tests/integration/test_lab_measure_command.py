"""``siotool lab measure`` as it is run, with real servers and Redis: its files, a plan, and its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from siotool.lab.tools import path_of

pytestmark = pytest.mark.slow

#: Two starts: of four servers each publishes a quarter of what it receives, a server alone all of it.
SMALLEST = ("--adapter", "redis", "--nodes", "1,4", "--rounds", "1", "--rate", "1200")
PLAN = """[workload]
connections = "20k"
[workload.messages.chat]
kind = "room"
rate = "1/min"
size = "300B"
room_size = 40
[server]
capacity = "1Gbit/s"
[topology]
adapter = "redis"
"""


def siotool(*arguments: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "siotool", *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def folder(lab_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One measurement, its files in ``seen``, its streams and its exit code beside them."""
    place = tmp_path_factory.mktemp("measure")
    done = siotool("lab", "measure", *SMALLEST, "--out", "seen", "--format", "json", cwd=place)
    assert done.returncode in (0, 4), done.stderr
    (place / "stdout").write_text(done.stdout)
    (place / "stderr").write_text(done.stderr)
    (place / "code").write_text(str(done.returncode))
    (place / "plan.toml").write_text(PLAN)
    return place


def planned(folder: Path, *arguments: str) -> dict[str, Any]:
    done = siotool("plan", "plan.toml", *arguments, "--draws", "500", "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


@pytest.mark.quiet
def test_a_measurement_writes_its_profile_its_report_and_the_verdict_on_the_law(folder: Path) -> None:
    text = (folder / "seen/profile.json").read_text()
    profile = json.loads(text)
    assert json.loads((folder / "stdout").read_text()) == profile
    laws = profile["laws"]
    assert [(one["servers"], one["kind"]) for one in laws] == [
        (servers, kind) for servers in (1, 4) for kind in ("to rooms", "to all")
    ]
    assert [one["holds"] for one in laws] == [True] * 4, laws
    assert (folder / "code").read_text() == "0", (folder / "stderr").read_text()
    said = "redis is received as its law says: every"
    assert all(said in (folder / f"seen/adapter.{form}").read_text() for form in ("md", "html"))
    assert [(one["servers"], one["fitted"]) for one in profile["fleets"]] == [(1, True), (4, True)]
    assert set(profile["versions"]) >= {"node", "redis-server", "@socket.io/redis-adapter"}
    assert profile["rate_per_s"] == 1200
    assert all((folder / f"seen/{servers}-servers-1/run.jsonl").is_file() for servers in (1, 4))
    for side in ("server", "backend"):
        assert sum(one["value"] for one in profile[side]["costs"] if one["name"] != "base") > 0


@pytest.mark.quiet
def test_a_plan_takes_what_was_measured_in_the_place_of_guesses(folder: Path) -> None:
    run = json.loads((folder / "seen/profile.json").read_text())["run"]
    rows, guessed = (
        {row["key"]: row for row in plan["figures"]}
        for plan in (planned(folder, "--from", "seen"), planned(folder))
    )
    for key in ("server.adapter_cost", "server.delivery_cost", "server.inbound_cost"):
        assert guessed[key]["provenance"]["kind"] != "measured", key
        assert rows[key]["provenance"]["kind"] == "measured", key
        assert run in rows[key]["provenance"]["detail"], key
        assert rows[key]["value"] != guessed[key]["value"], key
    assert rows["server.adapter_cost"]["value"] > 0
    for key in ("topology.backend_publish_cost", "topology.backend_delivery_cost"):
        assert rows[key]["provenance"]["kind"] == "measured", key
        assert key not in guessed, key
    done = siotool("plan", "plan.toml", "--from", "seen/profile.json", "--draws", "500", cwd=folder)
    assert f"({run})" in done.stdout
    assert "redis: per message received from the adapter" in " ".join(done.stdout.split())


@pytest.mark.quiet
def test_what_is_there_is_not_overwritten(folder: Path) -> None:
    before = {path: path.read_bytes() for path in (folder / "seen").rglob("*") if path.is_file()}
    done = siotool("lab", "measure", *SMALLEST, "--out", "seen", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "seen is not empty" in done.stderr
    assert {path: path.read_bytes() for path in (folder / "seen").rglob("*") if path.is_file()} == before


def test_a_backend_that_is_missing_is_refused_before_anything_starts(
    lab_programs: None, tmp_path: Path
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "node").symlink_to(path_of("node"))
    done = siotool("lab", "measure", *SMALLEST, "--out", "seen", cwd=tmp_path, PATH=str(fake))
    assert (done.returncode, done.stdout) == (2, "")
    assert "redis-server is not installed, and the lab needs it" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


class Measuring:
    """A measurement on its way, in a session of its own."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder

    def lab(self, name: str) -> list[int]:
        """The processes of one fleet, once all of it is up."""
        with suppress(OSError, ValueError):
            members = json.loads((self.folder / name / "lab/lab.json").read_text())["members"]
            return [one["pid"] for one in members]
        return []

    def left(self) -> list[int]:
        """Processes of its session, itself apart."""
        found = []
        for pid in psutil.pids():
            with suppress(OSError, psutil.NoSuchProcess):
                own = pid != self.process.pid and os.getsid(pid) == self.process.pid
                if own and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    found.append(pid)
        return found


@pytest.fixture
def measuring(lab_programs: None, tmp_path: Path) -> Iterator[Measuring]:
    with (
        (tmp_path / "stderr").open("w") as words,
        subprocess.Popen(
            [sys.executable, "-m", "siotool", "lab", "measure", *SMALLEST, "--out", "seen"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Measuring(process, tmp_path / "seen")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_keeps_the_runs_says_so_and_leaves_nothing_running(
    measuring: Measuring, alive: Callable[[int], bool], until: Callable[..., Any], tmp_path: Path
) -> None:
    second: list[int] = until(
        lambda: measuring.lab("4-servers-1"), what="the second fleet is up", within_s=180
    )
    below = psutil.Process(measuring.process.pid).children(recursive=True)
    pids = {*second, *(one.pid for one in below)}
    assert len(pids) > len(second)
    os.killpg(measuring.process.pid, signal.SIGINT)
    assert measuring.process.wait(60) == 130
    until(lambda: not [pid for pid in pids if alive(pid)], what="fleet, generator and keeper end")
    assert measuring.left() == []
    said = (tmp_path / "stderr").read_text()
    assert "ended early: 1 of 2 loads came to their end" in said
    assert "Traceback" not in said
    assert f"{measuring.folder.name}/" in said
    assert (measuring.folder / "1-servers-1/run.jsonl").is_file()
    # one fleet cannot tell what is received from what is published
    assert (measuring.folder / "profile.json").is_file() == ("profile.json" in said)
    assert measuring.process.stdout is not None
    assert measuring.process.stdout.read() == ""
