import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.inputs import compose, planfile, template
from siotool.plan.inputs.fields import FIELDS, SECTIONS
from siotool.plan.inputs.figure import KINDS
from siotool.plan.sizing import sizing

LEAST = {
    "workload.connections": "100k",
    "workload.consumption_rate": "2KB/s",
    "server.capacity": "1Gbit/s",
}


def test_every_key_stands_there_with_what_it_means():
    text = template.render({}, {}, "plan.toml")
    for field in FIELDS:
        section = text.partition(f"[{field.section}]")[2]
        line = next(line for line in section.splitlines() if line.startswith(f"# {field.name} = "))
        assert field.about in line
        for name in field.choices:
            assert name in line
    assert "siotool plan plan.toml" in text
    assert list(tomllib.loads(text)) == list(SECTIONS)


def test_a_template_without_anything_given_says_nothing():
    assert planfile.decode(template.render({}, {}, "x"), "x").figures == {}


def test_every_comment_is_a_line_that_may_be_used():
    """Taking the # off any line leaves a plan file that reads."""
    lines = template.render({}, {}, "x").splitlines()
    for i, line in enumerate(lines):
        if line.startswith("# ") and " = " in line and "[workload.messages" not in "".join(lines[i - 4 : i]):
            planfile.decode("\n".join([*lines[:i], line[2:], *lines[i + 1 :]]), f"line {i}")


def test_what_is_given_is_in_force_and_the_rest_is_not():
    text = template.render(LEAST, {"chat": {"kind": "room", "rate": "1/min", "room_size": "50"}}, "x")
    inputs = planfile.decode(text, "x")
    assert set(inputs.figures) == set(LEAST) | {
        "workload.messages.chat.rate",
        "workload.messages.chat.room_size",
    }
    assert [message.name for message in inputs.messages] == ["chat"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing, which is no default"),
        pytest.param('1" # ', id="a quote"),
        pytest.param("\\", id="a backslash"),
        pytest.param("a\nb", id="a line break"),
    ],
)
def test_what_is_no_figure_is_refused_and_never_another_one(text):
    with pytest.raises(InputError):
        planfile.decode(template.render(LEAST | {"server.memory": text}, {}, "x"), "x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_of_each_kind_of_message_is_sized(kind):
    messages = {"x": {"kind": kind, "rate": "1/min", "size": "200B", "room_size": "50"}}
    text = template.render({k: v for k, v in LEAST.items() if "rate" not in k}, messages, "x")
    plan = sizing.size(compose.complete(planfile.decode(text, "x")), draws=100, sensitivities=False)
    assert plan.servers.p95 is not None


texts = {
    "workload.connections": ["1k", "50k..80k", "0"],
    "workload.session_length": ["30min", "5min..2h"],
    "server.memory": ["8GiB", "8GiB..16GiB"],
    "server.processes": ["1", "4"],
    "server.profile": ["node-ws", "python-socketio"],
    "topology.adapter": ["none", "redis", "redis-sharded"],
    "topology.zones": ["1", "3"],
    "topology.balancer": ["nginx", "none"],
    "transport.upgrade": ["true", "false"],
    "goals.delivery_time": ["200ms"],
    "goals.reconnect_time": ["30s"],
    "goals.spares": ["2"],
    "workload.growth": ["30%"],
    "workload.ahead": ["180d"],
}


@given(st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in texts.items()}))
def test_whatever_is_given_makes_a_plan(given_):
    text = template.render(LEAST | given_, {}, "x")
    inputs = planfile.decode(text, "x")
    assert set(inputs.figures) == set(LEAST | given_)
    sizing.size(compose.complete(inputs), draws=100, sensitivities=False)


@given(st.text(min_size=1, max_size=8))
def test_a_message_keeps_its_name_whatever_it_is(name):
    """A dot in it made two tables of it, and a quote a plan file that is none."""
    text = template.render(LEAST, {name: {"kind": "echo", "rate": "1/s"}}, "x")
    inputs = planfile.decode(text, "x")
    assert [message.name for message in inputs.messages] == [name]


@given(st.text(max_size=8))
def test_what_was_typed_is_what_is_refused_or_read(typed):
    text = template.render({"server.memory": typed}, {}, "x")
    assert tomllib.loads(text)["server"]["memory"] == typed
