"""What a run without --fail-if is judged by, and what the verdict says of it."""

import msgspec
import pytest

from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.verdict import sentence
from siotool.runfile import Connections, Delivery, Operation, ScenarioFailure, UserClass

USERS = UserClass("Echo", users=100, started=100, attempted=100, established=100, begun=2000)


def one_second(**fields):
    """Change the last of a run's seconds only."""

    def change(interval):
        if interval.t_s != 30:
            return interval
        return msgspec.structs.replace(interval, user_classes=[USERS], **fields)

    return change


def acks(count, name="echo", **errors):
    return Operation(op="ack", name=name, count=count, errors=errors)


def custom(count, name, **errors):
    return Operation(op="custom", name=name, count=count, errors=errors)


def judged(make_run, asked=(), *, defaults=True, **fields):
    """A run of 100 users, whose 2,550 calls until the last second were all answered."""
    gates = [parse(text) for text in asked]
    return summarize([make_run(change=one_second(**fields))], Planned(), gates, default_gates=defaults)


def failed(report):
    return [gate.expr for gate in report.gates if gate.failed]


RAISED = ScenarioFailure("KeyError", "'token'", "flow.py:7 in t", 1)
CHECKED = ScenarioFailure("check_failed", "it was ok", "flow.py:9 in t", 2)
REPORTED = ScenarioFailure("ValueError", "503", "request event ack", 2)


@pytest.mark.parametrize(
    ("fields", "gates"),
    [
        pytest.param({}, [], id="nothing failed"),
        pytest.param({"operations": [acks(100, timeout=25)]}, [], id="1 % of the calls is not more than 1 %"),
        pytest.param({"operations": [acks(100, timeout=27)]}, ["errors:ack > 1%"], id="more than that is"),
        pytest.param(
            {"operations": [acks(0, "login", timeout=1)]},
            ["never_succeeded > 0"],
            id="an operation that never succeeded, however few they are",
        ),
        pytest.param({"operations": [custom(99, "it was ok", check_failed=1)]}, [], id="1 % of the checks"),
        pytest.param(
            {"operations": [custom(98, "it was ok", check_failed=2)]},
            ["errors:custom > 1%"],
            id="more than 1 % of the checks",
        ),
        pytest.param(
            {"delivery": Delivery(published=10, expected=1000, received=999, lost=1)}, [], id="0.1 % lost"
        ),
        pytest.param(
            {"delivery": Delivery(published=10, expected=1000, received=998, lost=2)},
            ["lost > 0.1%"],
            id="more than 0.1 % lost",
        ),
        pytest.param(
            {"connections": Connections(open=100, users=100, attempted=1, failed={"refused": 1})},
            [],
            id="one of 101 connects failed",
        ),
        pytest.param(
            {"connections": Connections(open=100, users=100, attempted=2, failed={"refused": 2})},
            ["connect_errors > 1%"],
            id="two of 102 connects failed",
        ),
        pytest.param({"exceptions": [RAISED]}, ["exceptions > 0"], id="a task raised"),
        pytest.param({"exceptions": [CHECKED, REPORTED]}, [], id="what was judged wrong ended no task"),
    ],
)
def test_a_run_is_held_to_the_default_gates(make_run, fields, gates):
    report = judged(make_run, **fields)
    assert failed(report) == gates
    assert all(gate.default for gate in report.gates)
    assert report.verdict == ("failed" if gates else "passed")
    assert sentence(report).startswith("FAILED by " if gates else "PASSED: ")


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        pytest.param(["errors:ack > 50%"], [], id="a gate on the same metric takes its place"),
        pytest.param(["errors:connect > 50%"], ["errors:ack > 1%"], id="one on another operation does not"),
        pytest.param(["p99:ack > 1h"], ["errors:ack > 1%"], id="one on the times of the same does not"),
        pytest.param(["errors:ack:echo > 50%"], [], id="one on a name takes that name out"),
        pytest.param(["errors:ack:other > 50%"], ["errors:ack > 1%"], id="and no other name"),
    ],
)
def test_a_gate_that_is_asked_for_replaces_its_default(make_run, asked, left):
    operations = [acks(100, timeout=200), acks(100, "other")]
    report = judged(make_run, asked, operations=operations)
    assert [gate.expr for gate in report.gates if gate.failed and gate.default] == left
    assert [gate.expr for gate in report.gates if not gate.default] == asked


def test_where_each_name_has_a_gate_of_its_own_none_is_left_for_the_others(make_run):
    report = judged(make_run, ["errors:ack:echo > 90%"], operations=[acks(100, timeout=200)])
    assert report.verdict == "passed"
    assert not [gate.expr for gate in report.gates if gate.expr.startswith("errors:ack ")]


def test_what_is_left_out_is_said(make_run):
    operations = [acks(100, timeout=200), acks(100, "other", timeout=10)]
    report = judged(make_run, ["errors:ack:echo > 50%"], operations=operations)
    (default,) = (gate for gate in report.gates if gate.expr == "errors:ack > 1%")
    assert (default.failed, default.value) == (True, pytest.approx(10 / 110))
    assert "without echo (own gate)" in default.reason


def test_default_gates_are_dropped_together(make_run):
    report = judged(make_run, defaults=False, exceptions=[RAISED])
    assert (report.gates, report.verdict) == ([], "passed")
    assert "No gate was asked for" in sentence(report)


def test_what_did_not_happen_has_no_default_gate(make_run):
    report = judged(make_run)
    assert {gate.expr for gate in report.gates} == {
        "never_succeeded > 0",
        "errors:ack > 1%",
        "connect_errors > 1%",
        "exceptions > 0",
    }


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param(
            {"operations": [acks(0, timeout=26)], "delivery": Delivery(10, 1000, 998, 2)},
            "FAILED by errors:ack > 1% and lost > 0.1%: 1.01 % of 2,576 operations failed, 0.2 % of 1,000 "
            "expected deliveries were lost.",
            id="failed, with both shares",
        ),
        pytest.param(
            {"operations": [Operation(op="deliver", name="news", count=90, errors={"closed": 9, "late": 1})]},
            "FAILED by errors:deliver > 1%: 0 % of 2,550 operations failed, 10 publishes were not sent.",
            id="what was not sent is no operation that failed",
        ),
        pytest.param(
            {"delivery": Delivery(10, 1_000_000, 999_999, 1)},
            "PASSED: 0 % of 2,550 operations failed, < 0.01 % of 1,000,000 expected deliveries were lost.",
            id="a share is never rounded to nothing",
        ),
        pytest.param(
            {"delivery": Delivery(10, 1_000_000, 1, 999_999)},
            "FAILED by lost > 0.1%: 0 % of 2,550 operations failed, > 99.99 % of 1,000,000 expected "
            "deliveries were lost.",
            id="nor to everything",
        ),
        pytest.param(
            {
                "operations": [acks(0, "a", timeout=900), custom(0, "b", fail=900)],
                "exceptions": [RAISED],
                "connections": Connections(open=100, attempted=9, failed={"reset": 9}),
            },
            "FAILED by never_succeeded > 0, errors:ack > 1% and 3 more gates: 41.5 % of 4,359 operations "
            "failed.",
            id="many gates are counted",
        ),
    ],
)
def test_the_verdict_in_one_breath(make_run, fields, says):
    assert sentence(judged(make_run, **({"operations": []} | fields))) == says


def test_a_doubt_goes_before_a_failed_gate_and_both_are_said(make_run):
    run = make_run(change=one_second(operations=[acks(0, "a", timeout=900)]), ended=False)
    report = summarize([run], Planned(), default_gates=True)
    assert report.verdict == "untrusted"
    assert sentence(report) == (
        "NOT TO BE TRUSTED: the run file has no end: it was cut after 30 s; 26.1 % of 3,450 operations "
        "failed. It also failed never_succeeded > 0 and errors:ack > 1%."
    )


def test_a_lost_target_is_a_failure_and_no_doubt(make_run):
    run = make_run()
    run.end = msgspec.structs.replace(run.end, reason="target_lost")
    report = summarize([run], Planned(), default_gates=True)
    assert (report.valid, report.verdict) == ("yes", "failed")
    assert sentence(report).startswith("FAILED, the target was lost")


def test_no_connection_at_all_is_the_targets_doing(make_run):
    """Everybody was turned away: a result, and an exit code of its own, not a doubt."""
    turned_away = UserClass("Echo", users=10, started=10, attempted=10)
    run = make_run(
        change=lambda interval: msgspec.structs.replace(
            interval,
            connections=Connections(users=10, attempted=10, failed={"http_503": 10}),
            operations=[Operation(op="connect", name="/", errors={"http_503": 10})],
            user_classes=[turned_away],
            servers={},
        ),
        users=10,
    )
    report = summarize([run], Planned(), default_gates=True)
    assert (report.valid, report.verdict) == ("yes", "failed")
    assert failed(report) == ["never_succeeded > 0", "connect_errors > 1%"]


def test_seconds_of_draining_are_in_no_rate(make_run):
    """They diluted rates and bandwidth by up to 40 %."""
    run = make_run()
    plain = summarize([run], Planned())
    waits = msgspec.structs.replace(run.intervals[-1], t_s=50.0, duration_s=20.0, draining=True)
    run.intervals.append(msgspec.structs.replace(waits, operations=[]))
    drained = summarize([run], Planned())
    assert drained.bandwidth.wire_in_bytes_per_s == plain.bandwidth.wire_in_bytes_per_s
    for before, after in zip(plain.operations, drained.operations, strict=True):
        assert after.rate_per_s == before.rate_per_s
    assert drained.bandwidth.wire_bytes_in > plain.bandwidth.wire_bytes_in, "what came is counted"
