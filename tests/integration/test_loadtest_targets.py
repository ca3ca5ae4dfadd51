"""One service behind several domains: users take them by weight, and share its rooms."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from siotool.target.process import TargetProcess
from tests.integration.servers.every import EVERY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[TargetProcess]:
    with TargetProcess(tick_rate=0.0) as target:
        yield target


@pytest.fixture(scope="module")
def run(service: TargetProcess, lasting_start: Callable[..., Any]) -> Any:
    """Two names of one server: three of four users by its address, one by its name."""
    by_name = service.url.replace("127.0.0.1", "localhost")
    options = (
        "--scenario",
        "chat",
        "--set",
        "rate=2",
        "--users",
        "24",
        "--run-time",
        "4s",
        "--processes",
        "2",
    )
    return lasting_start(f"{service.url}@3", by_name, *options).finish()


def test_users_are_shared_out_by_weight_over_all_workers(run: Any, service: TargetProcess) -> None:
    heavy, light = run.report["targets"]
    assert (heavy["url"], heavy["weight"]) == (service.url, 3)
    assert (light["url"], light["weight"]) == (service.url.replace("127.0.0.1", "localhost"), 1)
    assert (heavy["connections"]["peak"], light["connections"]["peak"]) == (18, 6)


def test_the_figures_of_the_targets_add_up_to_those_of_the_run(run: Any) -> None:
    report, (heavy, light) = run.report, run.report["targets"]
    for name in ("attempted", "established"):
        assert heavy["connections"][name] + light["connections"][name] == report["connections"][name]
    for name in ("wire_bytes_in", "wire_bytes_out", "payload_bytes_in", "payload_bytes_out"):
        assert heavy[name] > light[name] > 0
        assert heavy[name] + light[name] == report["bandwidth"][name]
    counts = [
        {(row["op"], row["name"]): row["count"] for row in part["operations"]} for part in (heavy, light)
    ]
    together = {
        (row["op"], row["name"]): row["count"] for row in report["operations"] if row["op"] != "deliver"
    }
    assert (counts[0]["connect", "/"], counts[1]["connect", "/"]) == (18, 6)
    assert {key: counts[0].get(key, 0) + counts[1].get(key, 0) for key in together} == together


def test_a_message_reaches_the_users_of_every_target(run: Any) -> None:
    delivery = run.report["delivery"]
    assert delivery["expected"] > 24 * 24
    assert delivery["lost"] == delivery["duplicate"] == 0


def test_the_report_names_every_target(run: Any, service: TargetProcess) -> None:
    assert f"at {service.url} and 1 other target" in " ".join(run.stdout.split())
    assert f"on {service.url} and 1 more" in run.stderr
    assert run.run.header.command[1:3] == [f"{service.url}@3", service.url.replace("127.0.0.1", "localhost")]


def test_each_target_is_tried_before_the_run(service: TargetProcess, loadtest: Callable[..., Any]) -> None:
    done = loadtest(service.url, "http://127.0.0.1:9", "--users", "2", "--run-time", "2s")
    assert done.code == 3
    assert "http://127.0.0.1:9/" in done.stderr
    assert "refused" in done.stderr
    assert not done.folder.exists()


@pytest.mark.node
def test_targets_of_two_revisions_are_not_one_service(
    service: TargetProcess, loadtest: Callable[..., Any]
) -> None:
    with EVERY["socket.io-2"]() as old:
        done = loadtest(service.url, old.url, "--users", "2", "--run-time", "2s")
    assert done.code == 3
    assert f"{service.url} speaks Engine.IO 4, {old.url} 3" in done.stderr
    assert not done.folder.exists()


@pytest.mark.parametrize("transport", ["upgrade", "websocket", "polling"])
def test_connections_come_from_the_addresses_that_are_named(
    start: Callable[..., Any], transport: str
) -> None:
    test = start(
        *("demo", "--users", 12, "--spawn-rate", 12, "--run-time", "4s", "--processes", 2),
        *("--transport", transport, "--source-ip", "127.0.0.5-127.0.0.7", "--source-ip", "127.0.1.9"),
    )
    test.reached(2)
    (target,) = test.family("siotool.target.serve")
    seen = Counter(
        one.raddr.ip for one in target.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED
    )
    done = test.finish()
    assert (done.code, done.report["connections"]["peak"]) == (0, 12)
    assert set(seen) == {"127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.1.9"}
    assert min(seen.values()) >= 2
