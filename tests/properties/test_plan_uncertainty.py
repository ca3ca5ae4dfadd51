"""What holds for any range, any plan and any number of draws."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from siotool.errors import InputError, UnitError
from siotool.plan.inputs.distributions import UNBOUNDED, fit
from siotool.plan.inputs.ranges import Range, Replicates, parse_figure
from siotool.plan.numbers import Number, divide, maximum, whole
from siotool.plan.uncertainty.draws import prepare
from siotool.plan.uncertainty.outcomes import binding, quantiles, suffices, summary
from siotool.plan.uncertainty.sensitivity import guess_share, measurements, sobol, tornado
from siotool.units import parse_byte_rate, parse_count, parse_share

Bounds = tuple[float, float]
POSITIVE = (0.0, math.inf)


MARKS = 1_000_000


@st.composite
def ranges(draw: st.DrawFn, least: float, most: float) -> Range:
    """A range within two bounds, on a fine even scale: logarithmic for positive bounds."""
    marks = sorted(draw(st.lists(st.integers(0, MARKS), min_size=3, max_size=3, unique=True)))
    ratio = most / least if least > 0 else 0.0
    low, likely, high = (
        min(most, least * ratio ** (m / MARKS)) if ratio else least + (most - least) * m / MARKS
        for m in marks
    )
    return Range(low, draw(st.sampled_from([likely, None, low, high])), high)


bounded = st.one_of(
    st.tuples(ranges(1e-6, 1e5), st.sampled_from([POSITIVE, UNBOUNDED])),
    st.tuples(ranges(1.0, 1e6), st.just((1.0, math.inf))),
    st.tuples(ranges(0.0, 1.0) | ranges(0.01, 0.999), st.just((0.0, 1.0))),
    st.tuples(ranges(-1e6, 1e6), st.just(UNBOUNDED)),
    st.tuples(ranges(-0.99, 10.0), st.just((-1.0, math.inf))),
)
shares = st.floats(1e-9, 1 - 1e-9)
counts = st.integers(1, 300)
seeds = st.integers(0, 2**63)
servers_drawn = st.lists(st.floats(0, 1e9) | st.just(math.inf), min_size=1, max_size=50).map(np.array)


@given(bounded)
def test_a_fit_has_the_quantiles_that_were_stated(case: tuple[Range, Bounds]) -> None:
    stated, bounds = case
    law = fit(stated, bounds)
    low, median, high = (law.at(share) for share in (0.05, 0.5, 0.95))
    width = stated.high - stated.low
    assert low == pytest.approx(stated.low, rel=1e-6, abs=1e-6 * width)
    assert high == pytest.approx(stated.high, rel=1e-6, abs=1e-6 * width)
    assert low <= median <= high


@given(bounded, shares, shares)
def test_values_stay_within_bounds_and_in_order(case: tuple[Range, Bounds], one: float, other: float) -> None:
    stated, bounds = case
    low, high = fit(stated, bounds).quantile(np.array(sorted((one, other))))
    assert bounds[0] <= low
    assert low <= high * (1 + 1e-12) + 1e-12 if high >= 0 else low <= high * (1 - 1e-12) + 1e-12
    assert high <= bounds[1]
    assert math.isfinite(low)
    assert math.isfinite(high)


@given(ranges(1e-3, 1e5), st.floats(1e-6, 1e9), shares)
def test_other_units_change_nothing(stated: Range, factor: float, share: float) -> None:
    likely = None if stated.likely is None else stated.likely * factor
    scaled = Range(stated.low * factor, likely, stated.high * factor)
    if likely is not None:  # rounding may put the mode a hair beyond its end
        assume(scaled.low <= likely <= scaled.high)
    assert fit(scaled, POSITIVE).at(share) == pytest.approx(
        factor * fit(stated, POSITIVE).at(share), rel=1e-6
    )


@given(bounded, seeds, st.integers(20, 3_000))
def test_more_draws_do_not_move_the_quantiles(case: tuple[Range, Bounds], seed: int, count: int) -> None:
    stated, bounds = case
    uncertain = prepare({"x": stated}, {"x": bounds}, seed)
    values = np.sort(uncertain.draw(count)["x"])
    # one draw in each n-th part: the sample quantile is at most one part away
    for share in (0.05, 0.5, 0.95):
        at = share * count
        low, high = uncertain.quantiles(
            "x", [max(1e-12, (math.floor(at) - 1) / count), min(1 - 1e-12, (math.ceil(at) + 1) / count)]
        )
        assert low <= values[min(count - 1, math.floor(at))] <= high


@settings(max_examples=40)
@given(st.dictionaries(st.text(min_size=1, max_size=8), bounded, min_size=1, max_size=5), counts, seeds)
def test_draws_repeat_whatever_else_is_drawn(
    inputs: dict[str, tuple[Range, Bounds]], count: int, seed: int
) -> None:
    figures = {name: stated for name, (stated, _) in inputs.items()}
    bounds = {name: within for name, (_, within) in inputs.items()}
    values = prepare(figures, bounds, seed).draw(count)
    assert set(values) == set(figures)
    for name, stated in figures.items():
        alone = prepare({name: stated, "another": 3.0}, bounds, seed).draw(count)
        assert np.array_equal(alone[name], values[name]) or name == "another"
        assert np.all((bounds[name][0] <= values[name]) & (values[name] <= bounds[name][1]))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40).map(tuple), counts, seeds)
def test_scatter_is_drawn_from_its_replicates(values: tuple[float, ...], count: int, seed: int) -> None:
    drawn = prepare({"x": Replicates(values), "y": Replicates(values, "fit")}, {}, seed).draw(count)
    assert set(drawn["x"]) | set(drawn["y"]) <= set(values)
    most = math.ceil(count / len(values)) + 1
    for value, times in zip(*np.unique(drawn["x"], return_counts=True), strict=True):
        assert times <= most * values.count(value) + 1


@given(servers_drawn)
def test_the_answer_is_in_order_and_suffices(servers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    said = summary(servers)
    assert said.p50 <= said.p90 <= said.p95
    assert 0 <= said.infeasible <= 1
    assert (said.p95 == math.inf) == (said.infeasible > 0.05 + 1e-9)
    for share, fleet in ((0.5, said.p50), (0.9, said.p90), (0.95, said.p95)):
        assert suffices(servers, fleet) >= share - 1e-9
    assert quantiles(servers, 0.0, 1.0) == [servers.min(), servers.max()]


@given(st.lists(servers_drawn.map(lambda drawn: np.resize(drawn, 10)), min_size=1, max_size=5))
def test_some_constraint_always_binds(needed: list[Number]) -> None:
    chances = binding([str(i) for i in range(len(needed))], needed)
    assert sum(chances.values()) == pytest.approx(1)
    assert all(0 <= chance <= 1 for chance in chances.values())


@settings(max_examples=40)
@given(ranges(1e3, 1e6), ranges(1e-2, 1e2), ranges(1.0, 1e9), ranges(0.0, 1.0), seeds)
def test_a_whole_plan_says_numbers_only(
    connections: Range, rate: Range, capacity: Range, loss: Range, seed: int
) -> None:
    figures = {"connections": connections, "rate": rate, "capacity": capacity, "loss": loss, "known": 10.0}
    uncertain = prepare(figures, {"loss": (0.0, 1.0), "capacity": POSITIVE}, seed)

    def servers(v: Mapping[str, Number]) -> Number:
        per_server = v["capacity"] * (1 - v["loss"])
        return whole(maximum(divide(v["connections"] * v["rate"], per_server), v["known"]))

    values = uncertain.draw(200)
    needed = servers(values)
    said = summary(needed)
    assert said == summary(servers(uncertain.draw(200)))
    assert 10 <= said.p50 <= said.p90 <= said.p95
    swings = tornado(servers, uncertain)
    assert [s.swing for s in swings] == sorted((s.swing for s in swings), reverse=True)
    assert not any(math.isnan(s.swing) for s in swings)
    for index in sobol(servers, uncertain, 32):
        assert 0 <= index.first <= 1
        assert 0 <= index.total <= 1
    assert 0 <= guess_share(servers, uncertain, ["rate", "loss"], 64) <= 1
    for one in measurements(values, needed, figures):
        assert math.isfinite(one.shrink_servers)
        assert 0 <= one.settles <= 1
        assert "nan" not in one.sentence


figures_text = st.one_of(
    st.text(alphabet="0123456789.-+e_%kMBbit/s …–to ", max_size=24),
    st.lists(st.sampled_from(["1", "80", "0.5", "-3", "1e3", "80MB/s", "5%", "", "x"]), max_size=4).map(
        "..".join
    ),
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
)


@given(figures_text, st.sampled_from([parse_count, parse_byte_rate, parse_share]))
def test_any_figure_is_read_or_refused_by_name(text: object, parse: object) -> None:
    try:
        figure = parse_figure(text, parse, "server.capacity")  # type: ignore[arg-type]
    except UnitError as refused:
        assert refused.message.startswith("server.capacity")
        assert isinstance(refused, InputError)
    else:
        assert isinstance(figure, Range) or math.isfinite(figure)
