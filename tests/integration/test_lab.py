"""Labs under load: what arrives across servers, and what is measured of each process."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from siotool.runs.sameness import service
from tests.bench.adapter_faults import witness
from tests.integration.conftest import Finished
from tests.integration.labs import described

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
    "single": ({"example": "single.toml"}, ROOM),
    "alone": ({"balancer": "nginx", "witness": True}, ROOM),
    "redis": ({"example": "nginx-redis.toml"}, (*ROOM, *MIX)),
    "sharded": ({"adapter": "redis-sharded", "balancer": "haproxy", "tls": True}, (*ROOM, *MIX)),
    "streams": (
        {"adapter": "redis-streams", "balancer": "nginx", "sticky": "address", "recovery": "2min"},
        (*ROOM, *SOURCES),
    ),
    "postgres": ({"adapter": "postgres", "tls": True}, ROOM),
    "cluster": ({"example": "cluster.toml"}, (*ROOM, "--transport", "websocket")),
    "python": ({"runtime": "python", "balancer": "haproxy", "sticky": "address"}, (*ECHO, *SOURCES)),
    "python-redis": ({"runtime": "python", "adapter": "redis", "balancer": "nginx"}, (*ROOM, *MIX)),
    "python-alone": ({"runtime": "python", "balancer": "nginx"}, ROOM),
    "torn": (
        {"adapter": "redis", "balancer": "haproxy", "sticky": "none"},
        (*ROOM, "--transport", "polling"),
    ),
}
#: Those whose servers are joined: what a client on one publishes reaches clients on all.
JOINED = ("redis", "sharded", "streams", "postgres", "cluster", "python-redis")


@pytest.fixture(scope="module")
def runs(
    lab_programs: None, lasting_start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
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
    by_node = done.report["delivery_by_node"]
    assert by_node["nodes"] == 2
    for relation in ("same", "across"):
        found = by_node[relation]
        assert found["lost"] == 0
        assert found["expected"] > 5 * USERS, "each half of the users has some of the senders"
        assert 0 < found["p50_s"] <= found["p99_s"]
    assert by_node["unknown"]["expected"] == 0
    counted = sum(by_node[relation]["received"] for relation in ("same", "across"))
    # what came to users who had just joined was not expected, and is in no relation
    assert 0.7 * delivery["received"] < counted <= delivery["received"]


@pytest.mark.parametrize("name", JOINED)
def test_servers_count_what_their_adapter_carries(name: str, runs: dict[str, Finished]) -> None:
    """Each message comes to both servers, its own copy too, but for the primary's, which sends none back."""
    uses = [use for one in runs[name].run.intervals for use in one.servers.values()]
    published = sum(use.adapter_published_per_s or 0.0 for use in uses)
    received = sum(use.adapter_received_per_s or 0.0 for use in uses)
    assert published > USERS
    assert received / published == pytest.approx(1 if name == "cluster" else 2, rel=0.2)


def test_one_process_holds_all(runs: dict[str, Finished]) -> None:
    done = runs["single"]
    assert done.code in (0, 5), done.stderr
    assert done.report["delivery"]["lost"] == 0
    assert len(done.report["servers"]) == 1


@pytest.mark.parametrize("name", ["alone", "python-alone"])
def test_servers_that_nothing_joins_lose_what_goes_across(name: str, runs: dict[str, Finished]) -> None:
    """The figures above can be wrong: here half of the receivers are on the other server."""
    done = runs[name]
    assert done.code in (4, 5), done.stderr  # 5: the machine held the generator up
    delivery = done.report["delivery"]
    assert delivery["duplicate"] == 0
    assert delivery["lost"] / delivery["expected"] == pytest.approx(0.5, abs=0.1)
    same, across = (done.report["delivery_by_node"][relation] for relation in ("same", "across"))
    assert (same["lost"], across["received"]) == (0, 0)
    assert across["lost"] == across["expected"] == delivery["lost"]
    assert same["received"] > 5 * USERS
    assert any("does no adapter join the servers?" in remark for remark in done.report["remarks"])
    if name == "alone":
        # the servers' own log: nothing that is lost was sent, and nothing that was sent is lost
        seen = witness(done.folder / "lab")
        assert delivery["received"] <= seen.sent <= delivery["received"] + seen.on_its_way


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
        ("python-redis", ["redis", "server-1", "server-2", "nginx"]),
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
    for header in runs[name].run.header.servers:
        if header.name in ("nginx", "redis", "primary"):
            assert header.cores <= 1, "nginx has a master beside its one worker"
    for one in servers:
        assert one["connections_how"] == "as the server counts"
        if name != "python-redis":  # servers in Python do not measure their loop
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


def test_a_look_at_a_lab_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "siotool", "loadtest", f"lab:{described(tmp_path, runtime='python')}"]
    done = subprocess.run(
        [*command, "--scenario", "echo", "--dry-run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["python.toml"]


def test_runs_of_a_lab_are_of_one_service_whatever_its_ports(runs: dict[str, Finished]) -> None:
    header = runs["redis"].run.header
    assert header.lab == "lab of 2 node, adapter redis, balancer nginx, sticky cookie"
    assert service(runs["redis"].run) == f"{header.lab} /socket.io/ / {header.target.transport}"
