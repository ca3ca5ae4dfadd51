"""A source's readings, each at a moment of its own, become figures of the run's intervals."""

import pytest

from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.swarm.servers.sampled_server import SampledServer
from siotool.swarm.servers.source import EARLY_S, Reading, SourceGone
from siotool.swarm.servers.track import Track


def track(*points, early_s=EARLY_S):
    """A counter ``cpu_s`` and a level ``rss_bytes``, both of the same value at each moment."""
    made = Track(early_s)
    for at, value in points:
        made.add(Reading(at, {"cpu_s": value}, {"rss_bytes": value}))
    return made


@pytest.mark.parametrize(
    ("points", "interval", "rate"),
    [
        pytest.param([(0, 0), (1, 5)], (0, 1), 5.0, id="readings at both ends"),
        pytest.param([(-1, 0), (0, 4), (1, 5)], (0, 1), 1.0, id="what came before does not count"),
        pytest.param([(0.1, 0), (1.1, 1), (2.1, 11)], (1, 2), 9.1, id="late readings are put in line"),
        pytest.param([(0.2, 0), (1.2, 10)], (0, 1), 10.0, id="the first reading comes a little late"),
        pytest.param([(0, 0), (0.8, 8)], (0, 1), 10.0, id="the last reading comes a little early"),
        pytest.param([(0, 0), (1, 1), (3, 21)], (2, 3), 10.0, id="one reading is missing: straight between"),
        pytest.param([(0, 0), (1, 1), (5, 41)], (2, 3), None, id="too far apart to be straight"),
        pytest.param([(0, 0), (1, 1)], (1, 2), None, id="the last value is no sample"),
        pytest.param([(1, 1)], (0, 1), None, id="one reading shows no growth"),
        pytest.param([(0.6, 0), (1, 4)], (0, 1), None, id="less than half of it was seen"),
        pytest.param([], (0, 1), None, id="nothing was read"),
    ],
)
def test_a_counter_grows_within_an_interval(points, interval, rate):
    found = track(*points).rates(*interval)
    assert found == ({} if rate is None else {"cpu_s": pytest.approx(rate)})


@pytest.mark.parametrize(
    ("points", "end", "level"),
    [
        pytest.param([(0, 1), (1.05, 2), (2.05, 3)], 1, 2, id="the reading after the end"),
        pytest.param([(0.9, 1)], 1, 1, id="a moment before it"),
        pytest.param([(0, 1)], 1, None, id="a second before it: the last value is no sample"),
        pytest.param([(1.8, 1)], 1, 1, id="a slow answer"),
        pytest.param([(2.0, 1)], 1, None, id="that of the next second"),
    ],
)
def test_a_level_is_that_of_the_reading_next_to_the_end(points, end, level):
    assert track(*points).levels(end) == ({} if level is None else {"rss_bytes": level})


def test_a_source_that_speaks_every_two_seconds_counts_in_the_interval_it_spoke_in():
    """Its statistics were left out, or stood for two seconds."""
    spoken = track((10.4, 1), early_s=1.0)
    first = [spoken.levels(11), spoken.levels(12)]
    spoken.add(Reading(12.4, {}, {"rss_bytes": 2}))
    assert [*first, spoken.levels(13), spoken.levels(14)] == [{"rss_bytes": 1}, {}, {"rss_bytes": 2}, {}]


class Script:
    """A source that shows what a test wrote down, or says that it is gone."""

    local, early_s, what = True, EARLY_S, "a script"

    def __init__(self, *readings):
        self.readings = list(readings)

    def read(self, clock):
        reading = self.readings.pop(0)
        if isinstance(reading, str):
            raise SourceGone(reading)
        return reading


def sampled(*sources, until=2):
    server = SampledServer(MeasuredServer("web", [], "two sources", 1.0), sources)
    for number in range(until):
        for sampler in server.samplers:
            sampler.sample(float(number), lambda: 0.0)
    return server


def test_a_servers_use_is_made_of_all_its_sources():
    kernel = Script(
        Reading(0.0, {"cpu_s": 3.0}, {"rss_bytes": 1e6}), Reading(1.0, {"cpu_s": 3.5}, {"rss_bytes": 2e6})
    )
    page = Script(
        Reading(0.0, {"cpu_s": 70.0, "events_received": 5.0}, {}),
        Reading(1.0, {"cpu_s": 79.0, "events_received": 25.0}, {"loop_utilization": 1.5, "connections": 7.0}),
    )
    assert sampled(kernel, page).use(0.0, 1.0) == ServerUse(
        cpu_cores=0.5,  # the first source that shows it
        rss_bytes=2_000_000,
        loop_utilization=1.0,  # of rounding
        connections=7,
        events_received_per_s=20.0,
    )


def test_event_loop_utilization_is_made_of_active_and_idle_time():
    loop = Script(
        Reading(0.0, {"loop_active_s": 5.0, "loop_idle_s": 50.0}),
        Reading(1.0, {"loop_active_s": 5.75, "loop_idle_s": 50.25}),
    )
    assert sampled(loop).use(0.0, 1.0) == ServerUse(loop_utilization=0.75)


def test_a_source_that_does_not_answer_leaves_its_figures_out():
    gone = Script(Reading(0.0, {"cpu_s": 0.0}, {"rss_bytes": 5.0}), "connection refused")
    server = sampled(gone)
    assert server.use(0.0, 1.0) is None
    assert (server.samplers[0].failure, server.samplers[0].settled) == ("connection refused", 1.0)
