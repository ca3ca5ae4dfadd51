"""The costs of a measured adapter: planted ones are found, laws are told apart, plans take what was found."""

import json
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import PCG64, Generator

from siotool.document import markdown
from siotool.errors import InputError
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.documents.adapter_document import document
from siotool.plan.evidence import adapter_fit
from siotool.plan.evidence.adapter_fit import fit_costs
from siotool.plan.evidence.adapter_inputs import inputs_of_adapter
from siotool.plan.evidence.adapter_laws_seen import laws_seen
from siotool.plan.evidence.adapter_measure import MeasuredIn, measure_adapter
from siotool.plan.evidence.calibrated import MachineFigures
from siotool.plan.evidence.fleet_phases import expected_work, seen_work
from siotool.plan.evidence.message_sizes import message_sizes
from siotool.plan.inputs import planfile
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.inputs.provenance import Provenance
from tests.unit.fleets_of_adapters import BACKEND, SERVER, TURNS, cores_of, fleet_of

MEASURED = MeasuredIn(
    run="made",
    started_at="2026-11-27T00:00:00+00:00",
    siotool="0",
    versions={"socket.io": "4.8.4"},
    machine=MachineFigures("Linux", 2, 8 << 30),
    rate_per_s=1200.0,
    users=60,
    seconds=200.0,
)
JOINED = ("cluster", "redis", "redis-sharded", "redis-streams", "postgres", "mongo")
NODES = (1, 2, 3, 4)
OF_BACKEND = {"topology.backend_publish_cost", "topology.backend_delivery_cost"}


@cache
def measured(name, nodes=NODES, checked=(), **made):
    """A profile that many tests look at, and none changes: it takes a third of a second to make."""
    adapter = ADAPTERS[name]
    return measure_adapter(adapter, fleet_of(adapter, nodes, **made), checked, MEASURED, 1)


def values(side):
    return {one.name: one.value for one in side.costs if one.separable}


def absorbed(side):
    return {one.name for one in side.costs if not one.separable}


# ── costs ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", JOINED)
def test_planted_costs_are_found(name):
    profile = measured(name)
    for side, planted in ((profile.server, SERVER), (profile.backend, BACKEND)):
        found = values(side)
        assert set(found) | absorbed(side) == set(planted)
        for cost, value in found.items():
            # what is encoded is inside what is received and published
            more = planted.get("encode", 0.0) if cost in ("receive", "publish") else 0.0
            assert 0.97 * planted[cost] < value < 1.03 * planted[cost] + 1.1 * more, cost
    assert {"delivery", "inbound", "receive", "publish"} <= set(values(profile.server))
    assert {"receiver", "message"} <= set(values(profile.backend))


def test_a_server_without_an_adapter_has_no_cost_of_one():
    profile = measured("none")
    assert profile.backend is None
    assert {"publish", "receive", "adapter_byte"} <= absorbed(profile.server)
    assert values(profile.server)["delivery"] == pytest.approx(SERVER["delivery"], rel=0.05)


def test_intervals_hold_the_planted_costs_in_most_cases():
    profile = measured("redis", noise=0.03)
    side = {one.name: one for one in profile.server.costs if one.separable}
    inside = [name for name, one in side.items() if 0.8 * one.low <= SERVER[name] <= 1.2 * one.high]
    assert len(inside) >= len(side) - 1
    assert all(one.low < one.high for one in side.values())
    assert side["receive"].low > 0


@given(receive=st.floats(20e-6, 200e-6), publish=st.floats(20e-6, 200e-6), message=st.floats(5e-6, 500e-6))
@settings(max_examples=15, deadline=None)
def test_any_cost_of_an_adapter_is_found(receive, publish, message):
    adapter = ADAPTERS["redis"]
    server = SERVER | {"receive": receive, "publish": publish, "encode": 0.0}
    backend = BACKEND | {"message": message}
    works = [seen_work(adapter, one) for one in fleet_of(adapter, NODES)]
    for side, planted in (("server", server), ("backend", backend)):
        fit = fit_costs(side, works, [cores_of(side, planted, work) for work in works], Generator(PCG64(1)))
        for term, value in zip(fit.terms, fit.values, strict=True):
            assert value == pytest.approx(planted[term.name], rel=1e-6), term.name


def test_what_cannot_be_told_apart_is_inside_the_others():
    """A publish is encoded where it has receivers, which follows from who receives it: 8 µs are elsewhere."""
    profile = measured("redis")
    (encode,) = [one for one in profile.server.costs if not one.separable]
    assert encode.name == "encode"
    assert "whose costs include it" in encode.sentence
    found = values(profile.server)
    assert SERVER["receive"] < found["receive"] < SERVER["receive"] + SERVER["encode"]


def test_too_few_phases_are_refused():
    adapter = ADAPTERS["redis"]
    few = fleet_of(adapter, (2,))[:6]
    with pytest.raises(InputError, match="too few for the"):
        measure_adapter(adapter, few, (), MEASURED, 1)
    with pytest.raises(InputError, match="no fleet is left"):
        measure_adapter(adapter, few, (2,), MEASURED, 1)


# ── laws ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [*JOINED, "none"])
def test_a_law_holds_where_servers_count_what_it_says(name):
    seen = laws_seen(ADAPTERS[name], fleet_of(ADAPTERS[name], NODES))
    assert [(one.servers, one.kind) for one in seen] == [
        (servers, kind) for servers in NODES for kind in ("to rooms", "to all")
    ]
    assert all(one.holds and one.like == ADAPTERS[name].law for one in seen)


@pytest.mark.parametrize(
    ("said", "real", "kind", "like"),
    [
        ("redis", "cluster", "to all", "others"),
        ("cluster", "redis", "to all", "every"),
        ("redis", "none", "to all", "nobody"),
        ("none", "redis", "to all", "every"),
        ("redis", "redis-sharded", "to rooms", "hosting"),
        ("redis-sharded", "redis", "to rooms", "every"),
    ],
)
def test_a_wrong_law_is_found_and_the_right_one_named(said, real, kind, like):
    phases = fleet_of(ADAPTERS[said], (2, 4), heard=ADAPTERS[real])
    wrong = [one for one in laws_seen(ADAPTERS[said], phases) if not one.holds]
    assert (4, kind, like) in {(one.servers, one.kind, one.like) for one in wrong}


def test_messages_that_arrive_in_the_next_phase_break_no_law():
    phases = fleet_of(ADAPTERS["cluster"], (4,))
    late = next(number for number, one in enumerate(phases) if one.kind == "all")
    phases[late] = msgspec.structs.replace(
        phases[late], received_per_s=tuple(0.5 * value for value in phases[late].received_per_s)
    )
    assert all(one.holds for one in laws_seen(ADAPTERS["cluster"], phases))


def test_a_count_that_fits_no_law_is_said_to_fit_none():
    half = [
        msgspec.structs.replace(one, received_per_s=tuple(0.5 * value for value in one.received_per_s))
        for one in fleet_of(ADAPTERS["redis"], (4,))
    ]
    assert {(one.holds, one.like) for one in laws_seen(ADAPTERS["redis"], half)} == {(False, "")}
    text = markdown.render(document(measure_adapter(ADAPTERS["redis"], half, (), MEASURED, 1)))
    assert "redis is not received as its law every says" in text
    assert "not so" in text


def test_a_server_that_receives_less_than_the_others_is_seen():
    lame = [
        msgspec.structs.replace(one, received_per_s=(0.0, *one.received_per_s[1:]))
        for one in fleet_of(ADAPTERS["redis"], (2, 4))
    ]
    profile = measure_adapter(ADAPTERS["redis"], lame, (), MEASURED, 1)
    assert not profile.law_holds
    assert any("not every server received" in said for said in profile.remarks)
    assert {one.low for one in profile.laws} == {0.0}


def test_what_is_expected_is_what_a_fleet_by_the_law_does():
    for name in (*JOINED, "none"):
        for one in fleet_of(ADAPTERS[name], NODES):
            seen, expected = (
                msgspec.structs.astuple(of(ADAPTERS[name], one)) for of in (seen_work, expected_work)
            )
            assert seen == pytest.approx(expected)
    alone = fleet_of(ADAPTERS["none"], (4,))
    to_all = [expected_work(ADAPTERS["none"], one) for one in alone if one.kind == "all"]
    assert to_all[0].delivered == pytest.approx(to_all[0].inbound * 15), "those on the publisher's server"


# ── predictions ───────────────────────────────────────────────────────────────────────


def test_each_fleet_of_several_is_predicted_from_the_others():
    """A server alone, with its backend on one CPU or on two, is another thing in each start."""
    profile = measured("redis", noise=0.01)
    assert [(one.servers, one.side) for one in profile.predictions] == [
        (servers, side) for servers in NODES[1:] for side in ("server", "backend")
    ]
    assert max(abs(one.error) for one in profile.predictions) < 0.05
    assert profile.remarks == []


def test_a_checked_fleet_is_not_behind_the_costs():
    profile = measured("redis", checked=(3,))
    assert [(one.servers, one.fitted) for one in profile.fleets] == [
        (1, True), (2, True), (3, False), (4, True),
    ]  # fmt: skip
    assert [one.servers for one in profile.predictions] == [3, 3]
    assert all(abs(one.error) < 0.01 for one in profile.predictions)
    assert profile.scaling is None, "three numbers of servers are too few for the scalability law"


def test_a_fleet_of_one_is_predicted_where_it_is_to_be_checked():
    profile = measured("redis", checked=(1,))
    assert [(one.servers, one.side) for one in profile.predictions] == [(1, "server"), (1, "backend")]


def test_a_server_alone_counts_for_less_than_several(monkeypatch):
    """Trap: the same phase took the backend of one server twice as much in one start as in another."""
    adapter = ADAPTERS["redis"]
    odd = [
        msgspec.structs.replace(one, backend_cores=one.backend_cores * (1.6 if one.servers == 1 else 1.0))
        for one in fleet_of(adapter, NODES)
    ]

    def error() -> float:
        profile = measure_adapter(adapter, odd, (4,), MEASURED, 1)
        return next(abs(one.error) for one in profile.predictions if one.side == "backend")

    found = error()
    monkeypatch.setattr(adapter_fit, "_ALONE", 1.0)
    assert found < 0.9 * error()


def test_a_wrong_law_predicts_another_fleet_wrongly():
    cluster = ADAPTERS["cluster"]
    phases = fleet_of(cluster, NODES, heard=ADAPTERS["redis"])
    profile = measure_adapter(cluster, phases, (4,), MEASURED, 1)
    assert min(one.error for one in profile.predictions) < -0.05
    assert "checked only" in markdown.render(document(profile))


def test_two_fleets_predict_none():
    profile = measured("redis", nodes=(1, 2))
    assert profile.predictions == []
    assert "measure three or more" in markdown.render(document(profile))


def test_an_error_beyond_15_percent_is_said():
    adapter = ADAPTERS["redis"]
    phases = [
        msgspec.structs.replace(one, cores=one.cores * (1.5 if one.servers == 4 else 1.0))
        for one in fleet_of(adapter, NODES)
    ]
    profile = measure_adapter(adapter, phases, (4,), MEASURED, 1)
    assert any(
        "4 servers: the server's CPU is predicted" in said and "too low" in said for said in profile.remarks
    )


def test_a_machine_that_was_full_is_doubted():
    profile = measured("redis", machine_share=0.95)
    assert [said[:10] for said in profile.doubts] == ["1 server: ", *(f"{n} servers:" for n in NODES[1:])]
    assert "machine's CPUs" in markdown.render(document(profile))


# ── plans ─────────────────────────────────────────────────────────────────────────────


def test_a_plan_gets_the_adapter_and_its_costs():
    inputs = inputs_of_adapter(measured("redis"), Inputs(), 1000.0, 1, alone=True)
    assert inputs.choice("topology.adapter") == "redis"
    assert {one.provenance.kind for one in inputs.figures.values()} == {"measured"}
    middle = {
        key: sorted(one.value.values)[len(one.value.values) // 2]
        for key, one in inputs.figures.items()
        if hasattr(one.value, "values")
    }
    per_byte = SERVER["adapter_byte"] * 1000
    encode = SERVER["encode"]  # inside them
    assert middle["server.adapter_cost"] == pytest.approx(SERVER["receive"] + per_byte + encode / 2, rel=0.15)
    assert middle["server.publish_cost"] == pytest.approx(SERVER["publish"] + per_byte + encode / 2, rel=0.1)
    assert middle["server.delivery_cost"] == pytest.approx(SERVER["delivery"], rel=0.05)
    # a busy server makes all its turns
    at_rest = SERVER["base"] + SERVER["turn"] * TURNS
    assert middle["server.base_cost"] == pytest.approx(at_rest, rel=0.05)
    # each message's share of what a full backend has for messages
    room = 1 - BACKEND["base"] - (BACKEND["turn"] + BACKEND["turn_for_others"]) * TURNS
    for key, cost in (("publish", "message"), ("delivery", "receiver")):
        full = (BACKEND[cost] + 1000 * BACKEND["byte"]) / room
        assert middle[f"topology.backend_{key}_cost"] == pytest.approx(full, rel=0.05), cost


def test_beside_other_measurements_only_the_adapters_own_costs_count():
    inputs = inputs_of_adapter(measured("redis"), Inputs(), 200.0, 1, alone=False)
    assert set(inputs.figures) == {
        "topology.adapter", "server.adapter_cost", "server.publish_cost", "server.decode_cost",
        "server.encode_cost", "topology.backend_publish_cost", "topology.backend_delivery_cost",
    }  # fmt: skip


def test_without_an_adapter_there_is_no_cost_of_one():
    inputs = inputs_of_adapter(measured("none"), Inputs(), 200.0, 1, alone=True)
    assert not {"server.adapter_cost", "server.publish_cost", *OF_BACKEND} & set(inputs.figures)


def test_a_backend_that_sends_nothing_or_costs_nothing_has_no_costs():
    alone = measured("cluster", nodes=(1,))
    assert alone.receivers == 0
    assert "receive" in absorbed(alone.server)
    assert not {*OF_BACKEND, "server.adapter_cost"} & set(
        inputs_of_adapter(alone, Inputs(), 200.0, 1, alone=True).figures
    )
    profile = measured("redis")
    nothing = [[0.0] * len(row) for row in profile.backend.replicates]
    free = msgspec.structs.replace(
        profile, backend=msgspec.structs.replace(profile.backend, replicates=nothing)
    )
    figures = inputs_of_adapter(free, Inputs(), 200.0, 1, alone=True).figures
    assert "server.adapter_cost" in figures
    assert not OF_BACKEND & set(figures)


@pytest.mark.parametrize(("free", "known"), [(19, True), (21, False)])
def test_a_few_draws_in_which_a_message_is_free_do_not_take_the_backends_costs_away(free, known):
    """One of 400 was enough: a plan then took what is published for any Redis."""
    profile = measured("redis")
    rows = dict(zip(profile.backend.names, map(list, profile.backend.replicates), strict=True))
    for name in ("message", "receiver", "byte"):
        rows[name][:free] = [0.0] * free
    backend = msgspec.structs.replace(profile.backend, replicates=list(rows.values()))
    figures = inputs_of_adapter(
        msgspec.structs.replace(profile, backend=backend), Inputs(), 200.0, 1, alone=True
    ).figures
    assert (OF_BACKEND & set(figures) == OF_BACKEND) == known
    assert (
        not known or min(map(sum, zip(*(figures[key].value.values for key in OF_BACKEND), strict=True))) > 0
    )


@pytest.mark.parametrize(("kind", "refused"), [("typed", True), ("default", False)])
def test_a_plan_with_another_adapter_is_refused(kind, refused):
    planned = Inputs({"topology.adapter": Figure("postgres", Provenance(kind, "plan.toml"))})
    if not refused:
        assert inputs_of_adapter(measured("redis"), planned, 200.0, 1, alone=True)
        return
    with pytest.raises(InputError, match="adapter is postgres, and the profile made is of redis"):
        inputs_of_adapter(measured("redis"), planned, 200.0, 1, alone=True)


def test_the_profile_is_read_back_as_it_was_written():
    profile = measured("redis")
    assert msgspec.json.decode(msgspec.json.encode(profile), type=type(profile)) == profile
    assert json.loads(msgspec.json.encode(profile))["kind"] == "adapter"


def test_a_message_costs_what_its_published_bytes_do():
    """--from took the plain mean of the sizes: 2.6 ms a message in the place of 20 µs."""
    text = (
        '[workload]\nconnections = "10k"\n'
        '[workload.messages.typing]\nkind = "room"\nrate = "1/s"\nroom_size = "10"\n'
        '[workload.messages.photo]\nkind = "room"\nrate = "1/d"\nsize = "1MB"\nroom_size = "10"\n'
    )
    planned = planfile.decode(text, "plan.toml")
    profile = measured("redis")
    rows = dict(zip(profile.server.names, profile.server.replicates, strict=True))
    rows |= {
        "receive": [19.9e-6 for _ in rows["receive"]],
        "adapter_byte": [5.1e-9 for _ in rows["receive"]],
    }
    known = msgspec.structs.replace(
        profile,
        server=msgspec.structs.replace(profile.server, names=tuple(rows), replicates=list(rows.values())),
    )
    sizes = message_sizes(planned)
    inputs = inputs_of_adapter(known, planned, sizes.published, 1, alone=False)
    # 19.9 µs + 75.6 B × 5.1 ns, as all servers of a start may be a little faster or slower
    assert middle_of(inputs, "server.adapter_cost") == pytest.approx(20.285e-6, rel=0.03)


def test_the_capacity_is_of_what_is_delivered():
    """It was of what is published: an echo of 10 kB beside a publish of 100 B made its server a slow one."""
    inputs = inputs_of_adapter(measured("redis"), Inputs(), 100.0, 1, alone=True, delivered=10_000.0)
    full = 10_000 / (SERVER["delivery"] + SERVER.get("byte", 0.0) * 10_000)
    assert middle_of(inputs, "server.capacity") == pytest.approx(full, rel=0.1)
    assert "messages of 10 kB" in inputs.figures["server.capacity"].provenance.detail
