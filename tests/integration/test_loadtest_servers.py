"""Servers sampled where they are: processes behind a balancer, metrics, the admin UI, a wrong process."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.servers.node import measured_server
from tests.integration.servers.proxy import nginx
from tests.integration.servers.tls import make_certificates

pytestmark = [pytest.mark.slow, pytest.mark.node]

USER, PASSWORD = "watcher", "a secret of this test"
LOAD = ("--scenario", "echo", "--set", "rate=2", "--transport", "websocket")


class Runs(NamedTuple):
    """Three runs against two servers behind nginx; ``pids`` are those of the servers."""

    whole: Any
    half: Any
    wrong: Any
    pids: tuple[int, int]


@pytest.fixture(scope="module")
def runs(lasting_start: Callable[..., Any]) -> Iterator[Runs]:
    """All servers sampled in every way; one of the two alone; and a process that has nothing to do with it.

    The metrics of the second server stop answering in the middle of the first run.
    """
    admin = {"username": USER, "password": PASSWORD}
    with (
        measured_server(admin=admin) as a,
        measured_server() as b,
        nginx([a, b], sticky="none") as between,
        subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as idle,
    ):
        whole = lasting_start(
            *(between.url, *LOAD, "--stage", "1s:40", "--stage", "7s:40"),
            *("--server", f"a={a.pid}", "--server", f"b={b.pid}", "--server-bandwidth", "1Gbit/s"),
            *("--server-metrics", f"a={a.url}/metrics?token=hidden-in-a-url"),
            *("--server-metrics", f"b={b.url}/metrics"),
            *("--server-admin", f"a=http://{USER}:a%20secret%20of%20this%20test@127.0.0.1:{a.port}/admin"),
        )
        whole.reached(4)
        b.tell("metrics", answer=False)
        done = whole.finish()
        short = (between.url, *LOAD, "--stage", "1s:40", "--stage", "5s:40")
        half = lasting_start(*short, "--server-pid", a.pid).finish()
        wrong = lasting_start(*short, "--server-pid", idle.pid).finish()
        yield Runs(done, half, wrong, (a.pid, b.pid))


def test_each_server_is_reported_with_what_it_carried(runs: Runs) -> None:
    report = runs.whole.report
    a, b = report["servers"]
    assert (a["name"], b["name"]) == ("a", "b")
    for one, pid in zip((a, b), runs.pids, strict=True):
        assert f"pid {pid}, metrics of http://" in one["source"]
        assert one["connections_share"] == pytest.approx(0.5, abs=0.1)
        assert one["connections_how"] == "as the server counts"
        assert 0 < one["loop_utilization_mean"] < 1
        assert one["limit"] == "event loop"
        assert one["rss_bytes_max"] > 30e6
        assert one["events_received_per_s"] > 10
    assert a["share_of_limit_mean"] == a["loop_utilization_mean"]
    assert report["server"]["imbalance"] == pytest.approx(1.0, abs=0.15)
    assert report["server"]["elsewhere"] == ""
    together = a["cpu_cores_mean"] + b["cpu_cores_mean"]
    assert report["server"]["cpu_cores_mean"] == pytest.approx(together, rel=0.1)


def test_the_run_file_keeps_what_the_network_carries_to_each_and_to_all(runs: Runs) -> None:
    header = runs.whole.run.header
    assert [one.bandwidth_bytes_per_s for one in header.servers] == [125e6, 125e6]
    assert header.server.bandwidth_bytes_per_s == 250e6
    assert runs.half.run.header.server.bandwidth_bytes_per_s is None, "where nobody says it"


def test_the_admin_ui_counts_clients_without_itself(runs: Runs) -> None:
    assert "admin UI of http://***@127.0.0.1:" in runs.whole.report["servers"][0]["source"]
    assert "shows 1 server" in runs.whole.stderr
    heard = [use["servers"]["a"] for use in runs.whole.lines if use["kind"] == "interval"]
    assert any("polling" in use for use in heard)


def test_cpu_by_metrics_is_cpu_by_the_kernel(runs: Runs) -> None:
    """Two ways to the same figure: a run whose CPU came from the wrong one would show it."""
    for second in runs.whole.run.intervals[2:6]:
        use = second.servers["a"]
        assert use.cpu_cores is not None
        assert use.loop_utilization is not None
        assert use.loop_utilization == pytest.approx(use.cpu_cores, abs=0.15)


def test_metrics_that_stop_answering_are_a_doubt_and_the_run_is_kept(runs: Runs) -> None:
    assert runs.whole.code == 5
    doubts = [doubt for doubt in runs.whole.report["doubts"] if "metrics of" in doubt]
    assert len(doubts) == 1
    assert doubts[0].startswith("b: metrics of http://127.0.0.1:")
    uses = [second.servers["b"] for second in runs.whole.run.intervals if not second.draining]
    assert uses[2].loop_utilization is not None
    assert uses[-1].loop_utilization is None, "the last value is no sample"
    assert uses[-2].cpu_cores is not None, "the kernel still shows it"


def test_no_secret_of_a_url_is_written(runs: Runs) -> None:
    written = "".join(path.read_text() for path in runs.whole.folder.iterdir() if path.is_file())
    written += runs.whole.stdout + runs.whole.stderr
    for secret in (USER, PASSWORD, "a%20secret", "hidden-in-a-url"):
        assert secret not in written


def plan(run: Any) -> subprocess.CompletedProcess[str]:
    command = [
        "plan",
        "--from",
        str(run.folder),
        "--accept-suspect",
        "--connections",
        "100k",
        "--format",
        "json",
    ]
    return subprocess.run(
        [sys.executable, "-m", "siotool", *command], capture_output=True, text=True, check=False
    )


def test_one_process_of_two_is_said_and_is_no_fleet(runs: Runs) -> None:
    report = runs.half.report
    assert report["server"]["connections_share"] == pytest.approx(0.5, abs=0.1)
    assert "other processes hold the rest" in " ".join(report["remarks"])
    assert report["server"]["wire_bytes_per_s"] is None
    (capacity,) = [one for one in report["sizing"]["variables"] if one["name"] == "capacity"]
    assert capacity["measured"] is None
    refused = plan(runs.half)
    assert refused.returncode == 2
    assert "of the connections" in refused.stderr
    assert "--server NAME=PID" in refused.stderr


def test_the_planner_takes_both_for_two_servers(runs: Runs) -> None:
    planned = plan(runs.whole)
    assert planned.returncode == 0, planned.stderr
    assert len(json.loads(planned.stdout)["evidence"]["runs"]) == 1


def test_the_wrong_process_is_a_doubt_during_the_run_and_no_evidence(runs: Runs) -> None:
    assert runs.wrong.code == 5
    (doubt,) = [doubt for doubt in runs.wrong.report["doubts"] if "sampled process" in doubt]
    assert "the sampled process opened 0 files while" in doubt
    assert "give --server-pid the process that serves the target" in doubt
    noted = [line for line in runs.wrong.lines if "sampled process" in line.get("text", "")]
    assert noted[0]["t_s"] < 6.5, "as soon as it is sure"
    assert plan(runs.wrong).returncode == 2


def test_metrics_are_read_by_tls_and_only_of_whom_the_ca_signed(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    """The certificates of the clients count for the metrics too."""
    files = make_certificates(tmp_path)
    with measured_server() as server, nginx([server], tls=files) as secure:
        page = f"https://localhost:{secure.port}/metrics"
        load = (server.url, *LOAD, "--stage", "1s:20", "--stage", "4s:20", "--server-metrics", page)
        known, unknown = (loadtest(*load, "--ca-file", ca) for ca in (files.ca, files.other_ca))
    assert known.code == 0, known.stderr
    (one,) = known.report["servers"]
    assert f"metrics of {page}" in one["source"]
    assert known.report["server"]["cpu_cores_mean"] > 0
    assert unknown.code == 2
    assert "certificate" in unknown.stderr.lower()
    assert not (unknown.folder / "run.jsonl").exists()
