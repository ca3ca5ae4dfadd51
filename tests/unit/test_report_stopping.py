"""--stop-if: when a run is hopeless, second by second, and what its report says then."""

import msgspec
import pytest

from siotool.errors import GateError
from siotool.report.join import look_at, summarize
from siotool.report.planned import Planned
from siotool.report.stopping import parse_stop, stop_rules
from siotool.runfile import Connections, Delivery, End, Operation, ScenarioFailure
from siotool.stopped import Stopped
from tests.unit.conftest import make_run, sparse


def second(interval, *, ms=2, count=100, errors=0, users=100, exceptions=0, **more):
    return msgspec.structs.replace(
        interval,
        operations=[
            Operation(
                "ack", "echo", count, {"timeout": errors} if errors else {}, sparse([ms / 1000] * count)
            )
        ]
        if count or errors
        else [],
        connections=Connections(open=users, users=users, attempted=1, established=1),
        exceptions=[ScenarioFailure("ValueError", "x", "f.py:1", exceptions)] if exceptions else [],
        **more,
    )


def stopped_at(text, seconds, grace_s=5.0):
    """The second at which a run of 30 s is stopped, and why; ``seconds`` change those of a plain run."""
    run = make_run(users=100, ramp_s=10, hold_s=20)
    update = stop_rules([parse_stop(text, server_sampled=True)], grace_s, look_at)(run.header)
    for interval in run.intervals:
        changed = seconds(interval.t_s)
        stopped = update(second(interval, **changed) if changed is not None else interval)
        if stopped is not None:
            return interval.t_s, stopped
    return None


@pytest.mark.parametrize(
    ("text", "seconds", "expected"),
    [
        pytest.param("p99:ack > 1s", lambda t: {}, None, id="all is well"),
        pytest.param("p99:ack > 1s", lambda t: {"ms": 2000 if t > 12 else 2}, 17.0, id="five seconds on end"),
        pytest.param(
            "p99:ack > 1s", lambda t: {"ms": 2 if t % 5 == 0 else 2000}, None, id="a good second begins anew"
        ),
        pytest.param(
            "p99:ack > 1s",
            lambda t: {"ms": 2000, "count": 0 if t % 2 else 9},
            6.0,
            id="a second without an operation says nothing",
        ),
        pytest.param("p99:ack > 1s", lambda t: {"count": 0}, None, id="nothing measured is not hopeless"),
        pytest.param("errors:ack > 50%", lambda t: {"errors": 200 * (t > 3)}, 8.0, id="a share, by second"),
        pytest.param(
            "errors:ack > 100", lambda t: {"errors": 20}, 10.0, id="a count, over the run so far, and grace"
        ),
        pytest.param(
            "errors:ack > 100",
            lambda t: {"errors": 101 if t == 2 else 0},
            6.0,
            id="a count cannot fall again",
        ),
        pytest.param("exceptions > 3", lambda t: {"exceptions": 1}, 8.0, id="exceptions add up"),
        pytest.param("connect_errors > 5", lambda t: {}, None, id="connects that fail"),
        pytest.param(
            "rate:ack < 50/s",
            lambda t: {"count": 1, "users": min(100, 10 * t)},
            14.0,
            id="not during the ramp",
        ),
        pytest.param(
            "p99:ack[stage=2] > 1s", lambda t: {"ms": 2000}, 15.0, id="only in the stage it is about"
        ),
        pytest.param(
            "errors:ack[stage=2] > 100",
            lambda t: {"errors": 50 * (t < 5)},
            None,
            id="a count of a stage has nothing of the stages before",
        ),
        pytest.param("server_cpu > 10%", lambda t: None, 8.0, id="the server, from the second it is busy"),
        pytest.param(
            "lost > 10%",
            lambda t: {"delivery": Delivery(expected=10, received=8, lost=2)},
            5.0,
            id="deliveries",
        ),
        pytest.param("p99:ack > 1s", lambda t: {"ms": 2000, "draining": True}, None, id="not while draining"),
    ],
)
def test_a_run_is_stopped_when_it_is_hopeless_and_not_before(text, seconds, expected):
    found = stopped_at(text, seconds)
    assert (found and found[0]) == expected
    if found is not None:
        assert found[1].gate == text
        assert found[1].for_s >= 5.0


def test_the_grace_period_is_as_long_as_asked_for():
    at, stopped = stopped_at("p99:ack > 1s", lambda t: {"ms": 2000}, grace_s=20.0)
    assert (at, stopped.for_s) == (20.0, 20.0)
    assert stopped.value == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("back_all > 10s", "known at the end of a run"),
        ("p99:away > 1s", "known at the end of a run"),
        ("errors:ack[fault=1] > 50%", "known at the end of a run"),
        ("p99:ack[after] > 1s", "known at the end of a run"),
        ("worse > 0", "known at the end of a run"),
        ("server_cpu > 80%", "the server is not sampled"),
        ("server_rss > 1GB", "the server is not sampled"),
        ("p99:akc > 1s", "unknown operation"),
    ],
)
def test_what_no_running_test_can_judge_is_refused_before_it_starts(text, said):
    with pytest.raises(GateError, match=said) as caught:
        parse_stop(text, server_sampled=False)
    assert caught.value.hint


def test_a_run_that_was_stopped_fails_by_that_gate_and_is_no_doubt():
    run = make_run()
    run.end = End(23.0, "stopped", stopped=Stopped("p99:ack > 1s", 1.5, 10.0))
    report = summarize([run], Planned(), [], default_gates=True)
    assert report.verdict == "failed"
    (gate,) = [found for found in report.gates if found.failed]
    assert (gate.expr, gate.value, gate.unit) == ("p99:ack > 1s", 1.5, "s")
    assert gate.reason == "by --stop-if, which ended the run after 23 s: true for 10 s"
    assert report.runs[0].ended == "stopped"
    assert report.doubts == []
