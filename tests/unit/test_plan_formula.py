import pytest

from siotool.plan.documents import plan_words as words
from siotool.plan.documents.formula_section import counts, formula
from siotool.plan.inputs import compose
from siotool.plan.sizing import sizing


def plan(downtime="0.5h", target="99.9%", connections="1M", **more):
    figures = {
        "workload.connections": connections,
        "workload.consumption_rate": "2KB/s",
        "goals.downtime": downtime,
        "server.capacity": "100MB/s",
        "goals.availability": target,
    } | {key.replace("__", "."): value for key, value in more.items()}
    flags = {key: (key, text) for key, text in figures.items()}
    return sizing.size(compose.complete(compose.from_flags(flags)))


def variables(made):
    table, _, *_ = formula(made).blocks
    return [row.cells for row in table.rows]


def test_each_variable_as_a_person_writes_it_in_si_and_where_it_comes_from():
    assert [(name, written, value, origin) for name, written, value, _, origin in variables(plan())] == [
        ("connections", "1,000,000", "1,000,000", "typed"),
        ("consumption rate", "2 kB/s", "2,000", "typed"),
        ("downtime", "30 min", "1,800", "typed"),
        ("workday", "24 h", "86,400", "default"),
        ("capacity", "100 MB/s", "100,000,000", "typed"),
        ("utilization", "70 %", "0.7", "default"),
    ]


def test_a_range_is_written_as_its_central_90_percent():
    (capacity,) = (
        cells for cells in variables(plan(server__capacity="80MB/s..120MB/s")) if cells[0] == "capacity"
    )
    assert capacity[1:3] == ["80 MB/s to 120 MB/s", "97,979,589.711327"]


def test_connections_at_the_peak_are_said_to_be():
    connections, *_ = variables(plan(workload__peak_factor="2"))
    assert connections == ["connections", "1,000,000", "2,000,000", "sessions", "typed, at the peak"]


def test_the_formula_in_one_line():
    assert words.one_line(plan()) == (
        "1,000,000 × 2 kB/s × (1 − 30 min / 24 h) / (100 MB/s × 70 %) = 27.976…"
    )


def test_the_substituted_equation():
    _, equation, scope = formula(plan()).blocks
    assert equation.quotients[1] == ("1,000,000 × 2,000 × (1 − 1,800 / 86,400)", "100,000,000 × 0.7")
    assert equation.result == "27.976190… → 28 servers"
    assert scope.text.startswith("Bandwidth is the only limit here.")


@pytest.mark.parametrize(
    ("connections", "downtime", "digits", "text"),
    [
        pytest.param("1M", "0.5h", 3, "27.976…", id="cut, not rounded"),
        pytest.param("1M", "0.5h", 6, "27.976190…", id="more digits"),
        pytest.param("980k", "0s", 6, "28", id="a whole number has no point"),
        pytest.param("43750", "0s", 6, "1.25", id="what is not cut has no dots"),
        pytest.param("980000.001", "0s", 3, "28.000…", id="an excess stays visible"),
        pytest.param("50", "0s", 3, "0.00143", id="little demand keeps its digits"),
        pytest.param("1", "0s", 3, "2.86e-05", id="one session is not 0.000…"),
    ],
)
def test_the_quotient(connections, downtime, digits, text):
    assert words.quotient(plan(downtime, connections=connections), digits) == text


def test_the_least_demand_is_still_a_number():
    least = plan("0s", connections="1", workload__consumption_rate="1e-9B/s")
    assert words.quotient(least, 6) == "1.42857e-17"  # it was "0."
    assert counts(least).blocks[0].rows[1].cells[1] == "1.43e-17"


def test_three_counts_and_what_they_mean():
    table, _ = counts(plan()).blocks
    assert [row.cells for row in table.rows] == [
        ["the formula", "27.976…", "28", "downtime taken off the demand"],
        ["demand / availability", "29.179", "30", "enough on average"],
        ["corrected", "", "33", "29 of 33 up 99.9 % of the time"],
    ]


@pytest.mark.parametrize(
    ("result", "start"),
    [
        pytest.param(plan(), "They differ because", id="counts that differ"),
        pytest.param(plan(downtime="0s"), "Without downtime", id="no downtime"),
        pytest.param(plan(connections="1", target="50%"), "They agree here, but", id="counts that agree"),
    ],
)
def test_says_in_one_sentence_why_the_counts_differ(result, start):
    sentence = counts(result).blocks[1].text
    assert sentence.startswith(start)
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e6, "1,000,000"),
        (2, "2"),
        (0.7, "0.7"),
        (12345.678901234, "12,345.678901"),
        (1e-9, "1e-09"),
        (1e20, "1e+20"),
    ],
)
def test_numbers(value, text):
    assert words.number(value) == text


def test_says_what_a_constraint_rests_on():
    (bandwidth,) = plan().constraints
    assert bandwidth.provenance == "typed: connections, consumption rate, capacity; default: utilization"
