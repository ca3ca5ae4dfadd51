"""A run that is watched from outside and ended early: OpenMetrics, OTLP, gates on a class, --stop-if.

One run serves all: two user classes call the embedded target until --stop-if ends it.
"""

import gzip
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from junitparser import JUnitXml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from siotool.runfile import Operation
from siotool.runs import reading
from siotool.runs.classes import operations_of_classes
from tests.unit.grafana import queries_of, unknown_names

pytestmark = pytest.mark.slow

HOUSE = Path(__file__).parents[2]
DASHBOARD = HOUSE / "docs/grafana/siotool.json"
SCENARIO = """
from siotool.swarm.user import SocketIOUser, task

class Quick(SocketIOUser):
    rate = 5.0
    @task
    def work(self):
        self.call("echo", "x")

class Keen(SocketIOUser):
    rate = 5.0
    @task
    def work(self):
        self.call("echo", "y")
"""


def scrape(url: str) -> tuple[str, str]:
    accept = "application/openmetrics-text; version=1.0.0"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=10) as found:
        return found.headers["Content-Type"], found.read().decode()


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent by OTLP."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collecting() -> Iterator[Any]:
    """A collector on loopback, while the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.received = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("watched")
    (folder / "two.py").write_text(SCENARIO)
    command = [
        *(sys.executable, "-m", "siotool", "loadtest", "demo", "--scenario", str(folder / "two.py")),
        *("--users", "6", "--run-time", "2min", "--processes", "2", "--out", str(folder / "run")),
        *("--metrics-port", "0", "--otel", "-o", str(folder / "results.xml"), "--fail-if"),
        *("errors:ack[class=Keen] > 1%", "--fail-if", "p50:ack:echo[class=Quick] > 0.1us"),
        *("--stop-if", "max:ack[class=Quick] > 0.1us", "--stop-after", "6s"),
    ]
    said: list[str] = []
    scraped = ("", "")
    url = ""
    with collecting() as collector:
        variables = os.environ | {
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_TRACES_EXPORTER": "none",
        }
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=variables, cwd=HOUSE
        ) as process:
            assert process.stderr is not None
            hung = threading.Timer(100, process.kill)
            hung.start()
            for line in process.stderr:
                said.append(line.rstrip("\n"))
                if " metrics: http" in line:
                    url = line.split()[-1]
                if " open, " in line:  # said after 1 s, when few have started, and after 5 s
                    scraped = scrape(url)
            code = process.wait(60)
            hung.cancel()
    return SimpleNamespace(
        folder=folder,
        code=code,
        said=said,
        scraped=scraped,
        received=collector.received,
        run=reading.read(folder / "run"),
        report=json.loads((folder / "run/report.json").read_text()),
    )


def test_the_run_ends_early_in_order_and_says_by_what(watched: SimpleNamespace) -> None:
    assert watched.code in (4, 5), watched.said  # 5: a machine too busy to measure
    end = watched.run.end
    assert end.reason == "stopped"
    assert end.stopped.gate == "max:ack[class=Quick] > 0.1us"
    assert 6 <= end.stopped.for_s <= end.t_s < 60
    assert any("stopped by --stop-if max:ack[class=Quick] > 0.1us" in line for line in watched.said)
    assert watched.said[-1].startswith(f"siotool: exit {watched.code}: ")
    if watched.code == 4:
        assert watched.report["doubts"] == []
        assert "the gate p50:ack:echo[class=Quick] > 0.1us failed" in watched.said[-1]


def test_gates_on_a_class_and_the_stop_are_judged_and_in_the_test_results(watched: SimpleNamespace) -> None:
    outcomes = {gate["expr"]: (gate["outcome"], gate["value"]) for gate in watched.report["gates"]}
    assert outcomes["errors:ack[class=Keen] > 1%"] == ("passed", 0.0)
    assert outcomes["p50:ack:echo[class=Quick] > 0.1us"][0] == "failed"
    assert outcomes["max:ack[class=Quick] > 0.1us"][0] == "failed"
    (suite,) = JUnitXml.fromfile(str(watched.folder / "results.xml"))
    failed = {case.name for case in suite if case.is_failure}
    assert failed == {name for name, (outcome, _) in outcomes.items() if outcome == "failed"}
    assert "max:ack" in (watched.folder / "summary.md").read_text()


def test_each_operation_belongs_to_one_class_over_all_workers(watched: SimpleNamespace) -> None:
    totals: dict[str, int] = defaultdict(int)
    begun: dict[str, int] = defaultdict(int)
    whole = 0
    for interval in watched.run.intervals:
        whole += sum(_ended(found) for found in interval.operations)
        for name, operations in operations_of_classes(interval).items():
            totals[name] += sum(map(_ended, operations))
        for users in interval.user_classes:
            begun[users.name] += users.begun
    assert totals == begun
    assert sum(totals.values()) == whole > 0
    assert totals.keys() == {"Quick", "Keen"}


def _ended(found: Operation) -> int:
    """Calls that were answered or failed."""
    return found.count + sum(found.errors.values()) if found.op == "ack" else 0


def test_a_scrape_of_the_running_test_is_openmetrics(watched: SimpleNamespace) -> None:
    kind, text = watched.scraped
    assert kind.startswith("application/openmetrics-text")
    samples = {
        (sample.name, sample.labels.get("op", ""), sample.labels.get("worker", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert 1 <= samples["siotool_users", "", ""] <= 6  # some are still to start
    assert 1 <= samples["siotool_operation_seconds_count", "connect", ""] <= 6
    assert samples["siotool_generator_cpu_cores", "", "1"] >= 0
    assert samples["siotool_server_resident_bytes", "", ""] > 1e6


def test_the_dashboard_asks_only_for_what_a_running_test_exports(watched: SimpleNamespace) -> None:
    families = list(text_string_to_metric_families(watched.scraped[1]))
    names = {sample.name for family in families for sample in family.samples}
    # families that have no sample before something fails
    names |= {f"{family.name}_total" for family in families if family.type == "counter"}
    queries = queries_of(json.loads(DASHBOARD.read_text()))
    assert len(queries) >= 8
    assert unknown_names(queries, names) == {}


def test_totals_and_users_are_exported_by_otlp(watched: SimpleNamespace) -> None:
    points: dict[str, list[Any]] = defaultdict(list)
    for path, body in watched.received:
        assert path == "/v1/metrics"  # no log records: they would pass by what hides secrets
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = metric.sum if metric.HasField("sum") else metric.gauge
                    points[metric.name] += data.data_points
    acks = [
        point.as_int or point.as_double
        for point in points["siotool.operations"]
        if {one.key: one.value.string_value for one in point.attributes}.get("op") == "ack"
    ]
    report = {row["op"]: row["count"] for row in watched.report["operations"]}
    assert max(acks) == report["ack"]
    assert len(set(acks)) > 2  # while it ran, and not at its end alone
    assert points["siotool.operation.duration"]
    assert max(point.as_int for point in points["siotool.users"]) == 6
