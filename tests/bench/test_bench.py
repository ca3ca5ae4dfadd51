"""The bench itself: its arithmetic, its server, and one small run of all of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.bench import figures, hour

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.mark.parametrize(
    ("loaded", "idle", "operations", "expected"),
    [
        pytest.param((10, 1.0), (10, 0.0), 1000, 1e-3, id="an idle client costs nothing"),
        pytest.param((10, 1.0), (10, 0.5), 1000, 0.5e-3, id="what idling costs is taken off"),
        pytest.param((10, 1.0), (5, 0.25), 1000, 0.5e-3, id="in proportion to the windows"),
        pytest.param((10, 0.5), (10, 0.5), 1000, 0.0, id="a load that adds nothing is free"),
    ],
)
def test_marginal_cpu(loaded: Any, idle: Any, operations: int, expected: float) -> None:
    cost = figures.marginal_cpu_s(figures.Window(*loaded), figures.Window(*idle), operations)
    assert cost == pytest.approx(expected)


def test_memory_per_connection_is_a_slope() -> None:
    assert figures.per_connection(70_000_000, 510, 50_000_000, 10) == 40_000


@pytest.mark.slow
def test_the_page_of_a_long_run_stays_under_2_mb(tmp_path: Path) -> None:
    """Its charts have no more points from 1,200 seconds on: an hour's page is as large."""
    hour.write(tmp_path / "run.jsonl", 1300)
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "siotool", "report", str(tmp_path), "--format", "html", "-o", str(page)]
    done = subprocess.run([*command, "--quiet"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 500_000 < page.stat().st_size < 2_000_000


TCP_TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000080 00:00000000 00000000     0        0 1 1 0 100
   1: 0100007F:1F90 0100007F:C001 01 00000010:00000000 00:00000000 00000000     0        0 2 1 0 20
   2: 0100007F:C001 0100007F:1F90 01 00000000:00000005 00:00000000 00000000     0        0 3 1 0 20
   3: 0100007F:C002 0100007F:1F91 01 00000000:00000007 00:00000000 00000000     0        0 4 1 0 20
"""


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        pytest.param(8080, 16 + 5, id="both ends of its connections, not the listening socket's backlog"),
        pytest.param(8081, 7, id="the other port"),
        pytest.param(9999, 0, id="no connection"),
    ],
)
def test_queued_bytes(port: int, expected: int) -> None:
    assert figures.queued_bytes(TCP_TABLE, port) == expected


def test_a_summary_leaves_void_measurements_out() -> None:
    rows = [
        figures.Measurement("a", "ack", 3.0),
        figures.Measurement("a", "ack", 900.0, doubts=["lost a message"]),
        figures.Measurement("a", "ack", 1.0),
        figures.Measurement("a", "ack", 2.0),
        figures.Measurement("b", "ack", 1.0, doubts=["did not start"]),
    ]
    assert figures.summaries(rows) == [
        figures.Summary("a", "ack", median=2.0, least=1.0, greatest=3.0, valid=3, void=1)
    ]


@pytest.mark.slow
@pytest.mark.quiet
def test_the_server_speaks_socket_io_and_counts() -> None:
    command = [sys.executable, HERE / "server.py"]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as server,
        socketio.SimpleClient(reconnection=False) as client,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        client.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
        assert client.call("echo", "x" * 64) == "x" * 64
        assert client.call("echo", ("a", {"b": [1, "c,d"]})) == ("a", {"b": [1, "c,d"]})
        assert client.call("echo") is None
        server.stdin.write(json.dumps({"do": "broadcast", "rate": 100, "seconds": 0.05, "size": 64}) + "\n")
        assert [client.receive(timeout=10) for _ in range(5)] == [["message", "x" * 64]] * 5
        assert json.loads(server.stdout.readline()) == {"connected": 1, "deliveries": 5, "acks": 3}
        client.disconnect()
        server.stdin.close()
        assert server.wait(10) == 0


@pytest.mark.slow
@pytest.mark.quiet
@pytest.mark.node
def test_a_small_run_measures_every_figure(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench.bench", "--clients", "socket.io-client", "--users", "20"]
    command += ["--few-users", "2", "--calls", "100", "200", "--broadcasts", "20", "--repeat", "1"]
    command += ["--connects", "40", "--connects-per-s", "40"]
    command += ["--window", "1", "--warm-up", "0.2", "--settle", "0.2", "-o", output]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert output.exists(), done.stderr
    document = json.loads(output.read_text())
    assert document["version"] == 1
    measured = {row["figure"]: row for row in document["measurements"]}
    deliveries = {"delivery of 64 B", "delivery of 4,096 B"}
    connects = {f"connect by {name}" for name in ("websocket", "upgrade", "polling")}
    assert measured.keys() == {"memory", "ack at 100/s", "ack at 200/s", *deliveries, *connects}
    # so small a load has no figure worth a claim, and a busy machine may offer it late
    assert measured["memory"]["doubts"] == measured["delivery of 64 B"]["doubts"] == []
    assert (
        measured["delivery of 64 B"]["operations"] == measured["delivery of 4,096 B"]["operations"] == 20 * 20
    )
    assert all(measured[figure]["operations"] > 10 for figure in connects)
    assert measured["ack at 200/s"]["operations"] > measured["ack at 100/s"]["operations"] > 0
    assert all(measured[figure]["client_cores"] > 0 for figure in (*deliveries, "ack at 200/s"))
    assert "socket.io-client" in done.stdout


@pytest.mark.slow
@pytest.mark.quiet
@pytest.mark.node
def test_server_costs_are_measured_for_bytes_polling_and_tls() -> None:
    command = ["node", HERE / "server_costs.mjs", "--clients", "5", "--seconds", "0.2"]
    command += ["--sizes", "200,500000", "--connects", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    document = json.loads(done.stdout)
    rows = {(row["transport"], row["tls"], row["size_bytes"]): row for row in document["deliveries"]}
    assert len(rows) == 6
    for transport, tls in (("websocket", False), ("websocket", True), ("polling", False)):
        small, large = (rows[transport, tls, size]["cpu_s_per_delivery"] for size in (200, 500_000))
        assert 0 < small < large
    assert [(row["tls"], row["count"]) for row in document["connects"]] == [(False, 20), (True, 20)]


@pytest.mark.slow
@pytest.mark.quiet
@pytest.mark.node
def test_delivery_times_are_shown_beside_those_predicted() -> None:
    command = [sys.executable, HERE / "delivery_time.py", "--users", "5", "--rates", "40", "--seconds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    heads, row = done.stdout.splitlines()
    assert len(row.split(" | ")) == len(heads.split(" | ")) == 6
