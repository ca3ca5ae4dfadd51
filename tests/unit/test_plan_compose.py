import pytest

from siotool.errors import InputError
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.costs import COSTS
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.sizing import sizing

FILE = """
[workload]
connections = "1M"
consumption_rate = "2KB/s"
[server]
capacity = "100MB/s"
"""
MESSAGES = '[workload.messages.chat]\nkind = "echo"\nrate = "1/s"\n'


def decoded(text=FILE):
    return planfile.decode(text, "plan.toml")


def flags(**given):
    return compose.from_flags({key.replace("__", "."): (f"--{key}", text) for key, text in given.items()})


def test_flags_are_read_like_the_file():
    one = flags(workload__connections="50k..80k", topology__adapter="redis", transport__upgrade="false")
    assert one.figures["workload.connections"].value == Range(50_000, None, 80_000)
    assert one.figures["topology.adapter"].value == "redis"
    assert one.figures["transport.upgrade"].value is False


@pytest.mark.parametrize(
    ("key", "text", "message", "hint"),
    [
        pytest.param(
            "server.memory", "4GB/s", "--x: '4GB/s' has the unit 'GB/s'", "known units", id="a unit"
        ),
        pytest.param(
            "server.memry", "4GB", "--x is not known; known here: workload.connections", "server.memory"
        ),
        pytest.param("goals.availability", "99.9", "--x is 9,990 %; expected more than 0 %", "70% or 0.7"),
        pytest.param("transport.upgrade", "yes", "--x is 'yes'; expected true or false", "polling"),
    ],
)
def test_a_wrong_flag_is_refused_by_its_name(key, text, message, hint):
    with pytest.raises(InputError) as caught:
        compose.from_flags({key: ("--x", text)})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_flags_over_the_file_over_measured_over_published_over_defaults():
    runs = measured(("a-run",))
    seen = Inputs(
        {
            "workload.connections": Figure(5.0, runs),
            "server.capacity": Figure(5.0, runs),
            "server.idle_cost": Figure(Replicates((1e-6, 2e-6)), runs),
        }
    )
    typed = compose.over(flags(workload__connections="2M"), decoded(FILE + MESSAGES))
    inputs = compose.complete(compose.over(typed, seen))
    found = {
        key: (inputs.figures[key].value, inputs.figures[key].provenance)
        for key in (
            "workload.connections",
            "server.capacity",
            "server.idle_cost",
            "server.delivery_cost",
            "server.utilization",
        )
    }
    assert found["workload.connections"] == (2e6, Provenance("typed", "--workload__connections"))
    assert found["server.capacity"] == (100e6, Provenance("typed", "plan.toml"))
    assert found["server.idle_cost"] == (Replicates((1e-6, 2e-6)), runs)
    assert found["server.delivery_cost"][1].kind == "published"
    assert "https://" in found["server.delivery_cost"][1].detail
    assert found["server.utilization"] == (0.7, Provenance("default"))


def test_a_plan_says_where_each_figure_is_from():
    inputs = compose.complete(compose.over(flags(workload__connections="2M"), decoded()))
    plan = sizing.size(inputs)
    kinds = {row.key: row.provenance.kind for row in plan.figures}
    assert kinds["workload.connections"] == kinds["server.capacity"] == "typed"
    assert kinds["goals.zones"] if "goals.zones" in kinds else kinds["topology.zones"] == "default"
    assert plan.constraints[0].provenance == (
        "typed: connections, consumption rate, capacity; default: utilization"
    )


@pytest.mark.parametrize(
    ("text", "there", "why"),
    [
        pytest.param(FILE, False, "", id="the formula alone is about bandwidth"),
        pytest.param(FILE + MESSAGES, True, "messages were given and no profile", id="messages cost CPU"),
        pytest.param(FILE + "profile = 'node-uws'", True, "", id="a profile that was asked for"),
    ],
)
def test_costs_are_filled_in_only_where_messages_or_a_profile_are(text, there, why):
    inputs = compose.complete(decoded(text))
    assert any(cost.key in inputs for cost in COSTS) == there
    if why:
        assert inputs.figures["server.profile"] == Figure("node-ws", Provenance("default", why))


def test_what_was_typed_is_not_taken_from_the_profile():
    inputs = compose.complete(decoded(FILE + "profile = 'node-ws'\nidle_cost = '1us'"))
    assert inputs.figures["server.idle_cost"].value == 1e-6


def test_a_plan_of_nobody_is_no_plan():
    with pytest.raises(InputError, match=r"the plan has no workload\.connections") as caught:
        compose.complete(decoded("[server]\ncapacity = '1GB/s'"))
    assert "--connections" in caught.value.hint


@pytest.mark.parametrize(
    ("downtime", "message"),
    [
        pytest.param("24h", "downtime 24 h is not shorter than the workday 24 h", id="down all day"),
        pytest.param("1h..30h", "downtime 30 h is not shorter", id="a range that reaches beyond the day"),
    ],
)
def test_a_server_is_up_for_a_part_of_the_day(downtime, message):
    with pytest.raises(InputError, match=message):
        compose.complete(decoded(FILE + f"[goals]\ndowntime = '{downtime}'"))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        pytest.param(
            FILE, "--set workload.messages.chat.rate: the plan has no messages", "messages.chat", id="none"
        ),
        pytest.param(
            FILE + MESSAGES.replace("chat", "chart"),
            "--set workload.messages.chat.rate: is not known; known here: chart",
            "did you mean chart?",
            id="another one",
        ),
    ],
)
def test_a_figure_of_a_message_that_is_not_there_changes_nothing_and_is_refused(text, message, hint):
    key = "workload.messages.chat.rate"
    typed = compose.over(compose.from_flags({key: (f"--set {key}", "2/s")}), decoded(text))
    with pytest.raises(InputError) as caught:
        compose.complete(typed)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_a_flag_changes_a_message_of_the_file():
    key = "workload.messages.chat.rate"
    typed = compose.over(compose.from_flags({key: (f"--set {key}", "2/s")}), decoded(FILE + MESSAGES))
    assert compose.complete(typed).figures[key].value == 2


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        pytest.param((0.0, 0.0, 1e-3), "default", id="from 0 to beyond what is published: nothing was seen"),
        pytest.param((0.0, 20e-6, 40e-6), "measured", id="from 0, and less than what is published"),
        pytest.param((90e-6, 95e-6, 1e-3), "measured", id="more than what is published"),
    ],
)
def test_a_fit_that_says_less_than_was_known_replaces_nothing(seen, kept):
    """A cost of 0..1 ms took the place of 20..80 µs, and the plan's interval grew by measuring."""
    text = (
        '[workload]\nconnections = "1k"\n[workload.messages.a]\nkind = "echo"\nrate = "1/s"\n'
        '[server]\ncapacity = "1Gbit/s"'
    )
    measured = Inputs({"server.inbound_cost": Figure(Replicates(seen), Provenance("measured", "run a"))})
    inputs = compose.complete(compose.with_measured(planfile.decode(text, "x"), measured))
    assert inputs.figures["server.inbound_cost"].provenance.kind == kept


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        pytest.param((0.0, 0.0, 1e-3), "default", id="what is decoded is guessed with what is received"),
        pytest.param((10e-6, 20e-6, 30e-6), "measured", id="what is decoded is inside what was measured"),
    ],
)
def test_what_was_measured_inside_a_cost_goes_with_it(seen, kept):
    """A plan took the guess of a message from Redis, which decodes nothing, and nothing for decoding it."""
    text = (
        '[workload]\nconnections = "1k"\n[workload.messages.a]\nkind = "room"\nrate = "1/s"\nroom_size = 4\n'
        '[server]\ncapacity = "1Gbit/s"\n[topology]\nadapter = "redis"'
    )
    runs = Provenance("measured", "run a")
    measured = Inputs(
        {
            "server.adapter_cost": Figure(Replicates(seen), runs),
            "server.decode_cost": Figure(0.0, runs),
            "server.encode_cost": Figure(Replicates((1e-6, 2e-6)), runs),
        }
    )
    figures = compose.complete(compose.with_measured(planfile.decode(text, "x"), measured)).figures
    assert figures["server.adapter_cost"].provenance.kind == kept
    assert figures["server.decode_cost"].provenance.kind == kept
    assert figures["server.encode_cost"].provenance.kind == "measured"
