import pytest

from siotool.formula import Figures
from siotool.plan import terms
from siotool.plan.sizing import size

TYPED = terms.Typed("1M", "2KB/s", "0.5h", None, "100MB/s", None)


def plan(downtime_s=1_800.0, target=0.999, connections=1_000_000.0):
    return size(Figures(connections, 2_000, downtime_s, 86_400, 100e6, 0.7), target, "typed")


def test_each_variable_as_typed_and_in_si():
    assert [(t.variable, t.typed, t.value) for t in terms.terms(plan(), TYPED)] == [
        ("connections", "1M", "1,000,000"),
        ("consumption rate", "2KB/s", "2,000"),
        ("downtime", "0.5h", "1,800"),
        ("workday", "(default)", "86,400"),
        ("capacity", "100MB/s", "100,000,000"),
        ("utilization", "(default)", "0.7"),
    ]


def test_the_substituted_equation():
    assert terms.substituted(plan()) == terms.Equation(
        "1,000,000 × 2,000 × (1 − 1,800 / 86,400)", "100,000,000 × 0.7"
    )


@pytest.mark.parametrize(
    ("connections", "downtime_s", "digits", "text"),
    [
        pytest.param(1e6, 1_800, 3, "27.976…", id="cut, not rounded"),
        pytest.param(1e6, 1_800, 6, "27.976190…", id="more digits"),
        pytest.param(980_000, 0, 6, "28", id="a whole number has no point"),
        pytest.param(43_750, 0, 6, "1.25", id="what is not cut has no dots"),
        pytest.param(980_000.001, 0, 3, "28.000…", id="an excess stays visible"),
    ],
)
def test_the_quotient(connections, downtime_s, digits, text):
    assert terms.quotient(plan(downtime_s, connections=connections), digits) == text


def test_three_counts_and_what_they_mean():
    assert [(c.name, c.exact, c.servers) for c in terms.counts(plan())] == [
        ("the formula", "27.976…", 28),
        ("demand / availability", "29.179", 30),
        ("corrected", "", 33),
    ]


@pytest.mark.parametrize(
    ("result", "start"),
    [
        pytest.param(plan(), "They differ because", id="counts that differ"),
        pytest.param(plan(downtime_s=0.0), "Without downtime", id="no downtime"),
        pytest.param(plan(connections=1.0, target=0.5), "They agree here, but", id="counts that agree"),
    ],
)
def test_says_in_one_sentence_why_the_counts_differ(result, start):
    sentence = terms.difference(result)
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
    assert terms.number(value) == text


def test_says_what_was_typed_and_what_is_a_default():
    assert terms.provenance(TYPED) == (
        "typed: connections, consumption rate, downtime, capacity; default: workday, utilization"
    )
    assert terms.provenance(terms.Typed("1", "2B/s", "0", "8h", "1B/s", "1")).count("default") == 0
