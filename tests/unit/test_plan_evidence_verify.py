"""Predictions held against a run, provenance, and the share of guesses."""

from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.random import PCG64, Generator

from siotool.errors import InputError
from siotool.plan.evaluation.evaluate import Evaluation, evaluate
from siotool.plan.evidence import prediction
from siotool.plan.evidence.asked import RunLoad
from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.observe import Observations, Origin
from siotool.plan.evidence.profile import measure
from siotool.plan.evidence.summary import describe
from siotool.plan.evidence.usl import fit_usl, points
from siotool.plan.evidence.verify import check, observed, summary, verify
from siotool.plan.inputs import compose
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.plan.model import Scaling
from siotool.runs.seconds import Floats, Seconds
from tests.unit.observed_load import load_of

SECONDS = 30
PER_CALL, BASE = 200e-6, 0.02


def table_of(
    origins: tuple[Origin, ...], *, run: Any, held: Any, rising: Any, **columns: Floats
) -> Observations:
    """Made-up seconds, all of them usable."""
    columns["bytes_per_s"] = columns["bytes_in_per_s"] + columns["bytes_out_per_s"]
    columns["connections_begin"] = 2 * columns["connections"] - columns["connections_end"]
    seconds = Seconds(run.astype(np.intp), columns, held, rising)
    return Observations(origins, seconds, seconds)


def echo(
    users: int, *, name: str = "r", slower: float = 1.0, nodes: int = 1, scenario: str = "echo", seed: int = 0
) -> Observations:
    """A run of calls that cost 200 µs each, ``slower`` by a factor: a ramp of ten seconds, then 20 s."""
    noise = 1 + 0.02 * Generator(PCG64(seed)).normal(size=SECONDS)
    ends = np.minimum(users, users * np.arange(1, SECONDS + 1) / 10)
    begins = np.concatenate([[0.0], ends[:-1]])
    connections = (begins + ends) / 2
    zero = np.zeros(SECONDS)
    return table_of(
        origins=(
            Origin(
                name,
                f"{name}/run.jsonl",
                scenario,
                {"rate": 5.0},
                users,
                2.0,
                nodes,
                asked=RunLoad(connection_s=20.0 * users, calls={"echo": 100 * users}),
            ),
        ),
        run=np.zeros(SECONDS, dtype=np.intp),
        t_s=np.arange(1.0, SECONDS + 1),
        duration_s=np.ones(SECONDS),
        connections=connections,
        connections_end=ends,
        inbound_per_s=5 * connections,
        acks_per_s=5 * connections,
        deliveries_per_s=zero,
        handshakes_per_s=ends - begins,
        bytes_in_per_s=400 * connections,
        bytes_out_per_s=500 * connections,
        cpu_cores=slower * (BASE + PER_CALL * 5 * connections) * noise,
        rss_bytes=60e6 + 250_000 * ends,
        files_open=12 + ends,
        server_loop_share=np.full(SECONDS, np.nan),
        held=np.arange(SECONDS) > 10,
        rising=np.full(SECONDS, True),
    )


def predict(learnt: Observations, seen: Observations) -> dict[str, Floats]:
    """As ``siotool plan --from … --verify`` does."""
    profile = measure(learnt, seed=1)
    typed = Provenance("typed")
    given = Inputs({"workload.connections": Figure(1e4, typed), "server.capacity": Figure(1e9, typed)})
    inputs = compose.complete(compose.with_measured(given, inputs_of(profile, learnt, 1)))
    return prediction.predict(inputs, seen, draws=2000, seed=1, profile=profile)


def joined(*parts: Observations) -> Observations:
    """Several runs in one table."""
    tables = [part.usable for part in parts]
    return table_of(
        tuple(part.origins[0] for part in parts),
        run=np.repeat(np.arange(len(parts)), SECONDS),
        held=np.concatenate([table.held for table in tables]),
        rising=np.concatenate([table.rising for table in tables]),
        **{name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns},
    )


def test_what_a_run_shows() -> None:
    seen = observed(echo(200))
    assert seen == {
        "cpu": pytest.approx(BASE + PER_CALL * 1000, rel=0.02),
        "bandwidth_in": 80_000.0,
        "bandwidth_out": 100_000.0,
        "memory": 110e6,
        "files": 212.0,
        "connections": 200.0,
    }
    assert load_of(echo(200))["inbound_per_s"] == 1000.0


def test_a_run_is_predicted_from_a_larger_one() -> None:
    """The costs of 200 users, and of 60, foretell what 120 use: every figure inside, CPU within 2 %."""
    third = echo(120, name="third", seed=5)
    found = verify(predict(joined(echo(200), echo(60, name="small", seed=3)), third), third)
    assert found.run == "third"
    assert [check.name for check in found.checks] == ["cpu", "memory", "files", "connections"]
    assert all(check.inside for check in found.checks), found
    assert found.checks[0].value == pytest.approx(BASE + PER_CALL * 600, rel=0.03)
    assert found.summary == "4 of 4 figures lie within their 90 % interval."


def test_a_slower_server_is_found_out() -> None:
    """One that needs twice the CPU lies outside, and the summary says so."""
    slow = echo(120, name="slow", slower=2.0)
    found = verify(predict(joined(echo(200), echo(60, name="small", seed=3)), slow), slow)
    cpu = found.checks[0]
    assert not cpu.inside
    assert cpu.error == pytest.approx(1.0, abs=0.1)
    assert found.summary.startswith("3 of 4 figures lie within their 90 % interval; cpu was seen ")
    assert found.summary.endswith(" % above its prediction.")


def test_a_run_to_come_scatters_more_than_a_mean_of_runs() -> None:
    """A prediction of one run is wider than the interval of the cost itself."""
    runs = [echo(200, name=f"r{number}", seed=number) for number in range(6)]
    profile = measure(joined(*runs), seed=1)
    drawn = predict(joined(*runs), echo(200))["cpu"]
    cost = profile.cpu.cores(load_of(echo(200)))
    assert np.std(np.log(drawn)) > 1.3 * np.std(np.log(cost))


def test_idle_sessions_send_heartbeats_and_nothing_else() -> None:
    """Of sessions that say nothing, a plan foretells the bytes as well; TLS only where it was used."""
    quiet = echo(120, name="quiet", scenario="idle")
    (origin,) = quiet.origins
    veiled = msgspec.structs.replace(quiet, origins=(msgspec.structs.replace(origin, secure=True),))
    plain, secure = predict(echo(200), quiet), predict(echo(200), veiled)
    assert "bandwidth_in" not in predict(echo(200), echo(120))
    for direction in ("bandwidth_in", "bandwidth_out"):
        # a ping of 3 bytes each 25 s, its frame, and on the way a segment for each
        assert 0.04 * 120 * 3 < np.mean(plain[direction]) < 0.04 * 120 * 200
        assert np.mean(secure[direction]) > np.mean(plain[direction])


def test_predictions_may_be_single_figures() -> None:
    """A plan of single figures has no interval: met within 1 %."""
    found = verify({"connections": 201.0, "memory": 80e6}, echo(200))
    assert [(one.name, one.inside) for one in found.checks] == [
        ("memory", False),
        ("connections", True),
    ]
    assert found.summary == (
        "1 of 2 figures lie within their 90 % interval; memory was seen 38 % above its prediction."
    )


@pytest.mark.parametrize(
    ("low", "high", "seen", "inside"),
    [
        pytest.param(1.0, 2.0, 1.5, True, id="within"),
        pytest.param(1.0, 2.0, 2.0, True, id="on the bound"),
        pytest.param(1.0, 2.0, 2.001, False, id="just above: intervals have no slack"),
        pytest.param(1.0, 2.0, 0.9, False, id="below"),
        pytest.param(0.0, 0.0, 0.0, True, id="nothing foretold and nothing seen"),
        pytest.param(0.0, 0.0, 1.0, False, id="nothing foretold, something seen"),
    ],
)
def test_inside(low: float, high: float, seen: float, inside: bool) -> None:
    found = check("cpu", "cores", np.array([low] * 3 + [(low + high) / 2] * 15 + [high] * 3), seen, "")
    assert (found.low, found.high, found.inside) == (low, high, inside)
    assert summary([found]).startswith(f"{int(inside)} of 1 ")


@pytest.mark.parametrize(
    ("predicted", "observations", "said"),
    [
        pytest.param(
            {"servers": 3.0}, echo(20), "servers cannot be compared with r/run.jsonl", id="no such figure"
        ),
        pytest.param({}, echo(20), "nothing cannot be compared", id="no figure"),
        pytest.param({"cpu": 1.0}, joined(echo(20), echo(20, name="b")), "2 runs cannot", id="two runs"),
    ],
)
def test_what_cannot_be_verified(predicted: dict[str, float], observations: Observations, said: str) -> None:
    with pytest.raises(InputError, match=said):
        verify(predicted, observations)


def test_runs_at_several_node_counts_make_a_scalability_law() -> None:
    """Each node adds less: capacity is what the hold phase carried, extrapolated to all cores."""
    slower = {1: 1.0, 2: 1.05, 4: 1.2, 8: 1.6}
    runs = [echo(100 * n, name=f"n{n}", nodes=n, slower=by, seed=n) for n, by in slower.items()]
    nodes, capacity = points(joined(*runs))
    assert nodes == [1.0, 2.0, 4.0, 8.0]
    assert capacity[0] == pytest.approx(500 * 2 / (BASE + PER_CALL * 500), rel=0.02)
    law = fit_usl(nodes, [n * each for n, each in zip(nodes, (9, 8.5, 7.6, 5.6), strict=True)]).law
    assert 0 < law.alpha < 1


@pytest.mark.parametrize(
    ("second", "said"),
    [
        pytest.param(echo(100, name="b", scenario="chat"), "differ in their scenario", id="other work"),
        pytest.param(echo(100, name="b", slower=0.0), "b/run.jsonl: the server carried no", id="no CPU"),
    ],
)
def test_runs_that_cannot_be_compared_over_nodes(second: Observations, said: str) -> None:
    with pytest.raises(InputError, match=said):
        points(joined(echo(100, name="a"), second))


# ── provenance ──────────────────────────────────────────────────────────────

SOURCES = {
    "server.delivery_cost": measured(("20260101-chat",)),
    "server.idle_cost": Provenance("published", "https://example.org"),
    "connections": Provenance("typed", "plan.toml: workload.connections"),
    "headroom": Provenance("default", "30 % for the unforeseen"),
}


@pytest.mark.parametrize(
    ("name", "words", "guessed"),
    [
        ("server.delivery_cost", "measured (run 20260101-chat)", False),
        ("server.idle_cost", "published (https://example.org)", False),
        ("connections", "typed (plan.toml: workload.connections)", True),
        ("headroom", "default (30 % for the unforeseen)", True),
    ],
)
def test_provenance_in_words(name: str, words: str, guessed: bool) -> None:
    assert (SOURCES[name].words(), SOURCES[name].guessed) == (words, guessed)


def test_provenance_of_several_runs_and_without_detail() -> None:
    assert measured(("a", "b")).words() == "measured (runs a, b)"
    assert Provenance("typed").words() == "typed"


# ── what a plan shows of its runs ───────────────────────────────────────────


def evaluated(**figures: float) -> Evaluation[float]:
    """A plan of a thousand calls a second, with these figures too."""
    typed = Provenance("typed")
    given = {
        "workload.connections": 200.0,
        "workload.consumption_rate": 900.0,
        "server.capacity": 1e9,
        **{key.replace("__", "."): value for key, value in figures.items()},
    }
    inputs = compose.complete(Inputs({key: Figure(value, typed) for key, value in given.items()}))
    return evaluate(inputs, middles(inputs))


def test_a_plan_that_no_fleet_serves_goes_beyond_no_run() -> None:
    """A load per server needs servers: without them there is nothing to compare."""
    learnt = echo(200)
    shown = describe(measure(learnt, seed=1), learnt, 1)
    one = shown(evaluated(workload__connections=2000.0))
    assert one.extrapolation == pytest.approx(10, rel=0.1)
    assert "10 times" in " ".join(one.beyond)
    none = shown(evaluated(server__open_files=1e3, server__open_files_reserved=2e3))
    assert (none.extrapolation, none.beyond) == (0.0, [])
    assert none.costs == one.costs


def test_runs_of_unlike_workloads_give_costs_and_no_workload() -> None:
    """A session of the one and of the other have no mean that any service has."""
    both = joined(echo(200), echo(120, name="b", scenario="chat", seed=1))
    of_both, of_one = (inputs_of(measure(runs, seed=1), runs, 1) for runs in (both, echo(200)))
    assert of_one.messages
    assert "workload.consumption_rate" in of_one.figures
    assert not of_both.messages
    assert not [key for key in of_both.figures if key.startswith("workload.")]
    assert "server.inbound_cost" in of_both.figures


@pytest.mark.parametrize(
    ("slower", "past_the_peak"),
    [
        pytest.param({1: 1.0, 2: 1.05, 4: 1.2, 8: 1.6}, True, id="more nodes carried less"),
        pytest.param({1: 1.0, 2: 0.53, 4: 0.29, 8: 0.18}, False, id="each one added nearly its share"),
    ],
)
def test_what_several_nodes_add_is_told_with_how_far_to_trust_it(
    slower: dict[int, float], past_the_peak: bool
) -> None:
    runs = [echo(100 * n, name=f"n{n}", nodes=n, slower=by, seed=n) for n, by in slower.items()]

    def scaling(seen: Observations) -> Scaling | None:
        return describe(measure(seen, seed=1), seen, 1)(evaluated()).scaling

    assert scaling(joined(*runs[:3])) is None, "three points make no law of three parameters"
    found = scaling(joined(*runs))
    assert found is not None
    assert (found.trusted_nodes is None) == past_the_peak
    far = "any number of nodes" if found.trusted_nodes is None else f"up to {found.trusted_nodes:,.0f} nodes"
    assert far in found.sentence
