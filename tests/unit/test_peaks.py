"""The most per second: the splinter of a second in which a run ended is no rate."""

import msgspec
import pytest

from siotool.measured_servers import ServerUse
from siotool.report.backlog_figures import sum_up_backlog
from siotool.report.delivery_figures import DeliveryFigures
from siotool.report.outages import sum_up_outages
from siotool.report.peaks import peak_per_s, usual_s
from siotool.runfile import Losses
from tests.unit.conftest import make_run

NO_DELIVERY = DeliveryFigures(**dict.fromkeys(DeliveryFigures.__struct_fields__, 0))


@pytest.mark.parametrize(
    ("counted", "peak"),
    [
        pytest.param([(10, 1.0), (30, 1.0), (5, 0.02)], 30.0, id="a splinter of 20 ms is no second"),
        pytest.param([(10, 1.0), (30, 0.5)], 60.0, id="a half one is a rate"),
        pytest.param([(10, 5.0)], 2.0, id="several seconds that became one are a mean"),
        pytest.param([(8, 0.01)], 8.0, id="what a splinter has is as much as in a usual second"),
        pytest.param([], 0.0, id="nothing"),
    ],
)
def test_the_most_per_second_is_of_whole_seconds(counted, peak):
    assert peak_per_s(counted, 1.0) == peak


def test_an_interval_is_usually_as_long_as_the_middle_one():
    assert usual_s([1.0, 1.0, 5.0, 0.02]) == 1.0
    assert usual_s([]) == 1.0


def splintered(change):
    """A run whose last interval lasts 10 ms, and in which something happens that ``change`` makes."""
    run = make_run(ramp_s=2, hold_s=4)
    last = msgspec.structs.replace(run.intervals[-1], t_s=5.01, duration_s=0.01)
    run.intervals[-1] = change(last)
    return run


def test_the_best_second_of_a_backlog_is_no_splinter():
    """Three deliveries of a run's last 10 ms were 300 per second."""

    def change(interval):
        return msgspec.structs.replace(interval, losses=Losses(caught_up=3))

    run = splintered(change)
    for interval, level in zip(run.intervals, (0, 10, 20, 30, 40, 42), strict=True):
        interval.servers["postgres"] = ServerUse(store_messages=level, store_bytes=level, beside=True)
    found = sum_up_backlog([run], NO_DELIVERY, None)
    assert found.replayed_peak_per_s == 3.0
    assert found.store.written_peak_per_s == pytest.approx(10.0)


def test_the_worst_second_of_an_outage_is_no_splinter():
    def change(interval):
        connections = msgspec.structs.replace(
            interval.connections, attempted=7, closed={"transport_close": 50}
        )
        return msgspec.structs.replace(interval, connections=connections, losses=Losses(away_now=50))

    (found,) = sum_up_outages([splintered(change)])
    assert found.attempts_peak_per_s == 7.0
