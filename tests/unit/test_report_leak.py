"""Whether a server that was observed for an hour leaks: made hours, with known growth."""

import numpy as np
import pytest

from siotool.document.document import Sentence
from siotool.measured_servers import ServerUse
from siotool.report.join import summarize
from siotool.report.leak_figures import find_leak
from siotool.report.leak_tables import leak as leak_section
from siotool.report.planned import Planned
from siotool.runs.seconds import Seconds

MB = 1e6


def hour(memory, ramp_s=60, users=100.0):
    """Seconds in which so many users were connected, but for a ramp; ``memory`` by seconds of the run."""
    length = len(memory)
    t_s = np.arange(1, length + 1, dtype=float)
    held = t_s > ramp_s
    columns = {"t_s": t_s, "duration_s": np.ones(length), "rss_bytes": np.asarray(memory, dtype=float)}
    columns["connections"] = np.minimum(users, users * t_s / ramp_s)
    return Seconds(np.zeros(length, dtype=np.intp), columns, held, np.ones(length, dtype=bool))


def waves(seconds, period_s, height, random):
    """A heap that fills, and is collected."""
    t = np.arange(seconds) + random.uniform(0, period_s)
    return height * (t / period_s % 1) + random.normal(0, 0.3 * MB, seconds)


@pytest.mark.parametrize(
    ("period_s", "height"),
    [
        pytest.param(45, 8 * MB, id="collected every 45 s"),
        pytest.param(240, 20 * MB, id="collected every 4 minutes"),
        pytest.param(660, 20 * MB, id="collected every 11 minutes"),
    ],
)
@pytest.mark.parametrize("leak", [0.0, 12 * MB, 60 * MB])
def test_the_growth_lies_in_its_interval_whatever_the_collector_does(period_s, height, leak):
    random, missed, tries = np.random.default_rng(21), 0, 12
    for _ in range(tries):
        grown = leak * np.arange(3660) / 3600
        found = find_leak(hour(100 * MB + grown + waves(3660, period_s, height, random)), 1000 * MB)
        missed += not found.low <= leak <= found.high
        assert (found.shown == "leak") is (found.low > 0)
    assert missed <= 1


def test_a_leak_is_said_with_its_interval_and_the_days_until_the_memory_is_full():
    random = np.random.default_rng(22)
    memory = 100 * MB + 12 * MB * np.arange(3660) / 3600 + waves(3660, 45, 8 * MB, random)
    found = find_leak(hour(memory), 1000 * MB)
    assert found.shown == "leak"
    assert found.bytes_per_hour == pytest.approx(12 * MB, rel=0.2)
    assert found.limit_low_s < found.limit_s < found.limit_high_s
    assert found.limit_s == pytest.approx((1000 - 112) / 12 * 3600, rel=0.2)
    assert "MB/h (" in found.sentence
    assert "the machine's 1 GB are full in" in found.sentence
    assert "days" in found.sentence


def test_no_leak_is_said_with_what_might_be_hidden():
    random = np.random.default_rng(23)
    found = find_leak(hour(100 * MB + waves(3660, 45, 8 * MB, random)), 1000 * MB)
    assert (found.shown, found.limit_s) == ("none", None)
    assert found.sentence.startswith("no leak shown: less than ")


def test_a_server_that_fills_up_and_then_stands_still_does_not_leak():
    """A heap grows by itself for its first minutes: a line through all of it has a slope."""
    random = np.random.default_rng(24)
    filled = 60 * MB * (1 - np.exp(-np.arange(3660) / 300))
    found = find_leak(hour(100 * MB + filled + random.normal(0, 0.3 * MB, 3660)), 1000 * MB)
    assert found.shown == "none"
    assert "without its begin" in found.sentence


def test_only_the_second_half_counts_where_the_first_grew_faster():
    random = np.random.default_rng(0)
    grown = np.minimum(15 * MB * np.arange(3660) / 1800, 15 * MB)
    found = find_leak(hour(100 * MB + grown + random.normal(0, 12 * MB, 3660)), 1000 * MB)
    assert found.over_s == pytest.approx(1800)
    assert abs(found.bytes_per_hour) < 5 * MB


def test_memory_that_is_given_back_is_no_leak():
    found = find_leak(hour(500 * MB - 100 * MB * np.arange(3660) / 3600), None)
    assert found.shown == "shrinks"
    assert "shrank by 100 MB/h" in found.sentence


def test_nine_minutes_say_nothing_and_the_ramp_is_none_of_them():
    assert find_leak(hour(np.linspace(1, 2, 60 + 540) * 100 * MB), None) == ""
    ramp = np.concatenate([np.linspace(10, 100, 660), np.full(720, 100.0)]) * MB
    assert find_leak(hour(ramp, ramp_s=660), None).bytes_per_hour == 0


def test_memory_that_wanders_slowly_is_not_judged():
    wandering = 20 * MB * np.sin(np.arange(1260) / 200) + 100 * MB
    found = find_leak(hour(wandering), None)
    assert isinstance(found, str)
    assert "observe it for longer" in found


def test_a_report_says_it(make_run):
    def change(interval):
        grown = round(1_000_000 * interval.t_s / 60)  # 60 MB/h
        return _with_memory(interval, 100_000_000 + grown)

    report = summarize([make_run(users=5, ramp_s=5, hold_s=700, change=change)], Planned())
    assert report.leak.bytes_per_hour == pytest.approx(60e6, rel=0.01)
    (said,) = leak_section(report).blocks
    assert isinstance(said, Sentence)
    assert said.text.startswith("The server leaks 60 MB/h")
    assert summarize([make_run()], Planned()).leak is None


def _with_memory(interval, memory):
    use = interval.servers["server"]
    changed = ServerUse(
        cpu_cores=use.cpu_cores, rss_bytes=memory, files_open=use.files_open, processes=use.processes
    )
    return type(interval)(
        **{name: getattr(interval, name) for name in interval.__struct_fields__}
        | {"servers": {"server": changed}}
    )
