from math import inf

import numpy as np
import pytest

from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.adapters.recovery import (
    collection_window_s,
    lint,
    memory_recovery,
    restore_storm,
    stream_recovery,
)


@pytest.mark.parametrize(
    ("per_s", "window_s"),
    [
        pytest.param(0.0, 120, id="nothing to trim: the documented 120 s"),
        pytest.param(50.0, 120, id="50/s would last 200 s, but 120 s is the most"),
        pytest.param(83.0, 120, id="83/s is the most that keeps the documented 120 s"),
        pytest.param(84.0, 10_000 / 84, id="84/s no longer does"),
        pytest.param(200.0, 50, id="50 s at 200/s"),
        pytest.param(1000.0, 10, id="10 s at 1,000/s"),
    ],
)
def test_the_real_window_of_a_stream_of_10_000(per_s, window_s):
    # socketio/socket.io-redis-streams-adapter lib/adapter.ts: maxLen 10_000
    assert stream_recovery(per_s).window_s == pytest.approx(window_s)


def test_without_the_cap_50_per_second_last_200_s():
    assert stream_recovery(50.0, window_s=1000.0).window_s == 200


def test_the_length_that_120_s_need():
    stream = stream_recovery(1000.0, 300.0, max_len=120_000.0)
    assert stream.needed_entries == 120_000
    assert stream.window_s == 120
    assert stream.kept_bytes == 36e6


def test_a_storm_of_50_000_reads_150_gb_from_one_redis():
    storm = restore_storm(50_000.0, 1000.0, 60.0, 300.0, read_bytes_per_s=1.25e9, decode_s=10e-6)
    assert storm.entries_each == 10_000
    assert storm.bytes == 150e9
    assert storm.bytes_each == 3e6
    assert storm.read_s == 120
    assert storm.decode_cpu_s == pytest.approx(5000)
    assert storm.commands == 200_000


def test_who_was_away_briefly_reads_only_what_came_since():
    assert restore_storm(1.0, 200.0, 5.0, 300.0).entries_each == 1000


def test_a_backend_that_sends_nothing_never_finishes():
    assert restore_storm(1.0, 200.0, 5.0, 300.0).read_s == inf
    assert restore_storm(0.0, 200.0, 5.0, 300.0).read_s == 0


def test_the_heap_holds_up_to_180_s_of_everything():
    kept = memory_recovery(1000.0, 500.0, returning=2000.0, scan_s=50e-9)
    assert kept.packets == 180_000
    assert kept.heap_bytes == 90e6
    assert kept.scanned_per_restore == 180_000
    assert kept.storm_cpu_s == pytest.approx(18)


def test_the_readmes_capped_collection():
    # socketio/socket.io-mongo-adapter README.md: capped, size 1e6
    assert collection_window_s(200.0, 500.0) == 10
    assert collection_window_s(0.0, 500.0) == inf


def test_draws_and_single_figures_agree():
    rates = np.array([0.0, 50.0, 200.0, 1000.0])
    assert list(stream_recovery(rates).window_s) == [120, 120, 50, 10]
    assert list(collection_window_s(rates, 500.0)) == [inf, 40, 10, 2]
    storm = restore_storm(10.0, rates, 100.0, 300.0, read_bytes_per_s=1e6)
    assert list(storm.entries_each) == [0, 5000, 10_000, 10_000]
    assert list(storm.read_s) == [0, 15, 30, 30]


@pytest.mark.parametrize(
    ("name", "figures", "said"),
    [
        pytest.param("redis", {}, "not supported", id="pub/sub keeps nothing"),
        pytest.param("postgres", {}, "not supported", id="postgres gives no offset"),
        pytest.param("cluster", {}, "not supported", id="cluster gives no offset"),
        pytest.param(
            "redis-streams",
            {},
            "reaches back 10 s, not 2 min: maxLen 10,000 at 1,000 publishes/s; 2 min need maxLen 120,000",
            id="the window is shorter than it says",
        ),
        pytest.param(
            "redis-streams",
            {"max_len": 120_000.0, "sessions": 50_000.0, "read_bytes_per_s": 1.25e9},
            "read up to 1.8 TB from one stream, 24 min",
            id="everybody reads all of it",
        ),
        pytest.param("mongo", {}, "holds 3.33 s of messages, not 2 min: it needs 36 MB", id="1 MB"),
        pytest.param("none", {"heap_bytes": 200e6}, "54 MB of messages", id="a quarter of the heap"),
        pytest.param("none", {"sessions": 10.0}, "1,800,000 for 10 sessions", id="the walk"),
    ],
)
def test_what_lint_says(name, figures, said):
    found = lint(ADAPTERS[name], publishes_per_s=1000.0, entry_bytes=300.0, **figures)
    assert any(said in sentence for sentence in found), found
    assert all(sentence.endswith(".") for sentence in found)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        pytest.param("redis-streams", {"max_len": 120_000.0}, id="a stream that is long enough"),
        pytest.param("mongo", {"capped_bytes": 0.0}, id="a TTL index"),
        pytest.param("mongo", {"capped_bytes": 36e6}, id="a collection that is large enough"),
        pytest.param("none", {"heap_bytes": 4e9}, id="heap enough"),
    ],
)
def test_what_is_sound_is_left_in_peace(name, figures):
    assert lint(ADAPTERS[name], publishes_per_s=1000.0, entry_bytes=300.0, **figures) == []
