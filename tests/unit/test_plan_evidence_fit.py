"""Fits of runs whose costs are known: found again, within their own intervals, or refused with a reason."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from siotool.errors import InputError
from siotool.plan.evidence.fit import fit_cpu
from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.observe import Observations, Origin
from siotool.plan.evidence.profile import ServerProfile, extrapolation, measure
from siotool.plan.evidence.regressors import choose, inflation
from siotool.plan.evidence.resample import PRIOR_RUN_CV, block_length, lag1, redrawn_sums, run_cv
from siotool.runs.seconds import Floats, Seconds

#: What the made-up server costs; about what a Node.js server does.
COSTS = {
    "server.delivery_cost": 30e-6,
    "server.inbound_cost": 120e-6,
    "server.connect_cost": 1.5e-3,
    "server.idle_cost": 40e-6,
    "server.byte_cost": 4e-9,
    "server.base_cost": 0.01,
}
MEMORY = (50e6, 300_000.0)
RAMP_S, HOLD_S = 8, 25
#: Enough to see an interval.
DRAWS = 200


class Spec(NamedTuple):
    """A run to make up: users who send ``rate`` messages of ``size`` bytes a second."""

    scenario: str
    users: int
    rate: float = 0.0
    size: int = 64


#: Runs that tell all six costs apart.
APART = (Spec("echo", 200, 5), Spec("chat", 100, 0.5), Spec("chat", 150, 0.5, 2000), Spec("idle", 800))


def table_of(
    origins: tuple[Origin, ...], *, run: Any, held: Any, rising: Any, **columns: Floats
) -> Observations:
    """Made-up seconds, all of them usable."""
    columns["bytes_per_s"] = columns["bytes_in_per_s"] + columns["bytes_out_per_s"]
    columns["connections_begin"] = 2 * columns["connections"] - columns["connections_end"]
    seconds = Seconds(run.astype(np.intp), columns, held, rising)
    return Observations(origins, seconds, seconds)


def changed_to(observations: Observations, rows: Any = slice(None), **columns: Floats) -> Observations:
    """Some of the seconds, with some columns replaced."""
    seconds = observations.usable
    kept = {name: column[rows] for name, column in (seconds.columns | columns).items()}
    marks = {"run": seconds.run[rows], "held": seconds.held[rows], "rising": seconds.rising[rows]}
    return table_of(observations.origins, **marks, **kept)


def made_up(
    *specs: Spec,
    seed: int = 0,
    noise: float = 0.0,
    rho: float = 0.0,
    between: float = 0.0,
    hold_only: bool = False,
) -> Observations:
    """Runs with known costs; multiplicative noise with autocorrelation ``rho``, and scatter between runs."""
    generator = Generator(PCG64(seed))
    parts: list[dict[str, Floats]] = []
    for number, spec in enumerate(specs):
        ends = np.minimum(spec.users, spec.users * np.arange(1, RAMP_S + HOLD_S + 1) / RAMP_S)
        begins = np.concatenate([[0.0], ends[:-1]])
        count = len(ends)
        connections = (begins + ends) / 2
        inbound = connections * spec.rate * (1 + 0.03 * generator.normal(size=count))
        deliveries = inbound * connections * (spec.scenario == "chat")
        part = {
            "run": np.full(count, number),
            "t_s": np.arange(1.0, count + 1),
            "duration_s": np.ones(count),
            "connections": connections,
            "connections_end": ends,
            "inbound_per_s": inbound,
            "acks_per_s": inbound * (spec.scenario == "echo"),
            "deliveries_per_s": deliveries,
            "handshakes_per_s": ends - begins,
            "bytes_in_per_s": (inbound + deliveries) * (spec.size + 20) + 0.4 * connections,
            "bytes_out_per_s": inbound * 40.0,
            "rss_bytes": MEMORY[0] + MEMORY[1] * ends,
            "files_open": 14 + ends,
            "server_loop_share": np.full(count, np.nan),
            "held": np.arange(count) > RAMP_S,
            "rising": np.full(count, True),
        }
        cores = (
            COSTS["server.base_cost"]
            + COSTS["server.idle_cost"] * connections
            + COSTS["server.inbound_cost"] * inbound
            + COSTS["server.delivery_cost"] * deliveries
            + COSTS["server.connect_cost"] * part["handshakes_per_s"]
            + COSTS["server.byte_cost"] * (part["bytes_in_per_s"] + part["bytes_out_per_s"])
        )
        shocks = generator.normal(size=count)
        for index in range(1, count):
            shocks[index] = rho * shocks[index - 1] + np.sqrt(1 - rho**2) * shocks[index]
        part["cpu_cores"] = cores * np.exp(between * generator.normal()) * (1 + noise * shocks)
        parts.append({name: values[RAMP_S + 1 :] for name, values in part.items()} if hold_only else part)
    origins = tuple(
        Origin(
            f"r{number}",
            f"r{number}/run.jsonl",
            spec.scenario,
            {"rate": spec.rate, "size": spec.size},
            spec.users,
            1.0,
        )
        for number, spec in enumerate(specs)
    )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return table_of(origins, **columns)


def test_known_costs_are_found_again() -> None:
    """Without noise every cost comes out to nine digits, and the fit explains everything."""
    fit = fit_cpu(made_up(*APART), Generator(PCG64(1)), draws=50)
    found = dict(zip(fit.names, fit.costs, strict=True))
    assert found == pytest.approx(COSTS, rel=1e-9)
    assert fit.explained == pytest.approx(1.0)
    assert fit.residual_sd_cores < 1e-12
    assert fit.predicted == pytest.approx(fit.observed)


@pytest.mark.parametrize(
    ("specs", "noise", "rho", "between"),
    [
        pytest.param(APART, 0.05, 0.0, 0.05, id="independent noise of 5 %, runs 5 % apart"),
        pytest.param(APART, 0.10, 0.7, 0.05, id="noise of 10 % that lasts for seconds"),
        pytest.param(APART * 2, 0.05, 0.3, 0.08, id="every run twice, runs 8 % apart"),
    ],
)
def test_intervals_hold_what_they_promise(
    specs: tuple[Spec, ...], noise: float, rho: float, between: float
) -> None:
    """Of forty fits, at least 90 % of the 90 % intervals hold the true cost, and no cost falls short."""
    seeds = 40
    hits = dict.fromkeys(COSTS, 0)
    for seed in range(seeds):
        runs = made_up(*specs, seed=seed, noise=noise, rho=rho, between=between)
        fit = fit_cpu(runs, Generator(PCG64(seed)), draws=150)
        low, high = np.quantile(fit.replicates, (0.05, 0.95), axis=1)
        for index, name in enumerate(fit.names):
            hits[name] += bool(low[index] <= COSTS[name] <= high[index])
    assert sum(hits.values()) >= 0.9 * seeds * len(COSTS)
    luck = 2 * np.sqrt(0.9 * 0.1 / seeds)  # what forty fits can tell of one cost
    assert {name: count for name, count in hits.items() if count < (0.9 - luck) * seeds} == {}


def test_costs_are_never_negative() -> None:
    """A server that speeds up while it is idle more: no cost below 0 comes of it."""
    runs = made_up(*APART, noise=0.05)
    odd = changed_to(runs, cpu_cores=np.maximum(0.0, 0.5 - 1e-4 * runs.usable["connections"]))
    fit = fit_cpu(odd, Generator(PCG64(1)), draws=100)
    assert (fit.costs >= 0).all()
    assert (fit.replicates >= 0).all()


def test_one_chat_cannot_tell_its_work_apart() -> None:
    """Connections and bytes rise with deliveries: one cost carries all, and names the runs that part them."""
    profile = measure(made_up(Spec("chat", 200, 0.5), noise=0.02), seed=1, draws=DRAWS)
    assert "server.delivery_cost" in profile.figures
    assert "server.base_cost" not in profile.figures, "one load was held: a ramp is no server at rest"
    assert "server.idle_cost" not in profile.figures
    hidden = {absorbed.cost: absorbed for absorbed in profile.absorbed}
    assert set(hidden) >= {"server.idle_cost", "server.byte_cost"}
    assert "deliver" in hidden["server.byte_cost"].sentence
    assert hidden["server.byte_cost"].sentence == (
        "bytes/s rose and fell with deliveries/s (84.7 B to each): the cost of one delivery includes theirs; "
        "another --set size=… would separate them"
    )
    assert "--scenario idle would separate them" in hidden["server.idle_cost"].sentence


def test_what_no_run_did_has_no_cost() -> None:
    """Echo broadcasts nothing: a delivery's cost is unknown, and the run that would show it is named."""
    profile = measure(made_up(Spec("echo", 200, 5), noise=0.02), seed=1, draws=DRAWS)
    absent = {one.cost: one.sentence for one in profile.absent}
    assert "server.delivery_cost" not in profile.figures
    assert absent["server.delivery_cost"].startswith(
        "no run had deliveries/s to learn from; try --scenario chat"
    )


def test_mixed_work_costs_what_it_costs_together() -> None:
    """Where costs are not told apart, the mixture measured is still predicted right."""
    runs = made_up(Spec("echo", 200, 5), noise=0.01)
    fit = fit_cpu(runs, Generator(PCG64(1)), draws=50)
    held = runs.usable.held
    assert fit.predicted[held].mean() == pytest.approx(fit.observed[held].mean(), rel=0.01)


def late(runs: Observations) -> Observations:
    """The same runs, seen from more than half of their users on."""
    ends = runs.usable["connections_end"]
    return changed_to(runs, ends > 0.6 * ends.max())


def test_a_load_that_never_varied_is_no_evidence() -> None:
    """Its cost was all of the CPU there was, whatever that was spent on."""
    with pytest.raises(InputError, match="the load never varied"):
        measure(made_up(Spec("echo", 200, 5), noise=0.02, hold_only=True), seed=1, draws=DRAWS)


def test_work_that_stood_still_is_absent_while_the_other_is_learnt() -> None:
    """One rate of handshakes over all of a run says nothing of a handshake."""
    runs = made_up(Spec("echo", 200, 5))
    profile = measure(
        changed_to(runs, handshakes_per_s=np.full(len(runs.usable.run), 5.0)), seed=1, draws=DRAWS
    )
    assert "server.connect_cost" not in profile.figures
    assert "server.connect_cost" not in [one.cost for one in profile.absorbed]
    (said,) = [one.sentence for one in profile.absent if one.cost == "server.connect_cost"]
    assert said.startswith("new connections/s stayed between 5 and 5")
    assert profile.figures["server.inbound_cost"].value > 0


def test_cpu_that_fell_as_the_load_rose_is_no_evidence() -> None:
    """R² below 0: the plan took costs from it all the same, in the place of the published ones."""
    runs = late(made_up(Spec("echo", 200, 5)))
    steps = np.where(np.arange(len(runs.usable.run)) % 8 < 4, 0.9, 0.01)
    profile = measure(changed_to(runs, cpu_cores=steps, handshakes_per_s=0 * steps), seed=1, draws=DRAWS)
    assert profile.cpu.explained < 0
    taken = inputs_of(profile, runs, 1)
    assert not [key for key in taken.figures if key.endswith("_cost")]
    assert any("the CPU did not follow the load" in one.sentence for one in profile.absent)


def test_an_echo_says_nothing_of_encoding_a_broadcast() -> None:
    """It was 0 in every plan from an echo."""
    echo = made_up(Spec("echo", 200, 5))
    chat = made_up(Spec("chat", 100, 0.5))
    for runs, known in ((echo, False), (chat, True)):
        figures = inputs_of(measure(runs, seed=1, draws=DRAWS), runs, 1).figures
        assert ("server.encode_cost" in figures) == known


def test_a_server_that_warms_up_during_the_ramp_has_no_base_cost_of_it() -> None:
    """An idle run of 2,000 users was predicted at 49 times its CPU: the ramp's was taken for the server's."""
    runs = made_up(Spec("idle", 800))
    warm = changed_to(runs, cpu_cores=np.where(runs.usable.held, 0.0008, 0.2))
    profile = measure(warm, seed=1, draws=DRAWS)
    assert "server.base_cost" not in profile.figures
    assert profile.figures["server.idle_cost"].value == pytest.approx(0.0008 / 800, rel=0.15)


def test_the_server_at_rest_takes_no_more_than_it_took_in_its_quietest_second() -> None:
    runs = made_up(Spec("idle", 800), Spec("idle", 400))
    odd = changed_to(runs, cpu_cores=0.3 + 0 * runs.usable["connections"])
    odd = changed_to(
        odd, cpu_cores=np.where(np.arange(len(odd.usable.run)) == 3, 0.01, odd.usable["cpu_cores"])
    )
    fit = fit_cpu(odd, Generator(PCG64(1)), draws=20)
    assert dict(zip(fit.names, fit.costs, strict=True)).get("server.base_cost", 0.0) <= 0.01


def test_a_run_without_a_ramp_has_no_base() -> None:
    """Under steady load the server's own load cannot be told from the work's: taken for 0, and said."""
    profile = measure(late(made_up(Spec("echo", 200, 5), noise=0.02)), seed=1, draws=DRAWS)
    assert "server.base_cost" not in profile.figures
    assert any("too few seconds had a light load" in remark for remark in profile.remarks)


@pytest.mark.parametrize(
    ("specs", "between", "repeats", "low", "high"),
    [
        pytest.param([Spec("echo", 200, 5)], 0.0, 0, 0.10, 0.10, id="one run: the prior of 10 %"),
        pytest.param(APART, 0.3, 0, 0.10, 0.10, id="four unlike runs repeat nothing: the prior"),
        pytest.param([Spec("echo", 200, 5)] * 9, 0.0, 8, 0.0, 0.06, id="nine runs that agree: less"),
        pytest.param([Spec("echo", 200, 5)] * 9, 0.4, 8, 0.2, 0.8, id="nine runs far apart: more"),
    ],
)
def test_scatter_between_runs(
    specs: list[Spec], between: float, repeats: int, low: float, high: float
) -> None:
    profile = measure(made_up(*specs, noise=0.01, between=between), seed=1, draws=50)
    assert profile.cpu.repeats == repeats
    assert low <= profile.cpu.run_cv <= high
    said = any("no variance between runs to see, so one of 10 % is assumed" in r for r in profile.remarks)
    assert said == (repeats == 0)


def test_memory_and_files_of_a_connection() -> None:
    """The robust line finds the base and each connection's share, and shrugs off a garbage collection."""
    runs = made_up(Spec("echo", 200, 5))
    rss = runs.usable["rss_bytes"].copy()
    rss[12:16] += 40e6
    profile = measure(changed_to(runs, rss_bytes=rss), seed=1, draws=DRAWS)
    assert profile.figures["server.memory_base"].value == pytest.approx(MEMORY[0], rel=1e-6)
    each = profile.figures["server.memory_per_connection"]
    assert each.value == pytest.approx(MEMORY[1], rel=1e-6)
    assert each.low < MEMORY[1] < each.high
    assert profile.figures["files_base"].value == pytest.approx(14)
    assert profile.figures["files_per_connection"].value == pytest.approx(1)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        pytest.param(
            late(made_up(Spec("echo", 200, 5))),
            "connections were between 125 and 200",
            id="half a ramp",
        ),
        pytest.param(
            changed_to(made_up(Spec("echo", 200, 5)), rss_bytes=np.full(RAMP_S + HOLD_S, 5e7)),
            "it did not rise with the connections",
            id="memory that stood still",
        ),
    ],
)
def test_memory_that_shows_nothing(runs: Observations, said: str) -> None:
    profile = measure(runs, seed=1, draws=DRAWS)
    assert "server.memory_per_connection" not in profile.figures
    assert any(one.cost == "server.memory_per_connection" and said in one.sentence for one in profile.absent)


def test_bandwidth_of_a_connection_is_the_workloads() -> None:
    """One workload has one; of two the mean would be nobody's."""
    runs = made_up(Spec("echo", 200, 5))
    one = measure(runs, seed=1, draws=DRAWS).figures["bytes_in_per_connection_per_s"]
    held = runs.usable.held
    assert one.value == pytest.approx(runs.usable["bytes_in_per_s"][held].mean() / 200)
    assert one.low < one.value < one.high
    assert "bytes_in_per_connection_per_s" not in measure(made_up(*APART), seed=1, draws=DRAWS).figures


@pytest.fixture(scope="module")
def profile() -> ServerProfile:
    """Everything, measured."""
    return measure(made_up(*APART, noise=0.05), seed=1, draws=DRAWS)


def test_draws_keep_together_what_was_fitted_together(profile: ServerProfile) -> None:
    """A draw of all figures is a replicate of all figures: trade-offs between them stay."""
    drawn = profile.draws(5000, Generator(PCG64(3)))
    assert set(drawn) == set(profile.figures)
    first, second = "server.byte_cost", "server.delivery_cost"
    own = np.corrcoef(profile.figures[first].replicates, profile.figures[second].replicates)[0, 1]
    assert own < -0.2
    assert np.corrcoef(drawn[first], drawn[second])[0, 1] == pytest.approx(own, abs=0.1)


def test_a_seed_repeats_exactly(profile: ServerProfile) -> None:
    again = measure(made_up(*APART, noise=0.05), seed=1, draws=DRAWS)
    assert {n: (f.low, f.value, f.high) for n, f in again.figures.items()} == {
        n: (f.low, f.value, f.high) for n, f in profile.figures.items()
    }


def test_every_figure_says_where_it_comes_from(profile: ServerProfile) -> None:
    assert {f.provenance.words() for f in profile.figures.values()} == {"measured (runs r0, r1, r2, r3)"}
    assert all(figure.how and figure.unit for figure in profile.figures.values())


@pytest.mark.parametrize(
    ("times", "factor", "said"),
    [
        pytest.param(0.5, 0.5, "", id="half of what was measured: nothing to say"),
        pytest.param(1.0, 1.0, "", id="just what was measured"),
        pytest.param(3.2, 3.2, "per server, 3.2 times what was measured", id="beyond: said by how much"),
        pytest.param(40.0, 40.0, "per server, 40 times what was measured", id="far beyond"),
    ],
)
def test_a_plan_beyond_the_measured_says_so(
    profile: ServerProfile, times: float, factor: float, said: str
) -> None:
    asked = times * profile.measured_to["deliveries_per_s"]
    found = extrapolation(profile, {"deliveries_per_s": asked, "connections": 10.0})
    assert (found.factor, found.column) == (pytest.approx(factor), "deliveries_per_s")
    assert [said in sentence and "deliveries/s" in sentence for sentence in found.sentences] == [True] * bool(
        said
    )


def test_work_that_no_run_did_is_infinitely_far() -> None:
    echo = measure(made_up(Spec("echo", 200, 5)), seed=1, draws=DRAWS)
    found = extrapolation(echo, {"deliveries_per_s": 1000.0})
    assert found.factor == float("inf")
    assert found.sentences == ("this plan takes 1,000 deliveries/s per server, and no run had any",)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        pytest.param(
            changed_to(made_up(Spec("idle", 0)), bytes_in_per_s=np.zeros(RAMP_S + HOLD_S)),
            "r0/run.jsonl: the server had nothing to do",
            id="no work at all",
        ),
    ],
)
def test_runs_without_work_are_refused(runs: Observations, said: str) -> None:
    with pytest.raises(InputError, match=said):
        measure(runs, seed=1, draws=DRAWS)


def test_too_few_seconds_are_refused() -> None:
    runs = made_up(*APART)
    few = np.flatnonzero(runs.usable["t_s"] % 8 == 3)
    short = changed_to(runs, few)
    with pytest.raises(InputError, match="s are too few for"):
        measure(short, seed=1, draws=DRAWS)


@pytest.mark.parametrize(
    ("columns", "centred", "expected"),
    [
        pytest.param([[1, 2, 3, 4], [2, 4, 6, 8]], True, np.inf, id="a multiple"),
        pytest.param([[1, 2, 3, 4], [5, 5, 5, 5]], True, np.inf, id="a constant beside a constant"),
        pytest.param([[1, -1, 1, -1], [1, 1, -1, -1]], True, 1.0, id="orthogonal: not inflated at all"),
        pytest.param([[1, 2, 3, 4], [1, 4, 9, 16]], True, 1 / (1 - 0.9844**2), id="R² 0.969 by hand"),
    ],
)
def test_variance_inflation(columns: list[list[float]], centred: bool, expected: float) -> None:
    assert inflation(np.array(columns, dtype=float), centred=centred) == pytest.approx(expected, rel=1e-2)


def test_all_six_costs_can_be_told_apart() -> None:
    chosen = choose(made_up(*APART))
    assert [work.key for work in chosen.work] == [name for name in COSTS if name != "server.base_cost"]
    assert (chosen.base, chosen.absent) == (True, ())
    # calls alone are acknowledged here, and most messages are calls
    assert [one.cost for one in chosen.absorbed] == ["server.ack_cost"]


@pytest.mark.parametrize(
    ("count", "correlation", "expected"),
    [
        pytest.param(100, 0.0, 1, id="independent: no blocks"),
        pytest.param(100, -0.5, 1, id="alternating: no blocks"),
        pytest.param(100, 0.5, 7, id="(6 · 0.25 / 0.5625 · 100)^⅓ = 6.4"),
        pytest.param(30, 0.99, 10, id="never more than a third"),
        pytest.param(2, 0.9, 1, id="never less than one"),
    ],
)
def test_block_length(count: int, correlation: float, expected: int) -> None:
    assert block_length(count, correlation) == expected


def test_redrawn_errors_keep_their_size_and_place() -> None:
    """Only signs are redrawn, whole blocks at a time, and no leverage leaves their size alone."""
    errors = np.sin(np.arange(60) / 4)
    run = np.zeros(60, dtype=np.intp)
    drawn = redrawn_sums(errors, np.zeros(60), run, 200, Generator(PCG64(1)), np.eye(60))
    assert np.abs(drawn) == pytest.approx(np.broadcast_to(np.abs(errors), drawn.shape))
    turns = (np.diff(np.sign(drawn * errors), axis=1) != 0).sum(axis=1)
    assert lag1(errors, run) > 0.9
    assert turns.max() <= 60 // block_length(60, lag1(errors, run)) + 1
    assert abs(drawn.mean()) < 0.05


def test_sums_of_redrawn_errors_are_those_of_the_errors_one_by_one() -> None:
    errors, run = np.sin(np.arange(90) / 3), np.repeat([0, 1], [50, 40])
    onto = np.stack([np.ones(90), np.linspace(0, 1, 90)], axis=1)
    single = redrawn_sums(errors, np.full(90, 0.1), run, 40, Generator(PCG64(3)), np.eye(90))
    sums = redrawn_sums(errors, np.full(90, 0.1), run, 40, Generator(PCG64(3)), onto)
    assert sums == pytest.approx(single @ onto)


def test_leverage_makes_errors_larger() -> None:
    drawn = redrawn_sums(
        np.ones(4), np.full(4, 0.75), np.zeros(4, dtype=np.intp), 10, Generator(PCG64(1)), np.eye(4)
    )
    assert np.abs(drawn) == pytest.approx(np.full((10, 4), 2.0))


def test_run_cv_by_hand() -> None:
    """Two repeats 20 % apart: √((2 · 0.1² + 2 · (ln 1.2 / 2)²) / 3)."""
    cv, repeats = run_cv(np.array([1.0, 1.2]), np.array([0, 0]))
    assert (cv, repeats) == (pytest.approx(np.sqrt((0.02 + np.log(1.2) ** 2 / 2) / 3)), 1)
    assert run_cv(np.array([1.0, 2.0]), np.array([0, 1])) == (pytest.approx(PRIOR_RUN_CV), 0)
