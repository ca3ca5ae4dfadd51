"""The table of costs: what it says, and that all else goes by it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from siotool.errors import InputError
from siotool.plan.constraints.cpu import COSTS as COSTS_OF_THE_LOOP
from siotool.plan.constraints.cpu import load
from siotool.plan.constraints.registry import CONSTRAINTS
from siotool.plan.constraints.turns import turns
from siotool.plan.demand.service import world
from siotool.plan.inputs import fields, template
from siotool.plan.inputs.costs import COSTS, LEARNT, PROFILES, priors
from siotool.plan.inputs.middles import middles
from siotool.plan.inputs.ranges import Range
from siotool.runs.seconds import seconds_of
from tests.unit import planfile_schema as schema

PACKAGE = Path(__file__).parents[2] / "siotool"
KEYS = [cost.key for cost in COSTS]
PRIORS = [
    pytest.param(prior, id=f"{profile} {key}")
    for profile in PROFILES
    for key, prior in priors(profile).items()
]


def test_every_profile_a_plan_file_may_name_exists():
    assert tuple(PROFILES) == fields.field_of("server.profile").choices
    assert all(parent in ("", *PROFILES) for parent in PROFILES.values())


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_speaks_the_plan_files_language(name):
    figures = {key: prior.figure() for key, prior in priors(name).items()}
    assert {fields.field_of(key).kind for key in figures} == {"duration", "size"}
    for key, figure in figures.items():
        low = figure.value.low if isinstance(figure.value, Range) else figure.value
        assert low >= fields.field_of(key).low
    assert "server.delivery_cost" in figures


@pytest.mark.parametrize("prior", PRIORS)
def test_a_published_figure_has_an_address_and_a_guess_says_why(prior):
    assert 0 <= prior.low <= (prior.low if prior.likely is None else prior.likely) <= prior.high
    assert prior.source
    if prior.kind == "published":
        assert re.search(r"https://\S+", prior.source)
    else:
        assert prior.kind == "default"


def test_a_plan_file_has_the_costs_of_the_table_and_no_others():
    of_plan = [f.key for f in fields.FIELDS if f.key.startswith("server.") and is_cost(f)]
    assert of_plan == KEYS


def is_cost(field):
    return field.key.endswith("_cost") or "memory_" in field.key or "heap_" in field.key


def test_plan_init_and_the_schema_have_every_cost():
    text, table = template.render({}, {}, "plan.toml"), schema.schema()["properties"]["server"]["properties"]
    for cost in COSTS:
        name = cost.key.removeprefix("server.")
        assert f'# {name} = "{cost.example}"  # {cost.about}' in text
        assert table[name]["description"] == cost.about


def test_a_cost_that_runs_show_is_learnt_from_a_column_of_their_seconds(make_run):
    columns = seconds_of([make_run()]).columns
    assert all(cost.column in columns for cost in LEARNT)
    assert [cost.rank for cost in LEARNT] == list(range(1, len(LEARNT) + 1))
    assert all(cost.words and cost.one and cost.try_next for cost in LEARNT)


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.key)
def test_a_cost_that_rises_asks_for_more_servers(cost, plan_inputs):
    """A cost that no constraint counts would be a row without a use."""
    keys = {"workload.connections": "100k", "workload.churn": "50/s", "server.profile": "node-ws"}
    keys |= {"server.memory": "16GiB", "server.heap": "4GiB", "server.tls": "true", "transport.polling": "5%"}
    keys |= {"topology.adapter": "redis", "server.base_cost": "1%", "server.ack_cost": "20us"}
    keys |= {"server.publish_cost": "30us"}
    messages = {
        "news": {"kind": "room", "rate": "1/min", "room_size": "10"},
        "call": {"kind": "echo", "rate": "1/min", "acknowledged": "true"},
    }
    inputs = plan_inputs(keys, messages)
    values = middles(inputs)

    def asked():
        found = (one.limit(world(inputs, values)) for one in CONSTRAINTS)
        return [limit.servers for limit in found if limit is not None]

    before = asked()
    values[cost.key] *= 1.5
    assert any(now > then for now, then in zip(asked(), before, strict=True))


@pytest.mark.parametrize(("adapter", "publishes_per_s"), [("none", 0.0), ("redis", 1000.0)])
def test_a_publish_costs_its_own_process_what_the_adapter_takes(adapter, publishes_per_s, plan_inputs):
    keys = {"workload.connections": "60k", "server.profile": "node-ws", "topology.adapter": adapter}
    messages = {"news": {"kind": "room", "rate": "1/min", "room_size": "10"}}

    def cores(cost):
        inputs = plan_inputs(keys | {"server.publish_cost": cost}, messages)
        made = world(inputs, middles(inputs))
        return load(made).shared, turns(made, load(made), 4.0).longest.own_s

    (cheap, soon), (dear, late) = cores("0us"), cores("30us")
    assert dear - cheap == pytest.approx(30e-6 * publishes_per_s)
    assert late - soon == pytest.approx(30e-6 if publishes_per_s else 0.0)


def test_the_costs_of_the_event_loop_are_of_the_table():
    assert set(COSTS_OF_THE_LOOP) < set(KEYS)


#: Names that costs had beside those of the plan file.
OTHER_NAMES = re.compile(r"[\"'](\w+_s|\w+_s_per_s|base_cores|memory_\w*bytes)[\"']")


@pytest.mark.parametrize("room", ["inputs", "evidence", "sizing"])
def test_no_room_names_a_cost_in_another_way(room):
    names = {name.removeprefix("server.").removesuffix("_cost") for name in KEYS}
    for path in (PACKAGE / "plan" / room).glob("*.py"):
        for found in OTHER_NAMES.findall(path.read_text(encoding="utf-8")):
            assert re.sub(r"(_s_per_s|_s|_cores|_bytes)$", "", found) not in names, (path.name, found)


ADDED = r"""
import json
from siotool.plan.inputs import costs
costs.COSTS += (
    costs.ServerCost(
        key="server.log_cost",
        about="CPU per line of the log",
        example="7us",
        priors={"node-ws": costs.Prior(1e-6, None, 2e-6, "default", "a guess")},
    ),
)
from siotool.plan.inputs import compose, planfile, template
from tests.unit import planfile_schema as schema
typed = planfile.decode("[workload]\nconnections = 1\n[server]\nlog_cost = '3us'", "plan.toml")
prior = planfile.decode("[workload]\nconnections = 1\n[server]\nprofile = 'node-uws'", "plan.toml")
print(json.dumps([
    'log_cost = "7us"  # CPU per line of the log' in template.render({}, {}, "plan.toml"),
    "log_cost" in schema.schema()["properties"]["server"]["properties"],
    compose.complete(typed).figures["server.log_cost"].value,
    compose.complete(prior).figures["server.log_cost"].value.high,
]))
"""


def test_a_new_cost_is_a_row_of_the_table():
    done = subprocess.run([sys.executable, "-c", ADDED], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, True, 3e-6, 2e-6]


def test_the_published_benchmark_is_reproduced():
    # 30,000 clients at 1 message/s fill the core; 20,000 take 90 % of it
    delivery = priors("node-ws")["server.delivery_cost"]
    assert 30_000 * delivery.low == pytest.approx(1.0, abs=0.011)
    assert 20_000 * delivery.high == pytest.approx(0.9)
    fast = priors("node-uws")["server.delivery_cost"]
    assert 120_000 * fast.low == pytest.approx(0.70, abs=0.005)
    assert 150_000 * fast.likely == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [("node-ws", 98.0), ("node-eiows", 65.0), ("node-uws", 61.5)],
)
def test_the_published_heap_at_ten_thousand_connections(name, megabytes):
    # socket.io/docs/v4/memory-usage, read off its chart to ± 2 MB; 5.5 MB without connections
    heap = priors(name)["server.heap_per_connection"]
    assert 5.5 + 10_000 * heap.low / 1e6 == pytest.approx(megabytes, abs=2)


def test_one_value_is_no_range():
    costs = priors("node-ws")
    assert costs["server.kernel_memory_per_connection"].figure().value == 4096
    assert costs["server.delivery_cost"].figure().value == Range(33e-6, None, 45e-6)
    assert costs["server.delivery_cost"].figure().provenance.kind == "published"


def test_python_has_no_javascript_heap():
    assert "server.heap_per_connection" not in priors("python-socketio")


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        PROFILES["mine"] = ""
    with pytest.raises(AttributeError):
        COSTS[0].key = "mine"
    with pytest.raises(TypeError):
        COSTS[1].priors["mine"] = COSTS[1].priors["node-ws"]


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match='"deno"') as refused:
        priors("deno")
    assert "node-uws" in refused.value.hint
