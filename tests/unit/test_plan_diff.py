import itertools
import math
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.diff.diff import MOST_EXACT, MOST_SHARED
from siotool.plan.diff.diff import diff as diff_of


def servers(inputs):
    """A small plan: the larger of two constraints, and a spare where the plan has one."""
    bandwidth = math.ceil(inputs["connections"] * inputs["rate"] / inputs["capacity"])
    memory = math.ceil(inputs["connections"] / inputs["per_server"])
    return max(bandwidth, memory) + inputs.get("spares", 0)


def plain(_, value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def diff(before, after, evaluate, seed=0, show=plain):
    return diff_of(before, after, evaluate, names=("a", "b"), seed=seed, show=show)


PLAN = {"connections": 1000.0, "rate": 2.0, "capacity": 200.0, "per_server": 50.0, "name": "a"}


def shares(result):
    return {row.key: row.share for row in result.moved}


def alone(result):
    return {row.key: row.alone for row in result.moved}


def test_one_input_takes_the_whole_change():
    result = diff(PLAN, PLAN | {"per_server": 40.0}, servers)
    assert (result.servers_before, result.servers_after, result.change) == (20, 25, 5)
    assert (result.method, shares(result), alone(result)) == ("exact", {"per_server": 5}, {"per_server": 5})
    assert result.sentences == ["From 20 to 25 servers (+5).", "per_server: 50 → 40 adds 5."]


def test_an_input_hidden_by_the_binding_constraint_still_gets_its_share():
    # bandwidth needs 10, memory 20: the rate alone moves nothing, and yet decides once memory does not bind
    after = PLAN | {"rate": 8.0, "per_server": 100.0}
    result = diff(PLAN, after, servers)
    assert alone(result) == {"rate": 20, "per_server": -10}  # 40 servers by bandwidth; 10 by either
    # rate first: +20, then per_server 0; per_server first: −10, then rate +30
    assert shares(result) == {"rate": 25, "per_server": -5}
    assert result.sentences == [
        "From 20 to 40 servers (+20).",
        "rate: 2 → 8 adds 25 (alone, +20).",
        "per_server: 50 → 100 saves 5 (alone, −10).",
    ]


def test_shapley_values_by_their_definition():
    after = {
        "connections": 1500.0,
        "rate": 3.0,
        "capacity": 90.0,
        "per_server": 40.0,
        "name": "b",
        "spares": 2,
    }
    result = diff(PLAN, after, servers)
    keys = [key for key in after if PLAN.get(key) != after[key]]
    total = dict.fromkeys(keys, Fraction(0))
    for order in itertools.permutations(keys):
        mixture = dict(PLAN)
        for key in order:
            reached = servers(mixture)
            mixture[key] = after[key]
            total[key] += servers(mixture) - reached
    expected = {key: float(value / math.factorial(len(keys))) for key, value in total.items()}
    assert shares(result) == pytest.approx(expected, abs=2e-6)
    assert shares(result)["name"] == 0
    assert "name: a → b changes nothing." in result.sentences


def test_an_input_only_one_plan_has():
    result = diff(PLAN | {"old": 1.0}, PLAN | {"spares": 2}, servers)
    by_key = {row.key: row for row in result.moved}
    assert (by_key["spares"].before, by_key["spares"].after, by_key["spares"].share) == (None, "2", 2)
    assert (by_key["old"].before, by_key["old"].after, by_key["old"].share) == ("1", None, 0)
    assert result.sentences[1:] == [
        "spares: 2, which only the second plan has, adds 2.",
        "old: 1, which only the first plan has, changes nothing.",
    ]


def test_the_evaluation_sees_no_key_that_is_not_there():
    seen = []

    def look(inputs):
        seen.append(tuple(sorted(inputs)))
        return 1.0

    diff({"a": 1, "b": 1}, {"b": 1, "c": 1}, look)
    assert set(seen) == {("a", "b"), ("a", "b", "c"), ("b",), ("b", "c")}
    assert len(seen) == 4  # each mixture once


def test_plans_that_are_the_same():
    result = diff(PLAN, dict(PLAN), servers)
    assert (result.moved, result.change) == ([], 0)
    assert result.sentences == ["The plans have the same inputs and need 20 servers."]


def test_changes_that_cancel_out():
    result = diff(PLAN, PLAN | {"connections": 2000.0, "per_server": 100.0, "capacity": 400.0}, servers)
    assert result.sentences[0] == "Both plans need 20 servers."
    assert math.fsum(shares(result).values()) == 0
    assert shares(result)["connections"] > 0


plans = st.fixed_dictionaries(
    {
        "connections": st.integers(0, 10**6).map(float),
        "rate": st.floats(0.1, 10),
        "capacity": st.floats(10, 1e4),
        "per_server": st.floats(1, 1e3),
    },
    optional={"spares": st.integers(0, 5)} | {f"extra{n}": st.integers(0, 2) for n in range(5)},
)


def busy(inputs):
    """Servers that every extra input has a part in."""
    return servers(inputs) + math.prod(1 + inputs.get(f"extra{n}", 0) for n in range(5))


@settings(max_examples=40)
@given(plans, plans, st.integers(0, 3))
def test_shares_sum_to_the_change_exactly(before, after, seed):
    result = diff(before, after, busy, seed=seed)
    assert result.change == busy(after) - busy(before)
    assert math.fsum(shares(result).values()) == result.change
    assert sum(shares(result).values()) == result.change  # in any order: all are on one grid
    assert result.method == ("exact" if len(result.moved) <= MOST_EXACT else "sampled")
    assert result == diff(before, after, busy, seed=seed)
    assert msgspec.json.decode(msgspec.json.encode(result), type=type(result)) == result


def sums(inputs):
    return float(sum(inputs.values()))


@pytest.mark.parametrize("count", [MOST_EXACT, MOST_EXACT + 1, MOST_SHARED])
def test_inputs_that_just_add_up_share_what_they_do_alone(count):
    before, after = {f"k{n}": 0 for n in range(count)}, {f"k{n}": n + 1 for n in range(count)}
    result = diff(before, after, sums)
    assert shares(result) == alone(result) == {f"k{n}": n + 1 for n in range(count)}
    assert [row.key for row in result.moved] == [f"k{n}" for n in reversed(range(count))]


def test_sampled_shares_come_close_to_the_exact_ones():
    before = {f"k{n}": 1.0 for n in range(MOST_EXACT + 1)}
    after = {f"k{n}": 1.0 + n / 4 for n in range(MOST_EXACT + 1)}
    keys = [key for key in after if after[key] != before[key]]
    after["quiet"] = 1.0  # one more changed input, so that shares are drawn; it moves nothing

    def product(inputs):
        return 100 * math.prod(inputs[key] for key in keys)

    drawn, exact = diff(before, after, product), diff(before, {k: after[k] for k in before}, product)
    assert (drawn.method, exact.method) == ("sampled", "exact")
    for key in keys:
        assert shares(drawn)[key] == pytest.approx(shares(exact)[key], rel=0.1)
    assert "Shares are averages over 64 orders of change." in drawn.sentences
    assert shares(diff(before, after, product, seed=1)) != shares(drawn)


def test_too_many_inputs_to_share_out_are_tried_alone():
    before = {f"k{n}": 0 for n in range(MOST_SHARED + 1)}
    result = diff(before, dict.fromkeys(before, 1), sums)
    assert (result.method, result.change) == ("none", 11)
    assert set(alone(result).values()) == {1}
    assert set(shares(result).values()) == {None}
    assert result.sentences[1] == "k0: 0 → 1, alone adds 1."
    assert result.sentences[-1].startswith("More than 10 inputs differ")


def test_as_many_inputs_as_are_shared_out_but_with_an_infeasible_mixture():
    before = {f"k{n}": 0 for n in range(MOST_SHARED)}
    result = diff(before, dict.fromkeys(before, 1), lambda inputs: math.inf if sums(inputs) == 5 else 1.0)
    assert (result.method, result.change) == ("none", 0)
    assert result.sentences[-1].startswith("Some mixtures of the two plans are infeasible")


def infeasible(*wrong):
    def evaluate(inputs):
        if (inputs["a"], inputs["b"]) in wrong:
            raise InputError("no number of servers is enough")
        return inputs["a"] + 10 * inputs["b"]

    return evaluate


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(
            [(2, 1)],
            [
                "From 11 to 22 servers (+11).",
                "b: 1 → 2, alone adds 10.",
                "a: 1 → 2, alone makes the first plan infeasible.",
                "Some mixtures of the two plans are infeasible, so the change cannot be divided among them.",
            ],
            id="a mixture",
        ),
        pytest.param(
            [(1, 1)],
            ["The first plan is infeasible; the other needs 22 servers.", "a: 1 → 2.", "b: 1 → 2."],
            id="the first",
        ),
        pytest.param(
            [(2, 2)],
            [
                "The second plan is infeasible; the other needs 11 servers.",
                "b: 1 → 2, alone adds 10.",
                "a: 1 → 2, alone adds 1.",
            ],
            id="the second",
        ),
        pytest.param([(1, 1), (2, 2)], ["Both plans are infeasible.", "a: 1 → 2.", "b: 1 → 2."], id="both"),
    ],
)
def test_infeasible_plans_and_mixtures(wrong, said):
    result = diff({"a": 1, "b": 1}, {"a": 2, "b": 2}, infeasible(*wrong))
    assert result.sentences == said
    assert (result.method, set(shares(result).values())) == ("none", {None})


def test_infinitely_many_servers_are_infeasible():
    result = diff({"a": 1.0}, {"a": 0.0}, lambda inputs: 1 / inputs["a"] if inputs["a"] else math.inf)
    assert (result.servers_before, result.servers_after, result.change) == (1, None, None)


def test_an_error_that_is_a_bug_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        diff({"a": 1.0}, {"a": 0.0}, lambda inputs: 1 / inputs["a"])


def test_values_are_written_as_the_caller_wants():
    result = diff({"a": 1e6}, {"a": 2e6}, lambda _: 1.0, show=lambda key, value: f"{key}={value / 1e6:g}M")
    assert result.sentences == ["Both plans need 1 server.", "a: a=1M → a=2M changes nothing."]
