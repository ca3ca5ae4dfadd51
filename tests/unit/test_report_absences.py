"""Remarks on users that stayed away, and on connections that something in between drops."""

import msgspec
import pytest

from siotool.histogram import Histogram
from siotool.report.absences import dropped_after_silence, who_stayed_away
from siotool.runfile import Losses


def silent_for(*seconds):
    histogram = Histogram()
    histogram.record(seconds)
    return Losses(silence=histogram.sparse())


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        pytest.param(
            {5.0: [3.0, 3.1], 9.0: [3.05], 13.0: [3.0]}, True, id="the same silence, again and again"
        ),
        pytest.param({5.0: [3.0, 3.1, 3.05, 3.0]}, False, id="all at one moment: the server may have died"),
        pytest.param({5.0: [3.0], 9.0: [9.0], 13.0: [1.0]}, False, id="after different silences"),
        pytest.param({5.0: [0.1], 9.0: [0.1], 13.0: [0.1]}, False, id="in the middle of traffic"),
        pytest.param({}, False, id="no losses"),
    ],
)
def test_an_idle_timeout_in_between_is_told_from_other_losses(make_run, losses, said):
    def change(interval):
        found = losses.get(interval.t_s)
        return interval if found is None else msgspec.structs.replace(interval, losses=silent_for(*found))

    remarks = list(dropped_after_silence(make_run(change=change)))
    assert bool(remarks) is said
    assert not said or "4 connections were dropped after a median of 3" in remarks[0]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"server_disconnect": 1}, "1 user was disconnected by the server and stayed away"),
        ({"connect_error": 7}, "7 users were refused by a namespace and stayed away"),
        ({"gave_up": 2}, "2 users were not connected any more: all tries"),
        ({"no_reconnection": 2}, "--no-reconnection lets no user come back"),
    ],
)
def test_users_that_stay_away_are_said_with_the_reason(make_run, counts, words):
    def change(interval):
        if interval.t_s != 12.0:
            return interval
        connections = msgspec.structs.replace(interval.connections, stayed_away=counts)
        return msgspec.structs.replace(interval, connections=connections)

    (remark,) = who_stayed_away(make_run(change=change))
    assert words in remark
