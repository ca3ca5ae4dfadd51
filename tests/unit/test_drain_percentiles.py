"""Between which times the percentiles of drains lie: over the moments at which users came back."""

import numpy as np
import pytest

from siotool.histogram import Histogram, Sparse
from siotool.report.drain_percentiles import drain_percentiles
from siotool.runfile import Connections, Losses
from tests.unit.conftest import make_run

SECONDS = 60


def took(times) -> Sparse:
    found = Histogram()
    found.record(times)
    return found.sparse()


def back(*, reason="", by_second=6, seconds=SECONDS, dated=True, seed=1):
    """A run whose users come back all the time, some each second; they leave at its end."""
    random = np.random.default_rng(seed)
    drains = [random.lognormal(0, 0.5, by_second) for _ in range(seconds)]
    last = Losses(
        drained=took(np.concatenate(drains)),
        drained_ago=[(SECONDS - 1 - number, took(one)) for number, one in enumerate(drains)] * dated,
    )

    def change(interval):
        closed = {reason: 3} if reason and 2 < interval.t_s < SECONDS - 2 else {}
        losses = last if interval.t_s == SECONDS else Losses(away_now=5 * bool(closed), back=bool(closed))
        connections = Connections(open=100, users=100, closed=closed)
        return type(interval)(
            **{name: getattr(interval, name) for name in interval.__struct_fields__}
            | {"losses": losses, "connections": connections}
        )

    return make_run(ramp_s=0, hold_s=SECONDS, change=change)


@pytest.mark.parametrize("reason", ["", "dropped"])
def test_users_that_come_back_apart_show_where_a_percentile_of_their_drains_lies(reason):
    """Trap: the run file had not when each was back, and there was no interval."""
    found = drain_percentiles([back(reason=reason)])
    p50, p90 = found["p50"], found["p90"]
    assert 0.8 < p50.low < p50.value < p50.high < 1.25
    assert p90.low < p90.value < p90.high
    more = drain_percentiles([back(seed=seed) for seed in range(4)])["p50"]
    assert more.high - more.low < 0.75 * (p50.high - p50.low)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(back(reason="transport"), id="one outage"),
        pytest.param(back(seconds=5), id="few moments"),
        pytest.param(back(dated=False), id="an older run file"),
    ],
)
def test_where_too_few_events_are_known_nothing_is_said(run):
    assert drain_percentiles([run]) == {}
    assert drain_percentiles([]) == {}


def test_the_interval_holds_the_true_median_nearly_always():
    """The median of the times that are drawn is 1 s; 95 % of the intervals hold it."""
    found = [drain_percentiles([back(seed=seed)])["p50"] for seed in range(40)]
    assert sum(one.low <= 1.0 <= one.high for one in found) >= 36
