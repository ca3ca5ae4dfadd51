"""Labs up, and gone: real programs, started in order, and ended whatever happens to who started them."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from siotool.lab.tools import path_of
from tests.integration.labs import EXAMPLES, described
from tests.test_readme import commands_of_help, environment, run

pytestmark = pytest.mark.slow

USERS = 20


class Up:
    """A ``siotool lab up`` that is ready."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.folder = folder
        self.url = process.stdout.readline().strip()
        self.told = json.loads((folder / "lab.json").read_text()) if self.url else {}
        self.keeper = next(
            (one for one in psutil.Process(process.pid).children() if "siotool.lab.keeper" in one.cmdline()),
            None,
        )

    def pids(self) -> list[int]:
        """All processes below it."""
        return [one.pid for one in psutil.Process(self.process.pid).children(recursive=True)]


@contextmanager
def up(tmp_path: Path, file: str, *options: str) -> Iterator[Up]:
    folder = tmp_path / "files"
    with (
        (tmp_path / "stderr").open("w") as words,
        subprocess.Popen(
            [sys.executable, "-m", "siotool", "lab", "up", file, *options, "--out", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            one = Up(process, folder)
            assert one.url, (tmp_path / "stderr").read_text()
            yield one
        finally:
            process.kill()


def opens(url: str, ca_file: str = "") -> bool:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    where = f"{url}/socket.io/?EIO=4&transport=polling"
    with urllib.request.urlopen(where, timeout=10, context=context) as response:
        return bool(response.read().startswith(b"0{"))


def test_up_prints_its_url_shows_no_password_and_ends_in_order_at_ctrl_c(
    lab_programs: None, tmp_path: Path, alive: Callable[[int], bool]
) -> None:
    file = described(tmp_path, adapter="redis", balancer="nginx")
    with up(tmp_path, file, "--servers", "3", "--tls") as one:
        assert one.told["urls"] == [one.url]
        assert one.url.startswith("https://127.0.0.1:")
        assert opens(one.url, one.told["ca_file"])
        assert len([member for member in one.told["members"] if member["role"] == "server"]) == 3
        words = (tmp_path / "files/redis.conf").read_text()
        password = words.partition("requirepass ")[2].split()[0]
        pids = one.pids()
        assert all(password not in " ".join(psutil.Process(pid).cmdline()) for pid in pids)
        assert one.folder.stat().st_mode & 0o077 == 0
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(20) == 0
        assert [pid for pid in pids if alive(pid)] == []
    said = (tmp_path / "stderr").read_text()
    assert "Traceback" not in said
    assert f"files are in {one.folder}" in said


class Polling:
    """A session over long polling, packet by packet."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/socket.io/?EIO=4&transport=polling"
        self._url += f"&sid={json.loads(self.take()[1:])['sid']}"

    def take(self) -> str:
        with urllib.request.urlopen(self._url, timeout=10) as response:
            text: str = response.read().decode()
            return text

    def put(self, packet: str) -> None:
        with urllib.request.urlopen(self._url, data=packet.encode(), timeout=10) as response:
            response.read()


def test_a_session_is_recovered_on_another_server_with_what_it_missed(
    lab_programs: None, tmp_path: Path
) -> None:
    with up(tmp_path, described(tmp_path, adapter="redis-streams", recovery="1min")) as one:
        first, second = one.told["urls"]
        lost = Polling(first)
        lost.put("40")
        joined = json.loads(lost.take()[2:])
        lost.put('42["chat message","heard"]')
        event, text, offset = json.loads(lost.take()[2:])
        assert (event, text) == ("chat message", "heard")
        lost.put("1")  # the transport closes: the session is kept
        other = Polling(second)
        other.put("40")
        other.take()
        other.put('42["chat message","missed"]')
        other.take()
        again = Polling(second)
        again.put("40" + json.dumps({"pid": joined["pid"], "offset": offset}))
        heard: list[str] = []
        while not any(packet.startswith("40") for packet in heard):
            heard += again.take().split("\x1e")
        assert [json.loads(packet[2:])[1] for packet in heard if packet.startswith("42")] == ["missed"]
        assert [json.loads(packet[2:]) for packet in heard if packet.startswith("40")] == [joined]


@pytest.mark.parametrize("name", ["up", "doctor"])
def test_the_examples_of_a_help_page_below_run(name: str, lab_programs: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "siotool", "lab", name, "--help"]
    page = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    shutil.copytree(EXAMPLES, tmp_path / "scenarios")
    examples = commands_of_help(page.stdout)
    assert len(examples) == 2
    for example in examples:
        run(example, tmp_path)


def test_a_configuration_file_can_be_used_again(lab_programs: None, tmp_path: Path) -> None:
    with up(tmp_path, described(tmp_path, runtime="python", balancer="nginx")) as one:
        again = tmp_path / "again"
        again.mkdir()
        shutil.copy(one.folder / "nginx.conf", again)
        (again / "temp").mkdir()
        command = [path_of("nginx"), "-p", ".", "-c", "nginx.conf", "-t"]
        done = subprocess.run(command, cwd=again, capture_output=True, text=True, check=False)
        # the port is taken by the lab, which nginx -t does not ask
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("keys", "whom"),
    [
        pytest.param(
            {"adapter": "postgres", "balancer": "nginx"}, "siotool", id="PostgreSQL, nginx: siotool"
        ),
        pytest.param({"adapter": "redis", "balancer": "nginx"}, "keeper", id="Redis, nginx: its keeper"),
        pytest.param(
            {"adapter": "cluster", "balancer": "haproxy"}, "keeper", id="cluster, HAProxy: its keeper"
        ),
    ],
)
def test_who_is_killed_takes_the_whole_lab_along(
    keys: dict[str, Any],
    whom: str,
    lab_programs: None,
    tmp_path: Path,
    alive: Callable[[int], bool],
    until: Callable[..., Any],
) -> None:
    with up(tmp_path, described(tmp_path, **keys)) as one:
        assert opens(one.url)
        pids = one.pids()
        assert len(pids) > 4
        assert one.keeper is not None
        os.kill(one.process.pid if whom == "siotool" else one.keeper.pid, signal.SIGKILL)
        until(lambda: not [pid for pid in pids if alive(pid)], what="every process of the lab ends")
        assert one.process.wait(10) == (-signal.SIGKILL if whom == "siotool" else 3)


@pytest.mark.parametrize("how", ["Ctrl-C", "killed"])
def test_a_load_test_that_is_cut_short_leaves_no_lab(
    how: str, lab_programs: None, start: Callable[..., Any], tmp_path: Path, alive: Any, until: Any
) -> None:
    file = described(tmp_path, adapter="redis", balancer="haproxy")
    test = start(f"lab:{file}", "--scenario", "rooms", "--users", USERS, "--run-time", "60s")
    test.reached(1)
    pids = [one["pid"] for one in json.loads((test.folder / "lab/lab.json").read_text())["members"]]
    assert all(alive(pid) for pid in pids)
    if how == "Ctrl-C":
        test.interrupt()
        assert test.finish().code == 130
    else:
        test.process.kill()
    until(lambda: not [pid for pid in pids if alive(pid)], what="the lab ends with the load test")


def test_a_program_that_does_not_start_is_quoted_and_nothing_is_left(
    lab_programs: None, tmp_path: Path
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "haproxy").write_text("#!/bin/sh\necho 'no such directive' >&2\nexit 1\n")
    (fake / "haproxy").chmod(0o755)
    file = described(tmp_path, adapter="redis", balancer="haproxy")
    done = subprocess.run(
        [sys.executable, "-m", "siotool", "lab", "up", file, "--out", str(tmp_path / "files")],
        env={**os.environ, "PATH": f"{fake}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "haproxy of the lab ended with code 1: no such directive" in done.stderr
    left = [one for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == str(tmp_path / "files")]
    assert left == []


def test_who_is_killed_while_the_lab_starts_takes_it_along(
    lab_programs: None, tmp_path: Path, alive: Callable[[int], bool], until: Callable[..., Any]
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "redis-server").write_text("#!/bin/sh\ntest $1 = --version || exec sleep 1000\necho 7.0.0\n")
    (fake / "redis-server").chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-m", "siotool", "lab", "up", described(tmp_path, adapter="redis")],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{fake}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
    ) as process:
        own = psutil.Process(process.pid)

        def waiting() -> list[int]:
            found = own.children(recursive=True)
            return [one.pid for one in found] if any("1000" in one.cmdline() for one in found) else []

        pids = until(waiting, what="the lab waits for a Redis that never listens")
        process.kill()
        until(lambda: not [pid for pid in pids if alive(pid)], within_s=5, what="nothing is left")


def test_a_program_that_ends_is_said(lab_programs: None, tmp_path: Path, until: Callable[..., Any]) -> None:
    with up(tmp_path, described(tmp_path, runtime="python")) as one:
        os.kill(one.told["members"][0]["pid"], signal.SIGKILL)
        said = tmp_path / "stderr"
        until(lambda: "server-1 has ended with code -9" in said.read_text(), what="it says which one ended")
        assert opens(one.told["urls"][1])
