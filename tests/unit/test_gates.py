"""The grammar of --fail-if, and what a verdict says."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import GateError
from siotool.report.gate_metrics import OPS
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.judging import judge
from siotool.report.planned import Planned
from siotool.runfile import Delivery, Operation

READ = [
    ("p99:ack:echo > 200ms", ("p99", "ack", "echo", ">", 0.2, "s")),
    ("p95:connect > 1s", ("p95", "connect", None, ">", 1.0, "s")),
    ("  p50 : ack : echo<=1.5ms ", ("p50", "ack", "echo", "<=", 0.0015, "s")),
    ("p99.9:deliver:chat message >= 2min", ("p99.9", "deliver", "chat message", ">=", 120.0, "s")),
    ("max:ack:ns:event > 1s", ("max", "ack", "ns:event", ">", 1.0, "s")),
    ("mean:ack:a > b > 1s", ("mean", "ack", "a > b", ">", 1.0, "s")),
    ("lost > 0", ("lost", None, None, ">", 0.0, "count")),
    ("lost > 0.1%", ("lost", None, None, ">", 0.001, "share")),
    ("duplicate>0", ("duplicate", None, None, ">", 0.0, "count")),
    ("back_all > 10s", ("back_all", None, None, ">", 10.0, "s")),
    ("p99:away > 10s", ("p99", "away", None, ">", 10.0, "s")),
    ("misdelivered > 0", ("misdelivered", None, None, ">", 0.0, "count")),
    ("connect_errors > 1%", ("connect_errors", None, None, ">", 0.01, "share")),
    ("connect_errors > 5", ("connect_errors", None, None, ">", 5.0, "count")),
    ("errors:ack > 1%", ("errors", "ack", None, ">", 0.01, "share")),
    ("errors:ack:echo >= 1k", ("errors", "ack", "echo", ">=", 1000.0, "count")),
    ("server_cpu > 80%", ("server_cpu", None, None, ">", 0.8, "share")),
    ("server_cpu > 1.5 cores", ("server_cpu", None, None, ">", 1.5, "cores")),
    ("server_cpu > 1core", ("server_cpu", None, None, ">", 1.0, "cores")),
    ("server_rss > 2GB", ("server_rss", None, None, ">", 2e9, "bytes")),
    ("rate:ack:echo < 100/s", ("rate", "ack", "echo", "<", 100.0, "per_s")),
    ("rate:ack < 5k / s", ("rate", "ack", None, "<", 5000.0, "per_s")),
    ("bandwidth_in > 10MB/s", ("bandwidth_in", None, None, ">", 1e7, "bytes_per_s")),
    ("bandwidth_out > 8Mbit/s", ("bandwidth_out", None, None, ">", 1e6, "bytes_per_s")),
    ("worse > 0", ("worse", None, None, ">", 0.0, "count")),
    ("worse > 5%", ("worse", None, None, ">", 0.05, "share")),
    ("more_servers >= 1", ("more_servers", None, None, ">=", 1.0, "count")),
    ("connections < 1000", ("connections", None, None, "<", 1000.0, "count")),
    ("exceptions > 0", ("exceptions", None, None, ">", 0.0, "count")),
    ("never_succeeded > 2", ("never_succeeded", None, None, ">", 2.0, "count")),
]


@pytest.mark.parametrize(("text", "expected"), READ, ids=[text for text, _ in READ])
def test_an_expression_is_read(text, expected):
    gate = parse(text)
    metric, op, name, comparison, limit, unit = expected
    assert (gate.metric, gate.op, gate.name, gate.comparison, gate.unit) == (
        metric,
        op,
        name,
        comparison,
        unit,
    )
    assert gate.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "character", "problem", "hint"),
    [
        pytest.param("p9:ack > 1s", 1, "unknown metric 'p9'", "did you mean p99?", id="nearest metric"),
        pytest.param("  latency > 1s", 3, "unknown metric 'latency'", "p99:ack:echo", id="no near metric"),
        pytest.param("p99:akc > 1s", 5, "unknown operation 'akc'", "did you mean ack?", id="nearest op"),
        pytest.param("p99: > 1s", 5, "no operation", "p99:ack:echo", id="empty op"),
        pytest.param("p99 > 1s", 4, "'p99' needs an operation", "p99:ack:echo", id="op missing"),
        pytest.param(
            "errors:phase:tcp > 1%", 8, "a failed connect", "connect_errors > 1%", id="a phase never fails"
        ),
        pytest.param("rate < 1/s", 5, "'rate' needs an operation", "rate:ack:echo", id="rate of nothing"),
        pytest.param("p99:ack: > 1s", 9, "no name", "p99:ack:echo", id="empty name"),
        pytest.param("lost:x > 1", 5, "takes no ':'", "lost > 0.1%", id="name where none belongs"),
        pytest.param("lost", 5, "no comparison", "p99:ack:echo", id="no comparison"),
        pytest.param("", 1, "no comparison", "p99:ack:echo", id="nothing at all"),
        pytest.param("> 3", 1, "no metric", "p99:ack:echo", id="no metric"),
        pytest.param("lost > ", 8, "no limit", "lost > 0.1%", id="no limit"),
        pytest.param("lost == 3", 6, "unknown comparison '=='", "lost > 0", id="equality"),
        pytest.param("lost => 3", 6, "unknown comparison '=>'", "lost > 0", id="swapped"),
        pytest.param("p99:ack > 200", 11, "has no unit", "ms", id="duration without unit"),
        pytest.param("p99:ack > 3MB", 11, "has the unit 'MB'", "ms", id="bytes for a duration"),
        pytest.param("p99:ack > 5%", 11, "has the unit '%'", "ms", id="share for a duration"),
        pytest.param("server_rss > 2Gb", 14, "has the unit 'Gb'", "ambiguous", id="bits or bytes"),
        pytest.param("bandwidth_in > 5MB", 16, "has the unit 'MB'", "MB/s", id="size for a rate"),
        pytest.param("rate:ack < 1MB/s", 12, "has the unit", "rate:ack:echo", id="bandwidth for a rate"),
        pytest.param("lost > 3ms", 8, "has the unit 'ms'", "lost > 0.1%", id="duration for a count"),
        pytest.param("lost > -1", 8, "negative", "lost > 0.1%", id="negative"),
        pytest.param("lost < 0", 6, "never true: lost is 0 at least", "lost > 0", id="never true"),
        pytest.param(
            "p99:ack < 0ms", 9, "never true: p99 is 0 at least", "200ms", id="a time that is never true"
        ),
        pytest.param("server_cpu < 0%", 12, "never true", "80%", id="a share that is never true"),
        pytest.param(
            f"lost[stage={'9' * 5000}] > 0", 5, "they count from 1", "stage=3", id="a stage no run has"
        ),
        pytest.param("server_cpu > 0.8", 14, "neither a share nor cores", "80%", id="ambiguous cpu"),
    ],
)
def test_a_bad_expression_says_what_where_and_how_to_write_it(text, character, problem, hint):
    with pytest.raises(GateError) as caught:
        parse(text)
    assert f"gate {text!r}, character {character}: " in caught.value.message
    assert problem in caught.value.message
    assert hint in caught.value.hint
    assert "write it like" in caught.value.hint


@given(st.text(max_size=40))
def test_any_text_is_a_gate_or_a_gate_error(text):
    try:
        gate = parse(text)
    except GateError:
        return
    assert gate.limit >= 0


@given(
    st.sampled_from(["p50", "p99.9", "max", "mean"]),
    st.sampled_from(["ack", "deliver"]),
    st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1, max_size=12),
    st.sampled_from([">", ">=", "<", "<="]),
    st.integers(1, 10**6),
)
def test_what_was_written_is_what_is_read(metric, op, name, comparison, limit):
    gate = parse(f"{metric}:{op}:{name} {comparison} {limit}ms")
    assert (gate.metric, gate.op, gate.name, gate.comparison) == (metric, op, name, comparison)
    assert gate.limit == pytest.approx(limit / 1000)


@pytest.fixture
def report(make_run):
    """100 users, one echo each second at 2 ms with the 5th of the last second failing; 40 % CPU."""

    def change(interval):
        if interval.t_s != 30:
            return interval
        ack = msgspec.structs.replace(interval.operations[0], errors={"timeout": 5})
        delivery = Delivery(published=10, expected=1000, received=998, lost=2, duplicate=1, misdelivered=3)
        return msgspec.structs.replace(interval, operations=[ack], delivery=delivery)

    return summarize([make_run(change=change)], Planned())


@pytest.mark.parametrize(
    ("text", "measured", "failed"),
    [
        pytest.param("p99:ack:echo > 200ms", 0.002, False, id="a percentile below its limit passes"),
        pytest.param("p99:ack:echo > 1ms", 0.002, True, id="above it fails"),
        pytest.param("p50:ack < 1s", 0.002, True, id="a lower limit works the other way"),
        pytest.param("lost > 0", 2, True, id="losses counted"),
        pytest.param("lost > 2", 2, False, id="greater is not equal"),
        pytest.param("lost >= 2", 2, True, id="greater or equal"),
        pytest.param("lost > 0.1%", 0.002, True, id="losses as a share of expected"),
        pytest.param("duplicate > 1", 1, False, id="duplicates"),
        pytest.param("reordered > 0", 0, False, id="none reordered is a measurement"),
        pytest.param("misdelivered > 0", 3, True, id="what came to the wrong users"),
        pytest.param("connect_errors > 0", 0, False, id="no connect error"),
        pytest.param("errors:ack:echo > 4", 5, True, id="errors counted"),
        pytest.param("errors:ack > 1%", 5 / 2555, False, id="errors as a share of tries"),
        pytest.param("rate:ack:echo < 100/s", 100, False, id="rate over the hold phase"),
        pytest.param("rate:connect > 3/s", 100 / 30, True, id="connect rate over the run"),
        pytest.param("server_cpu > 39%", 0.4, True, id="server share"),
        pytest.param("server_cpu > 0.41 cores", 0.4, False, id="server cores"),
        pytest.param("server_rss > 51MB", 52e6, True, id="server memory"),
        pytest.param("bandwidth_in > 99kB/s", 100_000, True, id="bandwidth in"),
        pytest.param("bandwidth_out < 100kB/s", 100_000, False, id="bandwidth out"),
        pytest.param("connections < 100", 100, False, id="peak of connections"),
    ],
)
def test_a_verdict_holds_the_measured_value(report, text, measured, failed):
    verdict = judge(parse(text), report)
    assert verdict.value == pytest.approx(measured, rel=0.011)
    assert verdict.failed is failed
    assert verdict.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("p99:deliver > 1s", "no deliver in this run; it has connect:websocket", id="op absent"),
        pytest.param("p99:ack:eho > 1s", "no ack:eho in this run; it has ack:echo", id="name absent"),
        pytest.param("rate:deliver > 1/s", "no deliver in this run", id="rate of an absent operation"),
        pytest.param("lost > 0", "no stamped broadcast", id="nothing delivered"),
        pytest.param("server_cpu > 80%", "not sampled", id="server CPU without a server"),
        pytest.param("server_rss > 1GB", "not sampled", id="server memory without a server"),
    ],
)
def test_what_was_not_measured_fails_and_says_why(make_run, text, reason):
    """A gate that passes because nobody looked is worse than none."""
    verdict = judge(parse(text), summarize([make_run(server=None)], Planned()))
    assert (verdict.failed, verdict.value) == (True, None)
    assert verdict.reason.startswith("not measured: ")
    assert reason in verdict.reason


def test_an_operation_that_only_failed_has_no_percentile_and_fails_its_gate(make_run):
    def change(interval):
        failing = Operation(op="ack", name="echo", errors={"timeout": 4})
        return msgspec.structs.replace(interval, operations=[failing])

    verdict = judge(parse("p99:ack:echo > 1h"), summarize([make_run(change=change)], Planned()))
    assert (verdict.failed, verdict.value) == (True, None)
    assert "none of 120 succeeded" in verdict.reason


def test_without_a_name_all_names_of_the_operation_count(make_run):
    def change(interval):
        echo = interval.operations[-1]
        slow = make_run(latency_s=0.5).intervals[int(interval.t_s) - 1].operations[-1]
        join = msgspec.structs.replace(slow, name="join")
        return msgspec.structs.replace(interval, operations=[echo, join])

    report = summarize([make_run(change=change)], Planned())
    assert judge(parse("p99:ack:echo > 100ms"), report).failed is False
    assert judge(parse("p99:ack > 100ms"), report).failed is True
    assert judge(parse("p50:ack > 100ms"), report).failed is False
    assert judge(parse("rate:ack > 199/s"), report).value == pytest.approx(200)


def test_the_examples_of_the_manual_are_gates():
    manual = (Path(__file__).parents[2] / "docs/gates.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\|.*\| `([^`]+[<>][^`]+)` \|$", manual, re.M)
    metrics = {parse(cell).metric for cell in cells}
    read = {parse(text).metric for text, _ in READ} - {"p50", "p95", "p99.9", "max", "mean"}
    assert metrics == read | {"reordered"}


def test_no_example_judges_calls_of_a_scenario_that_makes_none():
    """Trap: the Action in docs/ci.md judged calls of the chat, which makes none: every pipeline failed."""
    root = Path(__file__).parents[2]
    for paper in [root / "README.md", *(root / "docs").glob("*.md")]:
        examples = re.findall(r"--scenario (?:chat|idle)\b(?:.(?!\n\n))*", paper.read_text("utf-8"), re.S)
        for example in examples:
            command = example.partition("```")[0].partition("siotool ")[0]
            assert ":ack" not in command, f"{paper.name}: {command}"


def test_a_header_only_run_fails_every_gate(make_run):
    run = make_run(ended=False)
    run.intervals.clear()
    report = summarize([run], Planned())
    counted = {"exceptions", "never_succeeded"}  # none of them is what they say
    assert all(judge(parse(text), report).failed for text, read in READ if read[0] not in counted)


@pytest.mark.parametrize(
    ("text", "given_up", "outcome"),
    [
        pytest.param("p99:ack > 1s", 100, "failed", id="the percentile is among what nobody answered"),
        pytest.param("p50:ack > 1s", 100, "passed", id="it is among what was answered"),
        pytest.param("p99:ack > 1s", 0, "passed", id="everything was answered"),
        pytest.param("max:ack > 1s", 1, "failed", id="the longest is one that nobody answered"),
        pytest.param("p99:ack > 200ms", 100, "failed", id="the timeout alone is too long"),
        pytest.param("p99:ack < 200ms", 100, "passed", id="a lower limit is kept by what was waited for"),
    ],
)
def test_a_percentile_that_nobody_answered_passes_no_gate_beyond_the_timeout(
    make_run, sparse, text, given_up, outcome
):
    """With --ack-timeout 300ms no p99 could ever exceed a second."""

    def change(interval):
        (*others, ack) = interval.operations
        if interval.t_s != 20:
            return interval
        late = msgspec.structs.replace(
            ack, errors={"timeout": given_up} if given_up else {}, given_up=sparse(np.full(given_up, 0.3))
        )
        return msgspec.structs.replace(interval, operations=[*others, late])

    verdict = judge(parse(text), summarize([make_run(change=change)], Planned()))
    assert verdict.outcome == outcome
    if outcome == "failed":
        assert verdict.reason.endswith("; at least, as no answer came")


def test_the_paper_on_gates_names_every_operation():
    paper = (Path(__file__).parents[2] / "docs/gates.md").read_text(encoding="utf-8")
    (line,) = [line for line in paper.splitlines() if line.startswith("- `PERCENTILE` is")]
    said = line.partition("`OP` is ")[2].partition("(checks")[0]
    assert set(re.findall("`([a-z]+)`", said)) == set(OPS)
