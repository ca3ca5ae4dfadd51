"""A run over time: the part of a second in which it ends is no drop of the load, and hides no failure."""

import msgspec
import pytest

from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.time_charts import over_time
from siotool.runfile import Delivery
from siotool.swarm.progress import Progress


def ends_with(run, *parts):
    """The run, and after its last second parts of others: (seconds, share of its traffic, draining)."""
    last = run.intervals[-1]
    for seconds, share, draining in parts:
        run.intervals.append(
            msgspec.structs.replace(
                last,
                t_s=run.intervals[-1].t_s + seconds,
                duration_s=seconds,
                connections=msgspec.structs.replace(last.connections, open=0, users=0),
                operations=[
                    msgspec.structs.replace(op, count=round(op.count * share)) for op in last.operations
                ],
                bytes=msgspec.structs.replace(last.bytes, wire_in=round(last.bytes.wire_in * share)),
                delivery=Delivery(expected=7, lost=7),
                draining=draining,
            )
        )
    return run


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        pytest.param((0.485, 0.1, True), False, id="good-byes after the load"),
        pytest.param((0.02, 0.0, False), False, id="cut after a moment"),
        pytest.param((0.8, 0.8, False), True, id="most of a second, over its own time"),
        pytest.param((1.0, 0.1, True), True, id="a whole second of waiting is one"),
    ],
)
def test_a_partial_last_second_is_no_drop(make_run, part, shown):
    report = summarize([ends_with(make_run(), part)], Planned())
    series = report.series
    (echo,) = [row for row in series.operations if row.name == "echo"]
    assert len(series.t_s) == len(echo.rate_per_s) == 31
    load = [echo.rate_per_s, series.wire_in_bytes_per_s, series.received_per_s, series.users]
    load += [series.connections, series.server_cpu_cores, series.generator_cpu_cores]
    for values in load:
        assert (values[-1] is not None) == shown
        assert values[-2] is not None
    if shown:
        assert echo.rate_per_s[-1] == pytest.approx(100 * part[1] / part[0])
    # what went wrong in it is drawn
    assert series.lost_per_s[-1] == pytest.approx(7 / part[0], rel=1e-3)
    drawn = {chart.key: chart for chart in over_time(report)["delivery"]}
    assert "lost" in drawn
    assert drawn["lost"].note == ""


def test_a_thinned_run_counts_its_last_point_over_whole_seconds(make_run):
    run = ends_with(make_run(users=10, ramp_s=10, hold_s=4491), (0.4, 0.1, True))
    series = summarize([run], Planned()).series
    assert series.point_s == 4
    (echo,) = [row for row in series.operations if row.name == "echo"]
    assert echo.rate_per_s[-1] == pytest.approx(10)
    assert series.connections[-1] == pytest.approx(10)


def test_each_of_several_runs_ends_so(make_run):
    runs = [ends_with(make_run(name=name), (0.485, 0.1, True)) for name in ("a", "b")]
    series = summarize(runs, Planned()).series
    assert [t for t, users in zip(series.t_s, series.users, strict=True) if users is None] == [30.48, 60.97]


def test_the_live_view_shows_no_drop_at_the_end(make_run):
    run = ends_with(make_run(), (0.4, 0.0, True))
    progress = Progress(run.header)
    for interval in run.intervals:
        progress.update(interval)
    (echo,) = [row for row in progress.operations() if row.name == "echo"]
    assert echo.rate_per_s == pytest.approx(100)
    assert progress.elapsed_s == pytest.approx(30.4)
