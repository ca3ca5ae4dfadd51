"""What a running test tells Prometheus: names, labels, and counts that a parser reads back."""

import json
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from siotool.histogram import Histogram
from siotool.runfile import Bytes, Connections, Delivery, Note, Operation
from siotool.swarm.open_metrics import BOUNDS_S, RunCollector, buckets_of
from siotool.swarm.running_totals import RunningTotals
from tests.unit.conftest import make_run, sparse
from tests.unit.grafana import queries_of, unknown_names

DASHBOARD = Path(__file__).parents[2] / "docs/grafana/siotool.json"


def scraped(totals):
    """Samples by name and labels, as a parser of OpenMetrics reads them."""
    registry = CollectorRegistry()
    registry.register(RunCollector(totals))
    text = generate_latest(registry).decode()
    return {
        (sample.name, *(value for key, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_totals_add_up_and_levels_are_of_the_last_second():
    run = make_run(users=10, ramp_s=2, hold_s=2)
    totals = RunningTotals(run.header)
    for interval in run.intervals:
        totals.update(
            msgspec.structs.replace(
                interval,
                operations=[Operation("ack", "say <b>", 3, {"timeout": 1}, sparse([0.002, 0.2, 20.0]))],
                connections=Connections(open=7, users=9, attempted=2, failed={"refused": 1}),
                delivery=Delivery(expected=5, received=4, lost=1),
                bytes=Bytes(wire_in=100, wire_out=50),
            )
        )
    totals.note(Note(1.0, "doubt", "busy"))
    totals.note(Note(1.0, "warning", "late"))
    found = scraped(totals)
    assert found["siotool_operations_total", "say <b>", "ack"] == 12
    assert found["siotool_operation_errors_total", "timeout", "say <b>", "ack"] == 4
    assert found["siotool_operation_seconds_count", "say <b>", "ack"] == 12
    assert found["siotool_operation_seconds_bucket", "0.0025", "say <b>", "ack"] == 4
    assert found["siotool_operation_seconds_bucket", "0.25", "say <b>", "ack"] == 8
    assert found["siotool_operation_seconds_bucket", "+Inf", "say <b>", "ack"] == 12
    assert found["siotool_connect_failures_total", "refused"] == 4
    assert found["siotool_connects_total",] == 8
    assert found["siotool_deliveries_total", "lost"] == 4
    assert found["siotool_wire_bytes_total", "in"] == 400
    assert (found["siotool_connections",], found["siotool_users",]) == (7, 9)
    assert found["siotool_generator_cpu_cores", "0"] == pytest.approx(0.2)
    assert found["siotool_server_resident_bytes", "server"] == 50_200_000
    assert found["siotool_doubts_total",] == 1
    assert found["siotool_stage",] == 2
    assert found["siotool_run_info", run.header.run, "echo", "http://127.0.0.1:3000"] == 1


def test_before_the_first_second_there_are_totals_and_no_levels():
    found = scraped(RunningTotals(make_run().header))
    assert found["siotool_connects_total",] == 0
    assert ("siotool_connections",) not in found


def test_a_bucket_holds_what_is_at_most_its_bound_within_the_histograms_error():
    histogram = Histogram()
    values = [bound * factor for bound in BOUNDS_S for factor in (0.98, 1.03)]
    histogram.record(values)
    for text, count in buckets_of(histogram)[:-1]:
        assert count == sum(value <= float(text) for value in values)


def test_every_query_of_the_dashboard_asks_for_a_metric_that_is_exported():
    run = make_run()
    totals = RunningTotals(run.header)
    for interval in run.intervals:
        totals.update(interval)
    names = {name for name, *_ in scraped(totals)}
    # counters by kind have no sample before something fails
    names |= {"siotool_operation_errors_total", "siotool_connections_closed_total"}
    queries = queries_of(json.loads(DASHBOARD.read_text(encoding="utf-8")))
    assert len(queries) >= 12
    assert unknown_names(queries, names) == {}
    assert unknown_names(["rate(siotool_nothing_total[1m])"], names) == {
        "rate(siotool_nothing_total[1m])": {"siotool_nothing_total"}
    }
