"""Labs: real servers, backends and balancers, joined as they are in service; loaded, and gone afterwards."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from siotool.lab.packages import look_for_packages
from siotool.lab.tools import path_of
from tests.integration.conftest import Finished

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).parents[2] / "siotool/schemas"
USERS = 20
#: All users in one room: each message goes to all of them, on whichever server they are.
ROOM = ("--scenario", "rooms", "--set", "rate=2", "--set", f"room_size={USERS}")
BRIEF = ("--users", USERS, "--spawn-rate", USERS, "--run-time", "2s")
MIX = ("--transport-mix", "upgrade=2,websocket=1,polling=1")
ECHO = ("--scenario", "echo", "--set", "rate=2")
#: One connection for each session: several addresses of one session would be several clients to a balancer.
SOURCES = ("--source-ip", "127.0.0.1-127.0.0.64", "--transport", "websocket")

#: Labs, and how each is loaded. Beside a primary a client may be faster than the worker that tells it of the
#: client's session, so that some sessions over long polling break (docs/lab.md).
LABS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "alone": ({"balancer": "nginx"}, ROOM),
    "redis": ({"example": "nginx-redis.toml"}, (*ROOM, *MIX)),
    "sharded": ({"adapter": "redis-sharded", "balancer": "haproxy", "tls": True}, (*ROOM, *MIX)),
    "streams": (
        {"adapter": "redis-streams", "balancer": "nginx", "sticky": "address", "recovery": "2min"},
        (*ROOM, *SOURCES),
    ),
    "postgres": ({"adapter": "postgres", "tls": True}, ROOM),
    "cluster": ({"example": "cluster.toml"}, (*ROOM, "--transport", "websocket")),
    "python": ({"runtime": "python", "balancer": "haproxy", "sticky": "address"}, (*ECHO, *SOURCES)),
    "torn": (
        {"adapter": "redis", "balancer": "haproxy", "sticky": "none"},
        (*ROOM, "--transport", "polling"),
    ),
}
#: Those whose servers are joined: what a client on one publishes reaches clients on all.
JOINED = ("redis", "sharded", "streams", "postgres", "cluster")
PROGRAMS = ("node", "nginx", "haproxy", "redis-server", "postgres", "openssl")


@pytest.fixture(scope="module")
def everything() -> None:
    """Skip where a program or a package is missing."""
    missing = [name for name in PROGRAMS if not path_of(name)]
    missing += [one.name for one in look_for_packages() if not one.path]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed; siotool lab doctor says how to get it (make lab)")


def described(folder: Path, example: str = "", **keys: Any) -> str:
    """Write a lab of two servers, and return its file; or return an example's."""
    if example:
        return str(Path(__file__).parents[2] / "scenarios" / example)
    path = folder / f"{'-'.join(str(value) for value in keys.values()) or 'lab'}.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"servers": 2, **keys}.items()]
    path.write_text("\n".join(["[lab]", *lines, ""]))
    return str(path)


@pytest.fixture(scope="module")
def runs(
    everything: None, lasting_start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Finished]]:
    """A load test of each lab, two at a time."""
    folder = tmp_path_factory.mktemp("labs")

    def load(name: str) -> Finished:
        keys, options = LABS[name]
        done: Finished = lasting_start(f"lab:{described(folder, **keys)}", *options, *BRIEF).finish()
        return done

    with ThreadPoolExecutor(2) as pool:
        yield dict(zip(LABS, pool.map(load, LABS), strict=True))


def lab_of(done: Finished) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((done.folder / "lab/lab.json").read_text())
    return found


# ── loaded ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", JOINED)
def test_what_is_published_on_one_server_arrives_once_at_clients_of_all(
    name: str, runs: dict[str, Finished]
) -> None:
    done = runs[name]
    assert done.code in (0, 5), done.stderr
    delivery = done.report["delivery"]
    assert delivery["received"] == delivery["expected"] > 20 * USERS
    assert (delivery["lost"], delivery["duplicate"], delivery["misdelivered"]) == (0, 0, 0)
    held = [one["connections_mean"] for one in done.report["servers"] if not one["beside"]]
    assert len(held) == 2
    assert min(held) > 0, "clients are on both, so that some deliveries went across"


def test_servers_that_nothing_joins_lose_what_goes_across(runs: dict[str, Finished]) -> None:
    """The figures above can be wrong: here half of the receivers are on the other server."""
    done = runs["alone"]
    assert done.code == 4
    delivery = done.report["delivery"]
    assert delivery["duplicate"] == 0
    assert delivery["lost"] / delivery["expected"] == pytest.approx(0.5, abs=0.1)


def test_a_balancer_that_is_not_sticky_breaks_long_polling(runs: dict[str, Finished]) -> None:
    done = runs["torn"]
    assert done.code == 3
    assert "Requests of one session reach servers that do not know it" in done.stderr


def test_servers_in_python_are_loaded_too(runs: dict[str, Finished]) -> None:
    done = runs["python"]
    assert done.code in (0, 5), done.stderr
    assert done.operation("ack", "echo")["count"] > 20
    assert [one["name"] for one in done.report["servers"]] == ["server-1", "server-2", "haproxy"]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("redis", ["redis", "server-1", "server-2", "nginx"]),
        ("postgres", ["postgres", "server-1", "server-2"]),
        ("cluster", ["primary", "server-1", "server-2"]),
    ],
)
def test_every_process_is_sampled_under_its_name(
    name: str, names: list[str], runs: dict[str, Finished]
) -> None:
    report = runs[name].report
    assert [one["name"] for one in report["servers"]] == names
    servers = [one for one in report["servers"] if not one["beside"]]
    assert [one["name"] for one in servers] == ["server-1", "server-2"]
    for one in report["servers"]:
        assert one["rss_bytes_max"] > 1e6, one["name"]
    for one in servers:
        assert one["connections_how"] == "as the server counts"
        assert one["loop_utilization_mean"] > 0
        assert one["loop_lag_max_s"] is not None
        assert one["processes_max"] == 1
    # all servers together are the servers: not what stands in front of them, or behind
    together = report["server"]
    assert together["connections_share"] == pytest.approx(1.0, abs=0.1)
    assert together["cpu_cores_mean"] == pytest.approx(sum(s["cpu_cores_mean"] for s in servers), rel=0.1)
    assert together["imbalance"] == pytest.approx(1.0, abs=0.3)
    for one in report["servers"]:
        if one["beside"]:
            assert (one["connections_mean"], one["rss_bytes_per_connection"]) == (None, None)


def test_a_primary_is_sampled_without_its_workers(runs: dict[str, Finished]) -> None:
    primary = runs["cluster"].report["servers"][0]
    assert (primary["name"], primary["processes_max"], primary["beside"]) == ("primary", 1, True)


def test_sticky_by_address_parts_clients_by_their_addresses(runs: dict[str, Finished]) -> None:
    held = [one["connections_max"] for one in runs["streams"].report["servers"] if not one["beside"]]
    assert sum(held) == USERS
    assert min(held) >= 2, "each user has an address of its own"


def test_each_worker_of_a_primary_has_figures_of_its_own(runs: dict[str, Finished]) -> None:
    urls = [one["metrics_url"] for one in lab_of(runs["cluster"])["members"] if one["role"] == "server"]
    assert len(set(urls)) == 2
    held = [one["connections_max"] for one in runs["cluster"].report["servers"] if not one["beside"]]
    assert sum(held) == USERS


def test_the_run_keeps_the_files_of_its_lab_and_says_what_ran(runs: dict[str, Finished]) -> None:
    schema = json.loads((SCHEMAS / "lab.json").read_text())
    for name, done in runs.items():
        if name == "torn":
            continue
        told = lab_of(done)
        jsonschema.validate(told, schema)
        for one in told["members"]:
            assert Path(one["log"]).is_file(), (name, one)
    files = {path.name for path in (runs["redis"].folder / "lab").iterdir()}
    assert {"nginx.conf", "redis.conf", "server.mjs", "lab.json", "server-1.log"} <= files
    assert "haproxy.cfg" in {path.name for path in (runs["sharded"].folder / "lab").iterdir()}
    assert "postgresql.conf" in {path.name for path in (runs["postgres"].folder / "lab").iterdir()}


def test_nothing_of_a_run_is_left(runs: dict[str, Finished], alive: Callable[[int], bool]) -> None:
    pids = [one["pid"] for done in runs.values() for one in lab_of(done)["members"]]
    assert len(pids) > 20
    assert [pid for pid in pids if alive(pid)] == []


# ── up, and gone ──────────────────────────────────────────────────────────────────────


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
    everything: None, tmp_path: Path, alive: Callable[[int], bool]
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


def test_a_configuration_file_can_be_used_again(everything: None, tmp_path: Path) -> None:
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
    everything: None,
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
    how: str, everything: None, start: Callable[..., Any], tmp_path: Path, alive: Any, until: Any
) -> None:
    file = described(tmp_path, adapter="redis", balancer="haproxy")
    test = start(f"lab:{file}", *ROOM, "--users", USERS, "--run-time", "60s")
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
    everything: None, tmp_path: Path
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


def test_a_program_that_ends_is_said(everything: None, tmp_path: Path, until: Callable[..., Any]) -> None:
    with up(tmp_path, described(tmp_path, runtime="python")) as one:
        os.kill(one.told["members"][0]["pid"], signal.SIGKILL)
        said = tmp_path / "stderr"
        until(lambda: "server-1 has ended with code -9" in said.read_text(), what="it says which one ended")
        assert opens(one.told["urls"][1])
