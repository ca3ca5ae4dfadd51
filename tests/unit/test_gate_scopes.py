"""Gates on the users of one class, and on one stage."""

import msgspec
import pytest

from siotool.errors import GateError
from siotool.report.gates import Scope, check_scopes, parse, scoped
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Connections, Delivery, Interval, Operation, UserClass
from tests.unit.conftest import make_run, sparse


def two_classes(interval: Interval) -> Interval:
    """Readers answer in 10 ms and never fail, writers in 300 ms and one of 20 times out, each second."""
    reader = Operation("ack", "read", 80, {}, sparse([0.01] * 80))
    writer = Operation("ack", "write", 19, {"timeout": 1}, sparse([0.3] * 19), given_up=sparse([10.0]))
    connect = [found for found in interval.operations if found.op == "connect"]
    refused = [Operation("connect", "/", 0, {"refused": 1})] if interval.t_s == 1.0 else []
    return msgspec.structs.replace(
        interval,
        connections=msgspec.structs.replace(
            interval.connections,
            attempted=interval.connections.attempted + len(refused),
            failed={"refused": 1} if refused else {},
        ),
        operations=[*connect, *refused, reader, writer],
        user_classes=[
            UserClass("Reader", users=interval.connections.users - 1),
            UserClass("Writer", users=1),
        ],
        class_operations={"Reader": [*connect, reader], "Writer": [*refused, writer]},
        delivery=Delivery(published=1, expected=10, received=9, lost=1) if interval.stage else Delivery(),
    )


def outcomes(*gates: str, change=two_classes):
    run = make_run(users=100, change=change)
    return [
        (found.outcome, found.value, found.reason)
        for found in summarize([run], Planned(), [parse(gate) for gate in gates]).gates
    ]


@pytest.mark.parametrize(
    ("gate", "outcome", "value"),
    [
        pytest.param("p90:ack > 200ms", "failed", 0.3, id="all classes together: a fifth is slow"),
        pytest.param("p90:ack[class=Reader] > 200ms", "passed", 0.01, id="of the readers none is"),
        pytest.param("p90:ack[class=Writer] > 200ms", "failed", 0.3, id="of the writers all are"),
        pytest.param("p90:ack:write[class=Writer] > 1s", "passed", 0.3, id="one name of one class"),
        pytest.param("errors:ack[class=Reader] > 0", "passed", 0.0, id="failures of a class, counted"),
        pytest.param("errors:ack[class=Writer] > 1%", "failed", 0.05, id="failures of a class, as a share"),
        pytest.param("errors:ack > 1%", "passed", 0.01, id="the same failures among all"),
        pytest.param("rate:ack[class=Writer] < 10/s", "passed", 19.0, id="rate of a class"),
        pytest.param("connect_errors[class=Reader] > 0", "passed", 0.0, id="connects of a class"),
        pytest.param("connect_errors[class=Writer] > 50%", "failed", 1.0, id="connects that all failed"),
        pytest.param("lost[stage=1] > 0", "failed", None, id="nothing was published in the first stage"),
        pytest.param("lost[stage=2] > 5%", "failed", 0.1, id="deliveries of the second stage"),
        pytest.param("connections[stage=1] < 100", "passed", 100.0, id="the most open in a stage"),
        pytest.param("errors:ack[stage=1] > 10", "passed", 10.0, id="ten seconds of the first stage"),
        pytest.param("errors:ack[class=Writer, stage=2] > 19", "failed", 20.0, id="class and stage"),
        pytest.param("server_cpu[stage=2] > 80%", "passed", 0.4, id="the server in a stage"),
        pytest.param("exceptions[stage=2] > 0", "passed", 0.0, id="exceptions of a stage"),
    ],
)
def test_a_scope_takes_its_part_and_no_more(gate, outcome, value):
    ((found, measured, _),) = outcomes(gate)
    assert found == outcome
    assert measured == (None if value is None else pytest.approx(value, rel=0.02))


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (
            "p99:ack:echo[class=Writer] > 1s",
            "no ack:echo in what users of class Writer did; it has ack:write",
        ),
        ("p99:ack[class=Nobody] > 1s", "no ack in what users of class Nobody did"),
        ("p99:ack[stage=9] > 1s", "no second of stage 9"),
        ("exceptions[stage=9] > 0", "no second of stage 9"),
        ("never_succeeded[stage=9] > 0", "no second of stage 9"),
        ("p99:ack:x[class=Reader,stage=2] > 1s", "no ack:x in what users of class Reader did in stage 2"),
    ],
)
def test_a_part_without_such_an_operation_fails_and_says_so(gate, said):
    ((outcome, value, reason),) = outcomes(gate)
    assert (outcome, value) == ("failed", None)
    assert said in reason


def test_where_there_is_one_class_all_operations_are_its_own():
    """A run file holds operations by class only where there are several."""
    run = make_run(users=100)
    assert run.intervals[-1].class_operations == {}
    gates = [parse("errors:ack[class=Echo] > 1"), parse("errors:ack[class=Other] > 1")]
    echo, other = summarize([run], Planned(), gates).gates
    assert (echo.outcome, echo.value) == ("passed", 0.0)
    assert (other.outcome, other.value) == ("failed", None)


def test_a_gate_on_a_part_replaces_no_default_gate():
    """Or the errors of all other users would be judged by nothing."""
    asked = [parse("errors:ack[class=Writer] > 50%")]
    report = summarize([make_run(users=100, change=two_classes)], Planned(), asked, default_gates=True)
    assert "errors:ack > 1%" in {gate.expr for gate in report.gates if gate.default}


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("p99:ack:echo[class=Writer] > 200ms", Scope("Writer", None)),
        ("errors:ack[stage=3]>1%", Scope(None, 3)),
        ("p99:ack:a b [ class = Writer , stage = 2 ] > 1s", Scope("Writer", 2)),
        ("p99:ack:list[0] > 1s", None),
        ("lost[before] > 1%", Scope(fault="before")),
        ("errors:ack[after] > 1%", Scope(fault="after")),
        ("p99:ack[class=Writer,after] > 1s", Scope("Writer", None, "after")),
        ("lost[fault=2] > 1%", Scope(fault="2")),
        ("p99:ack > 1s", None),
    ],
)
def test_a_scope_is_read(text, scope):
    gate = parse(text)
    assert gate.scope == scope
    assert "class" not in (gate.name or "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("p99:ack[klass=Writer] > 1s", "unknown scope 'klass'"),
        ("p99:ack[class=] > 1s", "no value of 'class'"),
        ("p99:ack[stage=0] > 1s", "no stage '0': they count from 1"),
        ("p99:ack[stage=last] > 1s", "no stage 'last'"),
        ("p99:ack[stage=1,stage=2] > 1s", "'stage' is given twice"),
        ("p99:deliver[class=Writer] > 1s", "'deliver' is not counted by user class"),
        ("errors:custom[class=Writer] > 1%", "'custom' is not counted by user class"),
        ("lost[class=Writer] > 1%", "'lost' is not counted by user class"),
        ("p99:away[class=Writer] > 1s", "'p99' is not counted by user class"),
        ("back_all[stage=1] > 1s", "an outage belongs to no stage"),
        ("p99:ack[stage=3]", "no comparison"),
        ("lost[fault=0] > 1%", "no fault '0': they count from 1"),
        ("lost[fault=last] > 1%", "no fault 'last'"),
        ("lost[fault=1,stage=1] > 1%", "a stage and a fault"),
        ("p99:away[fault=1] > 1s", "an outage belongs to no stage and no fault"),
        ("worse[before] > 5%", "a comparison is of the whole run"),
    ],
)
def test_a_bad_scope_is_refused_with_its_place_and_an_example(text, problem):
    with pytest.raises(GateError) as caught:
        parse(text)
    assert problem in caught.value.message
    assert "write it like" in caught.value.hint


def test_a_class_or_stage_that_the_run_will_not_have_is_refused_before_it_starts():
    gates = [parse("p99:ack[class=Writr] > 1s")]
    with pytest.raises(GateError, match="no user class Writr") as caught:
        check_scopes(gates, ["Writer", "Reader"], 2, 0)
    assert "did you mean Writer?" in caught.value.hint
    with pytest.raises(GateError, match="no stage 3"):
        check_scopes([parse("p99:ack[stage=3] > 1s")], ["Writer"], 2, 0)
    check_scopes([parse("p99:ack[class=Writer,stage=2] > 1s")], ["Writer"], 2, 0)
    check_scopes([parse("p99:ack[stage=9] > 1s")], ["Writer"], 0, 0)


def test_a_fault_that_the_run_will_not_have_is_refused_before_it_starts():
    with pytest.raises(GateError, match="there is no fault") as caught:
        check_scopes([parse("lost[before] > 1%")], [], 2, 0)
    assert "--fault" in caught.value.hint
    with pytest.raises(GateError, match="there is no fault 3") as caught:
        check_scopes([parse("lost[fault=3] > 1%")], [], 2, 2)
    assert "the run has 2" in caught.value.hint
    check_scopes([parse("lost[fault=2] > 1%"), parse("lost[after] > 1%")], [], 2, 2)


def test_the_same_gate_on_a_part_reads_back():
    for text in ("p99:ack:a > b > 1s", "lost > 0.1%", "errors:custom:list[0] >= 3"):
        found = scoped(parse(text), fault="before")
        assert parse(found.text) == found
        assert found.scope == Scope(fault="before")


def test_connects_that_no_class_made_are_none():
    def idle(interval: Interval) -> Interval:
        return msgspec.structs.replace(two_classes(interval), connections=Connections(open=1, users=100))

    ((_, value, reason),) = outcomes("connect_errors[class=Nobody] > 1%", change=idle)
    assert value is None
    assert "no connections attempted" in reason
