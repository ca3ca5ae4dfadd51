"""What holds of every fit: units change nothing, order does not matter, and nothing is below 0."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import PCG64, Generator

from siotool.plan.evidence.fit import fit_cpu
from siotool.plan.evidence.observe import Observations, Origin
from siotool.plan.evidence.profile import extrapolation, measure
from siotool.plan.evidence.resample import block_length, run_cv
from siotool.plan.evidence.usl import Law, fit_usl, throughput
from siotool.plan.inputs.provenance import Kind
from siotool.runs.seconds import Floats, Seconds

SECONDS = 24


def table_of(
    origins: tuple[Origin, ...], *, run: Any, held: Any, rising: Any, **columns: Floats
) -> Observations:
    """Made-up seconds, all of them usable."""
    columns["bytes_per_s"] = columns["bytes_in_per_s"] + columns["bytes_out_per_s"]
    columns["connections_begin"] = 2 * columns["connections"] - columns["connections_end"]
    seconds = Seconds(run.astype(np.intp), columns, held, rising)
    return Observations(origins, seconds, seconds)


@st.composite
def observations(draw: st.DrawFn) -> Observations:
    """One to three runs with work of all kinds, and any CPU, memory and files."""
    count = draw(st.integers(1, 3))
    rows = count * SECONDS
    generator = Generator(PCG64(draw(st.integers(0, 2**32))))
    users = [draw(st.integers(10, 2000)) for _ in range(count)]
    rate, fanout = draw(st.floats(0.1, 10)), draw(st.just(0.0) | st.floats(0.1, 50))
    ends = np.concatenate([np.minimum(n, n * np.arange(1, SECONDS + 1) / 6) for n in users])
    begins = np.where(np.arange(rows) % SECONDS == 0, 0.0, np.roll(ends, 1))
    inbound = rate * ends * generator.uniform(0.8, 1.2, rows)
    deliveries = inbound * fanout * generator.uniform(0.5, 1.0, rows)
    return table_of(
        origins=tuple(Origin(f"r{k}", f"r{k}/run.jsonl", "any", {}, n, 1.0) for k, n in enumerate(users)),
        run=np.repeat(np.arange(count), SECONDS),
        t_s=np.tile(np.arange(1.0, SECONDS + 1), count),
        duration_s=generator.uniform(0.9, 1.1, rows),
        connections=(begins + ends) / 2,
        connections_end=ends,
        inbound_per_s=inbound,
        acks_per_s=np.zeros(rows),
        deliveries_per_s=deliveries,
        handshakes_per_s=ends - begins,
        bytes_in_per_s=deliveries * 80,
        bytes_out_per_s=inbound * 60,
        cpu_cores=generator.uniform(0, draw(st.floats(0.01, 4)), rows),
        rss_bytes=generator.uniform(10e6, 200e6, rows),
        files_open=10 + ends,
        server_loop_share=np.full(rows, np.nan),
        held=np.tile(np.arange(SECONDS) > 6, count),
        rising=np.full(rows, True),
    )


def changed(observations: Observations, rows: Any = slice(None), **columns: Floats) -> Observations:
    """Some of the seconds, with some columns replaced."""
    seconds = observations.usable
    kept = {name: column[rows] for name, column in (seconds.columns | columns).items()}
    marks = {"run": seconds.run[rows], "held": seconds.held[rows], "rising": seconds.rising[rows]}
    return table_of(observations.origins, **marks, **kept)


@given(observations(), st.integers(0, 100))
@settings(max_examples=20)
def test_figures_lie_within_their_intervals_and_above_0(table: Observations, seed: int) -> None:
    """Whatever the server did: 0 ≤ low ≤ value ≤ high, and all of it finite."""
    profile = measure(table, seed, draws=40)
    for name, figure in profile.figures.items():
        assert 0 <= figure.low <= figure.value <= figure.high < math.inf, name
        assert len(figure.replicates) == 40
    names = {*profile.figures, *(one.cost for one in (*profile.absorbed, *profile.absent))}
    assert names >= {
        "server.delivery_cost",
        "server.inbound_cost",
        "server.connect_cost",
        "server.idle_cost",
        "server.byte_cost",
    }
    assert not set(profile.figures) & {one.cost for one in (*profile.absorbed, *profile.absent)}


@given(observations(), st.floats(0.01, 100))
@settings(max_examples=12)
def test_a_server_that_costs_more_in_all_costs_more_in_each(table: Observations, factor: float) -> None:
    """CPU times a factor is every cost times that factor: the unit of a core changes nothing."""
    once = fit_cpu(table, Generator(PCG64(1)), draws=20)
    more = fit_cpu(
        changed(table, cpu_cores=factor * table.usable["cpu_cores"]), Generator(PCG64(1)), draws=20
    )
    assert more.names == once.names
    assert more.predicted == pytest.approx(factor * once.predicted, rel=1e-6, abs=1e-9 * factor)


@given(observations(), st.floats(0.5, 20))
@settings(max_examples=12)
def test_extrapolation_is_the_largest_ratio(table: Observations, times: float) -> None:
    """A plan of so many times what was measured is just that far; within it nothing is said."""
    profile = measure(table, 1, draws=5)
    asked = {column: times * seen for column, seen in profile.measured_to.items()}
    found = extrapolation(profile, asked)
    assert found.factor == pytest.approx(times)
    assert bool(found.sentences) == (found.factor > 1 + 1e-9)


laws = st.builds(Law, alpha=st.floats(0.001, 0.3), beta=st.floats(1e-4, 0.05), gamma=st.floats(0.1, 1e6))


@given(laws)
@settings(max_examples=12)
def test_a_law_is_found_again_from_its_points(law: Law) -> None:
    nodes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
    found = fit_usl(nodes, [throughput(law, n) for n in nodes], draws=5).law
    assert (found.alpha, found.beta, found.gamma) == pytest.approx(
        (law.alpha, law.beta, law.gamma), rel=1e-3, abs=1e-5
    )


@given(st.integers(1, 100_000), st.floats(-1, 1))
def test_blocks_are_no_longer_than_a_third(count: int, correlation: float) -> None:
    assert 1 <= block_length(count, correlation) <= max(1, count // 3)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=12), st.integers(1, 4))
def test_scatter_between_runs_never_vanishes(ratios: list[float], kinds: int) -> None:
    """However well few runs agree, some of the prior stays."""
    groups = np.arange(len(ratios)) % kinds
    cv, repeats = run_cv(np.array(ratios), groups)
    assert repeats == len(ratios) - len(np.unique(groups))
    assert cv >= 0.1 * math.sqrt(2 / (2 + repeats)) * 0.999


KINDS: tuple[Kind, ...] = ("measured", "published", "default", "typed")


def _first(table: Observations, count: int) -> Observations:
    first = changed(table, table.usable.run < count)
    return msgspec.structs.replace(first, origins=table.origins[:count])


def _width(table: Observations, load: dict[str, float]) -> tuple[float, float]:
    """The relative width of what a fit says of a load, and the scatter between runs it knows of."""
    fit = fit_cpu(table, Generator(PCG64(1)), draws=200)
    low, high = np.quantile(fit.cores(load), (0.05, 0.95))
    return float((high - low) / fit.cores(load).mean()), fit.run_cv


@given(st.integers(0, 10_000), st.floats(0.0, 0.15), st.floats(0.0, 0.3), st.integers(2, 5))
@settings(max_examples=25)
def test_more_runs_widen_an_interval_by_no_more_than_their_scatter(
    seed: int, noise: float, between: float, count: int
) -> None:
    """Repeats of a run: the interval of its own load grows with the scatter they show, or shrinks."""
    generator = Generator(PCG64(seed))
    ends = np.tile(np.minimum(200, 200 * np.arange(1, SECONDS + 1) / 8), count)
    begins = np.where(np.arange(len(ends)) % SECONDS == 0, 0.0, np.roll(ends, 1))
    run = np.repeat(np.arange(count), SECONDS)
    inbound = 5 * ends
    cost = np.exp(between * generator.normal(size=count))[run]
    cores = (
        (80e-6 * inbound + 1.5e-3 * (ends - begins)) * cost * (1 + noise * generator.normal(size=len(run)))
    )
    table = table_of(
        origins=tuple(Origin(f"r{k}", f"r{k}/run.jsonl", "echo", {}, 200, 1.0) for k in range(count)),
        run=run,
        t_s=np.tile(np.arange(1.0, SECONDS + 1), count),
        duration_s=np.ones(len(run)),
        connections=(begins + ends) / 2,
        connections_end=ends,
        inbound_per_s=inbound,
        acks_per_s=inbound,
        deliveries_per_s=np.zeros(len(run)),
        handshakes_per_s=ends - begins,
        bytes_in_per_s=inbound * 80,
        bytes_out_per_s=inbound * 60,
        cpu_cores=np.maximum(cores, 0.0),
        rss_bytes=50e6 + 30e3 * ends,
        files_open=10 + ends,
        server_loop_share=np.full(len(run), np.nan),
        held=ends == 200,
        rising=np.full(len(run), True),
    )
    load = {"inbound_per_s": 1000.0, "connections": 200.0, "bytes_per_s": 140_000.0}
    one, cv_of_one = _width(_first(table, 1), load)
    all_of_them, cv = _width(table, load)
    assert all_of_them <= 1.15 * one * max(1.0, cv / cv_of_one)
