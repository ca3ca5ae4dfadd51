from math import inf

import numpy as np
import pytest

from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.adapters.recovery import (
    collection_window_s,
    lint,
    packets_kept,
    restored_bytes,
    stream_window_s,
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
    assert stream_window_s(per_s) == pytest.approx(window_s)


def test_a_storm_of_50_000_reads_150_gb_from_one_redis():
    assert restored_bytes(50_000.0, 1000.0, 60.0, 300.0) == 150e9


def test_who_was_away_briefly_reads_only_what_came_since():
    assert restored_bytes(1.0, 200.0, 5.0, 300.0) == 1000 * 300


def test_the_heap_holds_up_to_180_s_of_everything():
    assert packets_kept(1000.0) == 180_000


def test_the_readmes_capped_collection():
    # socketio/socket.io-mongo-adapter README.md: capped, size 1e6
    assert collection_window_s(200.0, 500.0) == 10
    assert collection_window_s(0.0, 500.0) == inf


def test_draws_and_single_figures_agree():
    rates = np.array([0.0, 50.0, 200.0, 1000.0])
    assert list(stream_window_s(rates)) == [120, 120, 50, 10]
    assert list(collection_window_s(rates, 500.0)) == [inf, 40, 10, 2]
    assert list(restored_bytes(10.0, rates, 100.0, 300.0)) == [0, 15e6, 30e6, 30e6]


FIGURES = {"publishes_per_s": 1000.0, "entry_bytes": 300.0, "nodes": 1.0, "sessions": 0.0, "heap_bytes": 0.0}


@pytest.mark.parametrize(
    ("name", "figures", "said"),
    [
        pytest.param(
            "redis-streams",
            {},
            "reaches back 10 s, not 2 min: maxLen 10,000 at 1,000 publishes/s; 2 min need maxLen 120,000",
            id="the window is shorter than it says",
        ),
        pytest.param(
            "redis-streams",
            {"sessions": 50_000.0},
            "50,000 sessions that come back at once read up to 150 GB from one stream: each",
            id="everybody reads all of it",
        ),
        pytest.param("mongo", {}, "holds 3.33 s of messages, not 2 min: it needs 36 MB", id="1 MB"),
        pytest.param("none", {"heap_bytes": 200e6}, "54 MB of messages", id="a quarter of the heap"),
        pytest.param("none", {"sessions": 10.0}, "1,800,000 for 10 sessions", id="the walk"),
    ],
)
def test_what_lint_says(name, figures, said):
    found = lint(ADAPTERS[name], **(FIGURES | figures))
    assert any(said in sentence for sentence in found), found
    assert all(sentence.endswith(".") for sentence in found)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        pytest.param("redis-streams", {"publishes_per_s": 83.0}, id="a stream that is long enough"),
        pytest.param("mongo", {"publishes_per_s": 27.0}, id="a collection that is large enough"),
        pytest.param("none", {"heap_bytes": 4e9}, id="heap enough"),
        pytest.param("redis", {"sessions": 10.0}, id="nothing is recovered: said elsewhere"),
    ],
)
def test_what_is_sound_is_left_in_peace(name, figures):
    assert lint(ADAPTERS[name], **(FIGURES | figures)) == []
