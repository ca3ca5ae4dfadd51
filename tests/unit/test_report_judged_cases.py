"""A report as test cases: what fails a run fails a case, and only that."""

import msgspec
import pytest

from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.judged_cases import judged_cases, key_figures
from siotool.report.planned import Planned
from siotool.report.verdict import why
from siotool.runfile import End, ScenarioFailure
from tests.unit.conftest import make_chat_run, make_run


def raising(interval):
    if interval.t_s != 25:
        return interval
    return msgspec.structs.replace(
        interval, exceptions=[ScenarioFailure("ValueError", "no", "flow.py:3 in order", 2)]
    )


def cases(run, *gates, default_gates=False):
    report = summarize([run], Planned(), [parse(gate) for gate in gates], default_gates=default_gates)
    return report, {(case.group, case.name): case for case in judged_cases(report)}


def test_a_gate_that_failed_is_a_failure_with_its_value_and_one_that_passed_is_none():
    _, found = cases(make_run(), "p99:ack:echo > 1us", "p99:ack:echo > 1s")
    failed, passed = found["gates", "p99:ack:echo > 1us"], found["gates", "p99:ack:echo > 1s"]
    assert failed.failure == "p99:ack:echo > 1us: 2 ms, of 2,550 successes"
    assert (passed.failure, passed.told) == ("", "p99:ack:echo > 1s: 2 ms, of 2,550 successes")
    assert found["trust", "the run can be trusted"].failure == ""


def test_default_gates_are_cases_too():
    _, found = cases(make_run(), default_gates=True)
    assert {name for group, name in found if group == "gates"} >= {"never_succeeded > 0", "errors:ack > 1%"}


def test_each_doubt_is_an_error():
    report, found = cases(make_chat_run())
    trust = [case for case in found.values() if case.group == "trust"]
    assert [case.failure for case in trust] == report.doubts
    assert {case.kind for case in trust} == {"error"}


def test_nothing_measured_is_an_error():
    run = make_run()
    _, found = cases(msgspec.structs.replace(run, intervals=[]))
    assert "nothing was measured" in next(
        case.failure for (group, _), case in found.items() if group == "trust"
    )


@pytest.mark.parametrize(("default_gates", "fails"), [(True, True), (False, False)])
def test_an_exception_fails_its_case_where_it_fails_the_run(default_gates, fails):
    _, found = cases(make_run(change=raising), default_gates=default_gates)
    case = found["exceptions", "ValueError at flow.py:3 in order"]
    assert bool(case.failure) == fails
    assert case.told == "2 times: ValueError: no"


def test_a_target_that_was_lost_fails_the_run():
    run = msgspec.structs.replace(make_run(), end=End(30.0, "target_lost"))
    report, found = cases(run)
    assert found["run", "echo"].failure == "the target was lost"
    assert found["run", "echo"].seconds == 30.0
    assert why(report, 3).startswith("the target was lost: FAILED, the target was lost")


def test_key_figures_have_units_in_their_names():
    report, _ = cases(make_run())
    found = key_figures(report)
    assert found["ack.echo.p99_s"] == "0.00199986"
    assert found["connections.peak"] == "100"
    assert found["server.cpu_cores_mean"] == "0.4"
    assert "delivery.lost" not in found


@pytest.mark.parametrize(
    ("code", "gates", "said"),
    [
        (4, ["p99:ack:echo > 1us"], "the gate p99:ack:echo > 1us failed (2 ms, of 2,550 successes)"),
        (
            4,
            ["p99:ack:echo > 1us", "lost > 0", "p50:ack > 1us"],
            "the gate p99:ack:echo > 1us failed (2 ms, of 2,550 successes); "
            "so did lost > 0 and p50:ack > 1us",
        ),
        (130, [], "interrupted; what was measured is kept"),
        (3, [], "every worker was lost; what was measured is kept"),
    ],
)
def test_one_line_says_why(code, gates, said):
    report, _ = cases(make_run(), *gates)
    assert why(report, code) == said


def test_one_line_names_the_first_doubt():
    report, _ = cases(make_chat_run())
    assert why(report, 5).startswith("not to be trusted: ")
    assert report.doubts[0][:40] in why(report, 5)
