"""Downtime is the share of their time that users were away in outages, of a workday."""

import msgspec
import pytest

from siotool.report.downtime import measure_downtime
from siotool.report.join import summarize
from siotool.report.outage_figures import OutageFigures
from siotool.report.planned import Planned
from siotool.runfile import Connections, Losses
from siotool.runs.seconds import seconds_of


def outage(away_user_s):
    known = {"reasons": {"transport_close": 1}, "away_user_s": away_user_s}
    return OutageFigures(**{name: known.get(name, 0) for name in OutageFigures.__struct_fields__})


@pytest.mark.parametrize(
    ("away", "workday_s", "downtime_s", "known"),
    [
        pytest.param([25.0], 86_400.0, 864.0, False, id="1 % of 2,500 user-seconds, of a day"),
        pytest.param([25.0], 28_800.0, 288.0, False, id="of a workday of 8 hours"),
        pytest.param([5.0] * 5, None, 864.0, True, id="five outages have an interval; a day by default"),
        pytest.param([], None, None, False, id="no outage"),
        pytest.param([0.0], None, None, False, id="users that their own scenario dropped"),
    ],
)
def test_downtime_is_the_share_of_time_away(make_run, away, workday_s, downtime_s, known):
    seconds = seconds_of([make_run(users=100, ramp_s=0, hold_s=25)])
    found = measure_downtime([outage(one) for one in away], seconds, workday_s)
    assert found.seconds == (None if downtime_s is None else pytest.approx(downtime_s))
    assert (found.low is not None) is known
    if known:
        assert found.low < found.seconds < found.high


def test_a_run_with_an_outage_measures_the_variable(make_run, sparse):
    def change(interval):
        """All 100 users are lost at 20 s, and come back after 2 s."""
        if interval.t_s == 20:
            lost = Connections(open=0, users=100, closed={"transport_close": 100})
            return msgspec.structs.replace(interval, connections=lost, losses=Losses(away_now=100))
        if interval.t_s == 21:
            return msgspec.structs.replace(
                interval,
                connections=Connections(open=0, users=100),
                losses=Losses(away_now=100),
            )
        if interval.t_s == 22:
            back = Connections(open=100, users=100, attempted=100, established=100)
            return msgspec.structs.replace(
                interval, connections=back, losses=Losses(back=100, away=sparse([2.0] * 100))
            )
        return interval

    report = summarize([make_run(change=change)], Planned(downtime_s=1800.0, workday_s=86_400.0))
    (found,) = report.outages
    assert found.away_user_s == 200
    downtime = next(one for one in report.sizing.variables if one.name == "downtime")
    users = sum(min(100, 10 * second) for second in range(1, 31))
    assert downtime.measured == pytest.approx(200 / users * 86_400)
    assert "1 outage in 30 s" in downtime.how
    assert any(said.startswith("downtime: planned 30 min, measured") for said in report.sizing.disagreements)


def test_users_that_their_scenario_dropped_are_no_downtime(make_run, sparse):
    def change(interval):
        """Of 100 lost connections the scenario dropped 75."""
        if interval.t_s == 20:
            lost = Connections(open=0, users=100, closed={"transport_close": 25, "dropped": 75})
            return msgspec.structs.replace(interval, connections=lost, losses=Losses(away_now=100))
        if interval.t_s == 21:
            back = Connections(open=100, users=100, attempted=100, established=100)
            losses = Losses(back=100, away=sparse([1.0] * 100))
            return msgspec.structs.replace(interval, connections=back, losses=losses)
        return interval

    (found,) = summarize([make_run(change=change)], Planned()).outages
    assert found.away_user_s == 25


def test_users_that_were_never_back_are_away_until_the_end(make_run):
    def change(interval):
        if interval.t_s < 20:
            return interval
        lost = {"transport_close": 100} if interval.t_s == 20 else {}
        return msgspec.structs.replace(
            interval, connections=Connections(open=0, users=100, closed=lost), losses=Losses(away_now=100)
        )

    (found,) = summarize([make_run(change=change)], Planned()).outages
    assert found.away_user_s == 11 * 100
