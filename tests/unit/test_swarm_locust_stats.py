"""Held against Locust's own statistics, in a process of their own: Locust patches ssl when it is imported."""

import json
import subprocess
import sys

import pytest

_SCRIPT = """
import json, sys, time
from random import Random

from locust.env import Environment
from locust.event import Events
from locust.rpc.protocol import Message
from locust.stats import RequestStats, setup_distributed_stats_event_listeners

from siotool.histogram import Histogram
from siotool.runfile import Operation
from siotool.swarm.locust_stats import mirror

QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)


def operation(op, name, times, errors=None, untimed=0):
    histogram = Histogram()
    histogram.record(times)
    return Operation(op, name, len(times) + untimed, errors or {}, histogram.sparse())


def row(entry):
    return {
        "requests": entry.num_requests, "untimed": entry.num_none_requests, "failures": entry.num_failures,
        "per_s": sum(entry.num_reqs_per_sec.values()), "failures_per_s": sum(entry.num_fail_per_sec.values()),
        "mean": entry.avg_response_time, "median": entry.median_response_time,
        "min": entry.min_response_time, "max": entry.max_response_time, "ratio": entry.fail_ratio,
        "quantiles": [entry.get_response_time_percentile(q) for q in QUANTILES],
        "zeros": entry.response_times.get(0, 0), "timed": sum(entry.response_times.values()),
        "seen": entry.last_request_timestamp is not None,
    }


def told(stats):
    return {
        "rows": {f"{method} {name}": row(entry) for (name, method), entry in stats.entries.items()},
        "total": row(stats.total),
        "errors": sorted([e.method, e.name, e.error, e.occurrences] for e in stats.errors.values()),
    }


random = Random(1)
ours, locusts = RequestStats(), RequestStats()
for _ in range(3):  # seconds
    echo = [random.lognormvariate(-3, 1) for _ in range(2000)]
    fast = [random.uniform(0.0001, 0.0009) for _ in range(500)]
    mirror(ours, [
        operation("ack", "echo", echo, {"timeout": 3, "reset": 1}),
        operation("deliver", "said", fast, untimed=40),
        operation("connect", "/", [], {"refused": 2}),
        operation("deliver", "tick", [], untimed=7),
    ])
    for method, name, times, untimed, errors in (
        ("ack", "echo", echo, 0, ["timeout"] * 3 + ["reset"]), ("deliver", "said", fast, 40, []),
        ("connect", "/", [], 0, ["refused"] * 2), ("deliver", "tick", [], 7, []),
    ):
        for elapsed in times:
            locusts.log_request(method, name, elapsed * 1e3, 0)
        for error in errors:
            locusts.log_request(method, name, None, 0)
            locusts.log_error(method, name, error)
        for _ in range(untimed):
            locusts.log_request(method, name, None, 0)

# as a worker sends them to its master, twice
worker, master = RequestStats(use_response_times_cache=False), RequestStats()
sending, receiving = Events(), Events()
setup_distributed_stats_event_listeners(sending, worker)
setup_distributed_stats_event_listeners(receiving, master)
for times in ([0.1, 0.2], [0.3]):
    echo, tick = operation("ack", "echo", times, {"timeout": 2}), operation("deliver", "tick", [], untimed=4)
    mirror(worker, [echo, tick])
    data = {}
    sending.report_to_master.fire(client_id="w", data=data)
    message = Message.unserialize(Message("stats", data, "w").serialize())
    receiving.worker_report.fire(client_id="w", data=message.data)

empty = RequestStats()
mirror(empty, [])
mirror(empty, [operation("ack", "echo", [])])

# half a minute on a clock of our own, ever slower: what Locust's UI draws is the last ten seconds
clock = time.time()
time.time = lambda: clock
now_ours, now_locusts = RequestStats(), RequestStats()
current = []
for second in range(30):
    clock += 1
    times = [(1 + second) * random.uniform(0.01, 0.02) for _ in range(200)]
    mirror(now_ours, [operation("ack", "echo", times, untimed=50)])
    for elapsed in times:
        now_locusts.log_request("ack", "echo", elapsed * 1e3, 0)
    for _ in range(50):
        now_locusts.log_request("ack", "echo", None, 0)
    current.append([s.total.get_current_response_time_percentile(0.9) for s in (now_ours, now_locusts)])

json.dump({
    "ours": told(ours), "locusts": told(locusts), "master": told(master), "left": told(worker),
    "empty": told(empty), "current": current,
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def told():
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ROWS = ("ack echo", "deliver said", "connect /", "deliver tick")
COUNTS = ("requests", "untimed", "failures", "per_s", "failures_per_s", "timed", "seen", "ratio")


@pytest.mark.parametrize("name", [*ROWS, "total"])
def test_counts_are_those_locust_would_have_made(told, name):
    ours, locusts = (
        side["total"] if name == "total" else side["rows"][name] for side in (told["ours"], told["locusts"])
    )
    assert {key: ours[key] for key in COUNTS} == {key: locusts[key] for key in COUNTS}
    assert ours["mean"] == pytest.approx(locusts["mean"])
    assert (ours["min"], ours["max"]) == (locusts["min"], locusts["max"])


def test_percentiles_differ_by_no_more_than_both_round(told):
    ours, locusts = told["ours"]["rows"]["ack echo"], told["locusts"]["rows"]["ack echo"]
    for mine, theirs in zip(ours["quantiles"], locusts["quantiles"], strict=True):
        assert mine == pytest.approx(theirs, rel=0.1)
    assert ours["median"] == pytest.approx(locusts["median"], rel=0.1)


def test_below_a_millisecond_there_is_still_a_time(told):
    """Trap: rounded to whole milliseconds, every delivery on a local network takes 0 ms."""
    ours = told["ours"]["rows"]["deliver said"]
    assert 0.4 < ours["median"] < 0.6
    assert all(quantile > 0 for quantile in ours["quantiles"])


def test_no_row_holds_a_latency_of_zero(told):
    for name in ROWS:
        assert told["ours"]["rows"][name]["zeros"] == 0
    assert told["ours"]["total"]["zeros"] == 0
    assert told["ours"]["rows"]["deliver tick"]["timed"] == 0


def test_failures_are_listed_by_class(told):
    assert told["ours"]["errors"] == told["locusts"]["errors"]
    assert told["ours"]["errors"] == [
        ["ack", "echo", "reset", 3],
        ["ack", "echo", "timeout", 9],
        ["connect", "/", "refused", 6],
    ]


def test_what_a_worker_sends_adds_up_at_its_master(told):
    master = told["master"]
    echo = master["rows"]["ack echo"]
    assert (echo["requests"], echo["untimed"], echo["failures"]) == (7, 4, 4)
    assert (echo["min"], echo["max"]) == (pytest.approx(100), pytest.approx(300))
    assert echo["mean"] == pytest.approx(200)
    assert echo["median"] == pytest.approx(200, rel=0.05)
    assert (master["total"]["requests"], master["total"]["failures"]) == (15, 4)
    assert master["errors"] == [["ack", "echo", "timeout", 4]]


def test_a_worker_begins_anew_after_it_has_told(told):
    left = told["left"]
    assert left["total"]["requests"] == left["total"]["failures"] == 0
    assert left["errors"] == []
    assert all(row["requests"] == 0 for row in left["rows"].values())


def test_nothing_happened_is_told_as_nothing(told):
    assert told["empty"]["total"]["requests"] == 0
    assert not told["empty"]["total"]["seen"]
    assert told["empty"]["errors"] == []


def test_current_percentiles_are_those_locust_would_draw(told):
    asked = [pair for pair in told["current"] if pair != [None, None]]
    assert len(asked) > 20
    for ours, locusts in asked:
        assert ours == pytest.approx(locusts, rel=0.1)
    assert asked[-1][0] > 2 * asked[0][0]


_KEEPS = """
from locust.stats import RequestStats
from siotool.swarm.locust_stats import forget_old

stats = RequestStats()
entry = stats.get("echo", "ack")
for second in range(100):
    for row in (entry, stats.total):
        row.num_reqs_per_sec[second] += 1
    stats.history.append({"time": second})
forget_old(stats, 100.0)
assert list(entry.num_reqs_per_sec) == list(stats.total.num_reqs_per_sec) == list(range(40, 100))
assert len(stats.history) == 100
stats.history.extend([{}] * 2000)
forget_old(stats, 100.0)
assert len(stats.history) == 1000
"""


def test_of_seconds_long_gone_nothing_is_kept():
    """Locust keeps a count of each second to the end of the run: hours of it."""
    done = subprocess.run([sys.executable, "-c", _KEEPS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
