"""Plan and report say one number for one thing, and never a comfortable one."""

import msgspec
import numpy as np
import pytest

from siotool.cli.counts import measured_over
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.observe import observe
from siotool.plan.evidence.prediction import predict
from siotool.plan.evidence.profile import measure
from siotool.plan.inputs import compose
from siotool.plan.sizing.sizing import size
from siotool.plan.storage.stores import relational_store
from siotool.runfile import AudienceDeliveries, Delivery, Losses, Operation

SERVICE = {"workload.connections": "10k", "server.capacity": "1GB/s"}


def changed(field):
    """Replace fields of each interval by what a function makes of it."""
    return lambda interval: msgspec.structs.replace(interval, **field(interval))


def plan_of(run, keys):
    """As ``siotool plan --from RUN`` makes it."""
    observations = observe([run], ["yes"])
    found = inputs_of(measure(observations, 1), observations, 1)
    typed = compose.from_flags({key: (key, text) for key, text in keys.items()})
    return size(compose.complete(compose.with_measured(typed, found)))


def test_planned_servers_are_the_plans_answer_beside_the_articles_own(make_run, reported, article):
    """One file gave "a plan of 10 servers" and "7 servers planned"."""
    sizing = reported(make_run(), article).sizing
    assert (sizing.document_planned, sizing.servers_planned) == (28, 33)
    assert sizing.document_planned_exact == pytest.approx(27.97619)


@pytest.mark.parametrize("cpu", [0.0005, 0.002, 0.0045, 0.008])
@pytest.mark.parametrize("more", [{}, {"goals.downtime": "1h"}, {"server.utilization": "50%"}])
def test_plan_and_report_make_the_same_number_of_the_same_run(make_run, reported, cpu, more):
    run = make_run(cpu_per_connection=cpu)
    plan, sizing = plan_of(run, SERVICE | more), reported(run, SERVICE | more).sizing
    assert (plan.servers.p95, plan.document.servers, plan.binding) == (
        sizing.servers_measured,
        sizing.document_measured,
        sizing.binding,
    )


@pytest.mark.parametrize(
    ("cpu", "bound"),
    [
        pytest.param(0.0005, True, id="5 % of its CPU"),
        pytest.param(0.0039, True, id="39 %"),
        pytest.param(0.0041, False, id="41 %"),
        pytest.param(0.009, False, id="90 %"),
    ],
)
def test_below_40_percent_of_its_limit_a_run_gives_a_bound(make_run, reported, cpu, bound):
    sizing = reported(make_run(cpu_per_connection=cpu), SERVICE).sizing
    assert bool(sizing.bound) is bound
    assert sizing.servers_measured >= 10_000 * cpu / 0.7


def test_a_light_run_is_believed_to_2_5_times_its_load_and_names_the_load_that_settles_it(make_run, reported):
    """A line through 5 % CPU made 8 servers of what 40 may be needed for."""
    sizing = reported(make_run(cpu_per_connection=0.0005), SERVICE).sizing
    assert (sizing.servers_measured, sizing.binding) == (10_000 // 250, "seen load")
    assert "a run with about 800 users would give the exact count" in sizing.bound


def test_the_network_is_not_forgotten_once_cpu_was_sampled(make_run, reported):
    """Planned 117 servers, "needed 11": the count is the largest over planned and measured constraints."""
    network = {
        "workload.connections": "10k",
        "workload.consumption_rate": "2KB/s",
        "server.capacity": "250kB/s",
    }
    sizing = reported(make_run(cpu_per_connection=0.005), network).sizing
    rows = {(row.figures, row.name): row.servers for row in sizing.constraints}
    assert rows["planned", "bandwidth"] == rows["measured", "bandwidth"] == 115
    assert (sizing.servers_needed, sizing.binding) == (115, "bandwidth")
    lower = reported(make_run(cpu_per_connection=0.005, bytes_per_connection_s=50), network).sizing
    assert (lower.servers_planned, lower.servers_needed, lower.binding) == (115, 115, "bandwidth")
    assert lower.servers_measured < 115


def test_a_planned_capacity_is_not_overwritten_by_one_extrapolated_from_little_cpu(make_run, reported):
    sizing = reported(make_run(cpu_per_connection=0.0004), SERVICE | {"server.capacity": "2MB/s"}).sizing
    (bandwidth,) = [row for row in sizing.constraints if (row.figures, row.name) == ("measured", "bandwidth")]
    assert bandwidth.capacity_per_server == pytest.approx(2e6 * 0.7)
    capacity = next(variable for variable in sizing.variables if variable.name == "capacity")
    assert capacity.planned == 2e6
    assert "for messages like these; the network's limit is not in it" in capacity.how


def test_a_measured_capacity_is_of_the_formula_and_no_resource_of_its_own(make_run, reported):
    sizing = reported(make_run(cpu_per_connection=0.005), {"workload.connections": "10k"}).sizing
    assert "bandwidth" not in {row.name for row in sizing.constraints}
    assert sizing.document_measured_exact == pytest.approx(10_000 * 0.005 / 0.7, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"ramp_s": 1, "hold_s": 3},
            "no capacity (4 s with a sample of the server are too few to learn from; use a run with at least "
            "5 of them, or give --capacity)",
            id="too short",
        ),
        pytest.param(
            {"cpu_per_connection": 5e-6},
            "no capacity (the server did too little to extrapolate from; load it more, or give --capacity)",
            id="too light",
        ),
        pytest.param(
            {"server": None},
            "no capacity (sample the server with --server-pid, or give --capacity)",
            id="not sampled",
        ),
        pytest.param(
            {"change": changed(lambda one: {"servers": {"server": ServerUse(rss_bytes=50_000_000)}})},
            "no capacity (no source of the server shows its CPU, so the run shows no cost; run it again with "
            "--server-pid, or metrics that show it, or give --capacity)",
            id="no source shows its CPU",
        ),
    ],
)
def test_why_there_is_no_capacity_is_said_as_it_is(make_run, reported, changes, said):
    """Light runs of sampled servers were told to sample the server."""
    sizing = reported(make_run(**changes), {"workload.connections": "10k"}).sizing
    assert (sizing.servers_measured, sizing.servers_measured_how) == (None, said)


# ── a server that was asked for more than it can ──────────────────────────────────────


def failed(share):
    def field(interval):
        (*others, ack) = interval.operations
        lost = round(ack.count * share / (1 - share))
        return {"operations": [*others, msgspec.structs.replace(ack, errors={"timeout": lost})]}

    return changed(field)


def lost(share):
    return changed(
        lambda interval: {
            "delivery": Delivery(
                published=10,
                expected=10_000,
                received=round(10_000 * (1 - share)),
                lost=round(10_000 * share),
            )
        }
    )


def refused(share):
    def field(interval):
        failed = round(1000 * share)
        return {
            "connections": msgspec.structs.replace(
                interval.connections, attempted=1000, established=1000 - failed, failed={"refused": failed}
            )
        }

    return changed(field)


def unconnected(share):
    def field(interval):
        now = interval.connections.open
        return {"connections": msgspec.structs.replace(interval.connections, open=round(now * (1 - share)))}

    return changed(field)


def withheld(share):
    def field(interval):
        (found,) = interval.user_classes
        return {
            "user_classes": [
                msgspec.structs.replace(
                    found, offered=1000, issued=round(1000 * (1 - share)), withheld=round(1000 * share)
                )
            ]
        }

    return changed(field)


def pending(share):
    return changed(
        lambda interval: {
            "delivery": Delivery(published=1, expected=1000, received=1000, pending=round(30_000 * share))
        }
    )


@pytest.mark.parametrize(
    ("change", "most", "said"),
    [
        pytest.param(failed, 0.01, "calls failed, by timeout most", id="calls"),
        pytest.param(lost, 0.001, "expected deliveries were lost", id="deliveries"),
        pytest.param(refused, 0.01, "connects failed", id="connects"),
        pytest.param(unconnected, 0.01, "users were not connected", id="lock-outs"),
        pytest.param(
            withheld, 0.01, "users could not begin 3 % of their operations", id="withheld operations"
        ),
        pytest.param(pending, 0.01, "were still under way at the end", id="a backlog"),
    ],
)
def test_no_count_comes_from_a_run_that_was_beyond_its_server(make_run, reported, change, most, said):
    """A server that answered 40 % of its calls was sized as idle: "1 server, no doubt"."""
    fine = reported(make_run(users=400, change=change(most / 2), cpu_per_connection=0.002), SERVICE).sizing
    assert fine.servers_measured is not None
    beyond = reported(make_run(users=400, change=change(3 * most), cpu_per_connection=0.002), SERVICE).sizing
    assert (beyond.servers_measured, beyond.document_measured, beyond.servers_needed) == (None, None, None)
    assert beyond.servers_measured_how.startswith("the load was beyond this server (")
    assert said in beyond.servers_measured_how


def test_the_planned_count_stays_where_the_measured_one_is_withheld(make_run, reported, article):
    sizing = reported(make_run(change=failed(0.5)), article).sizing
    assert (sizing.servers_planned, sizing.servers_measured, sizing.servers_needed) == (33, None, 33)


def test_what_nobody_answered_counts_as_the_time_it_was_waited_for(make_run, reported, sparse):
    """3,533 of 8,533 calls timed out after 5 s, and the p99 was that of the others."""

    def field(interval):
        (*others, ack) = interval.operations
        late = msgspec.structs.replace(
            ack, errors={"timeout": 5, "refused": 9}, given_up=sparse(np.full(5, 5.1))
        )
        return {"operations": [*others, late]}

    row = reported(make_run(change=changed(field))).operations[-1]
    assert row.p50_s == pytest.approx(0.002, rel=0.02)
    assert row.p99_s >= 5
    assert row.max_s == pytest.approx(5.1, rel=1e-3)
    assert row.count == 550 + 2000, "and is no success"


def test_a_call_that_nobody_answered_was_issued_and_not_achieved(make_run, reported):
    run = make_run(
        change=changed(
            lambda interval: {
                "user_classes": [
                    msgspec.structs.replace(interval.user_classes[0], offered=10, issued=10, failed=4)
                ]
            }
        )
    )
    (found,) = reported(run).user_classes
    assert (found.offered, found.issued, found.achieved) == (300, 300, 180)


# ── each workload, planned from its own run ───────────────────────────────────────────


def emits(interval):
    """No call: events without acknowledgement, five a user and second."""
    sent = 5 * interval.connections.open
    found = msgspec.structs.replace(interval.user_classes[0], begun=sent, sent=sent)
    return {"operations": interval.operations[:-1], "user_classes": [found]}


def used(interval, cpu_cores):
    """The sample of the server with another CPU."""
    return {"server": msgspec.structs.replace(interval.server, cpu_cores=cpu_cores)}


def chat(interval):
    """One room of all: each of 100 users publishes 0.2 a second, delivered to everyone."""
    published = interval.connections.open // 5
    came = published * interval.connections.open
    found = msgspec.structs.replace(interval.user_classes[0], begun=published, sent=published)
    return {
        "operations": [
            *interval.operations[:-1],
            Operation(op="deliver", name="chat message", count=came),
        ],
        "delivery": Delivery(published=published, expected=came, received=came),
        "user_classes": [found],
        "servers": used(interval, 0.01 + 3e-4 * came),
    }


def idle(interval):
    """Nothing but heartbeats, and a server that took a hundred times the CPU while it warmed up."""
    found = msgspec.structs.replace(interval.user_classes[0], begun=1, sent=0)
    cpu = 0.0008 if interval.t_s > 10 else 0.08
    return {
        "operations": interval.operations[:-1],
        "user_classes": [found],
        "servers": used(interval, cpu),
    }


def warm_up(interval):
    """Calls that are three times as dear during the ramp."""
    times = 3 if interval.t_s <= 10 else 1
    return {"servers": used(interval, times * interval.server.cpu_cores)}


def pushes(interval):
    """What nobody published: twenty events a second to each."""
    came = 20 * interval.connections.open
    found = msgspec.structs.replace(interval.user_classes[0], begun=1, sent=0)
    return {
        "operations": [*interval.operations[:-1], Operation(op="deliver", name="tick", count=came)],
        "user_classes": [found],
    }


def cheap(interval):
    """Calls of 60 µs: an acknowledgement charged again, as a published delivery, makes half as much more."""
    cpu = interval.server.cpu_cores / 100
    return {"servers": used(interval, cpu)}


@pytest.mark.parametrize(
    "field",
    [emits, chat, idle, warm_up, pushes, lambda _: {}, cheap],
    ids=["emits", "chat", "idle", "warm-up", "pushes", "echo", "cheap calls"],
)
def test_a_workload_planned_from_its_own_run_takes_the_cpu_that_was_seen(make_run, plan_inputs, field):
    """The ack of an echo was charged twice (+56 %), a warm-up became a base cost (idle: 49 times)."""
    run = make_run(cpu_per_connection=0.006, change=changed(field))
    observations = observe([run], ["yes"])
    profile = measure(observations, 1)
    found = inputs_of(profile, observations, 1)
    inputs = compose.complete(compose.with_measured(plan_inputs(SERVICE), found))
    seen = observations.usable.mean("cpu_cores", observations.usable.held)
    drawn = predict(inputs, observations, draws=500, seed=1)["cpu"]
    assert float(np.median(drawn)) == pytest.approx(seen, rel=0.05)
    plan = plan_of(run, SERVICE | {"workload.connections": "100"})
    (cpu,) = [row for row in plan.constraints if row.name == "event loop"]
    assert cpu.demand == pytest.approx(seen, rel=0.05)


@pytest.mark.parametrize("field", [emits, chat, pushes], ids=["emits", "chat", "pushes"])
def test_a_plan_of_calls_foretells_a_run_of_another_workload(make_run, plan_inputs, field):
    """The load is the run's own: its messages are none of the plan's."""
    learnt = observe([make_run(cpu_per_connection=0.006)], ["yes"])
    found = inputs_of(measure(learnt, 1), learnt, 1)
    inputs = compose.complete(
        compose.with_measured(plan_inputs(SERVICE | {"server.profile": "node-ws"}), found)
    )
    other = observe([make_run(change=changed(field), cpu_per_connection=0.006)], ["yes"])
    assert np.median(predict(inputs, other, draws=200, seed=1)["cpu"]) > 0


def test_a_few_late_messages_are_no_kind_of_their_own(make_run):
    """A publish counts when its last delivery came: the difference made emits and pushes of a chat."""

    def late(interval):
        made = chat(interval)
        (found,) = made["user_classes"]
        (*others, came) = made["operations"]
        return made | {
            "user_classes": [msgspec.structs.replace(found, sent=found.sent + (interval.t_s == 15))],
            "operations": [*others, msgspec.structs.replace(came, count=came.count + 7)],
        }

    assert [one.kind for one in plan_of(make_run(change=changed(late)), SERVICE).messages] == ["room"]


def test_the_messages_of_a_run_are_those_of_its_plan(make_run):
    plan = plan_of(make_run(change=changed(chat)), SERVICE)
    (message,) = plan.messages
    assert (message.name, message.kind) == ("chat_message", "room")
    figures = {figure.key: figure.value for figure in plan.figures}
    assert figures["workload.messages.chat_message.rate"] == pytest.approx(0.2, rel=0.01)
    assert figures["workload.messages.chat_message.room_size"] == pytest.approx(100)


def test_rooms_are_as_large_as_their_deliveries_and_awaited_pushes_are_no_part_of_them(make_run):
    def rooms(interval):
        """Each of 100 users publishes 0.2 a second to a room of 20, and gets an awaited push a second."""
        users = interval.connections.open
        published = users // 5
        found = msgspec.structs.replace(interval.user_classes[0], begun=published, sent=published)
        come = published * 20
        return {
            "operations": [
                *interval.operations[:-1],
                Operation(op="deliver", name="say", count=come),
                Operation(op="deliver", name="order.done", count=users),
            ],
            "delivery": Delivery(published=published, expected=come + users, received=come + users),
            "audiences": [
                AudienceDeliveries("room", 20, published, expected=come, received=come),
                AudienceDeliveries("user", 1, users, expected=users, received=users),
            ],
            "user_classes": [found],
        }

    plan = plan_of(make_run(change=changed(rooms)), SERVICE)
    assert {(message.name, message.kind) for message in plan.messages} == {
        ("say", "room"),
        ("pushes", "push"),
    }
    figures = {figure.key: figure.value for figure in plan.figures}
    assert figures["workload.messages.say.room_size"] == pytest.approx(20)
    assert figures["workload.messages.say.rate"] == pytest.approx(0.2, rel=0.01)
    assert figures["workload.messages.pushes.rate"] == pytest.approx(1.0, rel=0.01)


def test_a_room_is_never_taken_for_larger_than_it_was(make_run):
    """A hundred times the users of one room are a hundred rooms: their deliveries grow with the users."""
    run = make_run(change=changed(chat))
    one, hundred = (plan_of(run, SERVICE | {"workload.connections": n}) for n in ("100", "10k"))
    asked = [
        next(row.demand for row in plan.constraints if row.name == "event loop") for plan in (one, hundred)
    ]
    assert asked[1] / asked[0] == pytest.approx(100, rel=0.1)


def test_a_room_of_everybody_settles_at_the_square_root(make_run, reported):
    """Its load grows with the square of its users: not four times the users, but twice."""

    def light(interval):
        made = chat(interval)
        return made | {"servers": used(interval, 0.1)}

    bound = reported(make_run(change=changed(light)), SERVICE).sizing.bound
    assert "about 200 users would give the exact count" in bound


# ── what the measured server was ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cores", "server", "times"),
    [
        pytest.param(1, "one process of one core", 1, id="one process"),
        pytest.param(0.25, "one process of 0.25 of a core", 4, id="a quota of a quarter"),
        pytest.param(4, "4 processes of one core", 0.25, id="four processes"),
        pytest.param(1.5, "2 processes of 0.75 of a core", 2 / 3, id="two processes under a quota"),
    ],
)
def test_the_cores_and_the_quota_of_the_measured_server_are_kept(make_run, reported, cores, server, times):
    """``plan --from`` took any server for one core: 1 server instead of 3."""
    measured = MeasuredServer(name="server", source="pid 1", pids=[1], cores=cores)
    run = make_run(users=400, server=measured, cpu_per_connection=0.5 * cores / 400)
    sizing = reported(run, SERVICE).sizing
    assert sizing.server == server
    (cpu,) = [row for row in sizing.constraints if row.name == "event loop"]
    assert cpu.capacity_per_server == pytest.approx(0.7 * cores)
    assert cpu.servers == pytest.approx(10_000 / 400 * 0.5 / 0.7, rel=0.35), "however many cores it has"
    assert plan_of(run, SERVICE).server == server


def test_a_server_that_is_planned_otherwise_than_measured_stays_as_planned(make_run, reported):
    run = make_run(users=400, cpu_per_connection=0.5 / 400)
    sizing = reported(run, SERVICE | {"server.processes": "4"}).sizing
    assert sizing.server == "4 processes of one core"


def test_the_memory_and_files_of_the_measured_server_are_constraints(make_run, reported):
    run = make_run(rss_per_connection=9_000_000, cpu_per_connection=0.0045)
    sizing = reported(run, SERVICE).sizing
    rows = {row.name: row for row in sizing.constraints}
    # of 1 GB 70 % may be used, 50 MB of it by the idle server; each socket has 4 kB in the kernel
    assert rows["memory"].capacity_per_server == pytest.approx((0.7e9 - 50e6) / 9e6, rel=0.05)
    assert rows["open files"].capacity_per_server == pytest.approx(1024 - 15)
    assert sizing.binding == "memory"


def test_without_a_sample_of_the_server_the_planned_capacity_counts(make_run, reported, article):
    sizing = reported(make_run(server=None), article).sizing
    assert sizing.servers_measured == 33
    assert sizing.servers_measured_how.startswith("the formula with the measured consumption rate; ")


def test_without_server_and_plan_there_is_no_number_of_servers(make_run, reported):
    report = reported(make_run(server=None))
    sizing = report.sizing
    assert report.server is None
    assert (sizing.servers_planned, sizing.servers_measured, sizing.binding) == (None, None, None)
    assert "--server-pid" in sizing.servers_measured_how
    assert report.valid == "yes"


def test_what_is_not_given_has_the_defaults_of_a_plan(make_run, reported):
    """``report --connections --capacity`` had no downtime, no workday and no utilization."""
    variables = {one.name: one.planned for one in reported(make_run(), SERVICE).sizing.variables}
    assert variables == {
        "connections": 10_000,
        "consumption_rate": None,
        "downtime": 0,
        "workday": 86_400,
        "capacity": 1e9,
        "utilization": 0.7,
    }
    assert {one.planned for one in reported(make_run()).sizing.variables} == {None}


def test_without_a_plan_the_peak_is_sized(make_run, reported):
    sizing = reported(make_run(cpu_per_connection=0.005)).sizing
    assert (sizing.servers_planned, sizing.servers_measured) == (None, 1)


def test_a_run_that_teaches_nothing_says_why(make_run, reported):
    """Too short, or a load that never varied: no cost, and so no number but the formula's."""
    sizing = reported(make_run(ramp_s=2, hold_s=2), SERVICE).sizing
    assert "4 s with a sample of the server are too few to learn from" in sizing.servers_measured_how


def test_a_bound_of_earlier_runs_is_none_of_a_later_one(make_run):
    """A plan from a light run kept its bound in the report of a heavy one."""
    light, heavy = (
        inputs_of(measure(seen, 1), seen, 1)
        for seen in (observe([make_run(cpu_per_connection=cpu)], ["yes"]) for cpu in (0.001, 0.006))
    )
    assert "server.seen_connections" in light
    assert "server.seen_connections" not in measured_over(light, heavy)


def kept(name):
    """Intervals in which a store keeps 100 messages of 400 bytes each second, while users are away."""

    def change(interval):
        messages = round(100 * interval.t_s)
        use = ServerUse(store_messages=messages, store_bytes=400 * messages, beside=True)
        return {"servers": {name: use}, "losses": Losses(away_now=5)}

    return changed(change)


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("postgres", {}, "a message in PostgreSQL"),
        ("mongo", {"storage.kind": "relational"}, "a message in MongoDB"),
        ("couchdb", {"storage.kind": "document"}, "a message in MongoDB"),
        ("couchdb", {}, ""),
    ],
)
def test_the_storage_of_a_plan_stands_beside_a_measured_backlog(name, keys, words, make_run, reported):
    planned = {"storage.offline_users": "100", "storage.messages": "10/s", "storage.readers": "8"}
    found = reported(make_run(change=kept(name)), SERVICE | planned | keys).backlog
    rows = {one.name: one for one in found.planned}
    assert list(rows) == [*([words] if words else []), "messages written"]
    assert rows["messages written"].planned == pytest.approx(125)
    assert rows["messages written"].measured == pytest.approx(100)
    if "Postgre" in words:
        live = relational_store(200.0)
        assert rows[words].planned == pytest.approx(live.record_bytes + live.index_bytes), "none is deleted"


def test_a_plan_without_storage_has_nothing_beside_a_backlog(make_run, reported):
    assert reported(make_run(change=kept("postgres")), SERVICE).backlog.planned == []
    assert reported(make_run(), SERVICE).backlog is None
