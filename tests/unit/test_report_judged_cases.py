"""A report as test cases: what fails a run fails a case, and only that."""

import msgspec
import pytest

from siotool.report.comparison_figures import Beside, Comparison, MetricChange, ServersChange
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.judged_cases import judged_cases, key_figures
from siotool.report.planned import Planned
from siotool.report.verdict import why
from siotool.runfile import End, ScenarioFailure
from siotool.searched import LOWEST_FAILED, FoundCapacity, Hold
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


def compared(*low_ends):
    """A comparison whose metrics are worse, each by so much at least; None: no difference is shown."""
    fields = dict.fromkeys(MetricChange.__struct_fields__, 0.5)
    metrics = [
        MetricChange(
            **fields
            | {"name": f"metric {number}", "unit": "s", "relative_low": low}
            | {"verdict": "no difference shown" if low is None else "worse"}
        )
        for number, low in enumerate(low_ends, 1)
    ]
    servers = ServersChange(**dict.fromkeys(ServersChange.__struct_fields__))
    fields = {name: [] for name in Comparison.__struct_fields__}
    return Beside(Comparison(**fields | {"servers": servers, "metrics": metrics}), [], [])


@pytest.mark.parametrize(
    ("gates", "default_gates", "failing"),
    [
        pytest.param([], True, ["metric 1", "metric 2"], id="the default gate counts those that are worse"),
        pytest.param(["worse > 1"], False, ["metric 1", "metric 2"], id="so does one that is asked for"),
        pytest.param(["worse > 2"], False, [], id="a gate that allows two passes"),
        pytest.param(["worse > 5%"], False, ["metric 2"], id="a share is held against each of them"),
        pytest.param(["worse > 20%"], False, [], id="a share that allows both"),
        pytest.param(["more_servers >= 1"], False, [], id="a gate on servers is about no metric"),
        pytest.param(["worse < 9"], False, [], id="a gate from below neither"),
        pytest.param([], False, [], id="no gate at all"),
    ],
)
def test_a_metric_fails_its_case_where_it_fails_the_run(gates, default_gates, failing):
    """A comparison without a gate passed, and its test results failed."""
    beside, asked = compared(0.02, 0.1, None), [parse(gate) for gate in gates]
    report = summarize([make_run()], Planned(), asked, default_gates=default_gates, beside=beside)
    found = {case.name: case for case in judged_cases(report) if case.group == "comparison"}
    assert [name for name, case in found.items() if case.failure] == failing
    assert found["metric 1"].told.startswith("metric 1: worse, effect 0.5 s")


def test_a_search_whose_lowest_load_failed_fails_the_run():
    run = make_run()
    run.capacity = FoundCapacity(
        30.0, "users", "connections", None, 0.0, 100.0, 0.95, "lost > 1%", "server", 30.0, True, LOWEST_FAILED
    )
    run.holds = [Hold(30.0, 20.0, 100.0, "failed", "lost > 1%", 0.02, 0.01, 1000, 10, 1.0)]
    report, found = cases(run)
    assert report.verdict == "failed"
    assert found["run", "echo"].failure == LOWEST_FAILED
