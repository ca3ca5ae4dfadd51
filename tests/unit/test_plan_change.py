"""What moved a plan, for what plan files can differ in."""

import pytest

from siotool.errors import InputError
from siotool.plan.diff.change import compare
from siotool.plan.inputs.planfile import decode

PLAN = """\
[workload]
connections = "200k"
[workload.messages.chat]
kind = "room"
rate = "1/min"
size = "200B"
room_size = "50"
[server]
capacity = "1Gbit/s"
processes = 4
[topology]
adapter = "redis-sharded"
"""


def moved(before, after):
    found = compare(decode(before, "a"), decode(after, "b"), ("a", "b"), draws=300, seed=1)
    return found, {row.key: row for row in found.moved}


@pytest.mark.parametrize(
    ("change", "key", "before", "after"),
    [
        pytest.param(('"200k"', '"400k"'), "workload.connections", "200,000", "400,000", id="a figure"),
        pytest.param(
            ('"200B"', '"1kB..2kB"'), "workload.messages.chat.size", "200 B", "1 kB..2 kB", id="range"
        ),
        pytest.param(
            ('"redis-sharded"', '"redis"'), "topology.adapter", "redis-sharded", "redis", id="choice"
        ),
        pytest.param(
            ("[topology]", "[goals]\nspares = 2\n[topology]"), "goals.spares", "0", "2", id="over a default"
        ),
        pytest.param(
            ("[topology]", "[transport]\nrecovery = true\n[topology]"),
            "transport.recovery",
            "false",
            "true",
            id="a flag",
        ),
        pytest.param(
            ('"room"', '"broadcast"'),
            "workload.messages.chat.kind",
            "room",
            "broadcast",
            id="a message's kind",
        ),
        pytest.param(
            ('size = "200B"', 'size = "200B"\nbinary = true'),
            "workload.messages.chat.kind",
            "room",
            "room, binary",
            id="a message's flag",
        ),
        pytest.param(
            ("processes = 4", 'processes = 4\nprofile = "python-socketio"'),
            "server.profile",
            None,
            "python-socketio",
            id="a profile is one input, not each of its costs",
        ),
    ],
)
def test_one_change_is_one_input_and_all_of_the_difference(change, key, before, after):
    found, rows = moved(PLAN, PLAN.replace(*change))
    assert list(rows) == [key]
    assert (rows[key].before, rows[key].after) == (before, after)
    if found.change is not None:
        assert rows[key].share == rows[key].alone == found.change


def test_a_kind_of_message_comes_and_goes_whole():
    news = '[workload.messages.news]\nkind = "echo"\nrate = "1/s"\nsize = "1kB"\n'
    found, rows = moved(PLAN, PLAN + news)
    assert list(rows) == ["workload.messages.news"]
    assert rows["workload.messages.news"].before is None
    assert rows["workload.messages.news"].after == "echo 1 /s 1 kB"
    back, _ = moved(PLAN + news, PLAN)
    assert back.change == -found.change != 0


def test_what_moves_nothing_is_listed_and_moves_nothing():
    found, rows = moved(PLAN, PLAN + 'balancer = "lvs"\n')
    assert found.change == 0
    assert rows["topology.balancer"].share == 0


def test_where_a_figure_was_typed_is_no_difference():
    first, second = decode(PLAN, "here.toml"), decode(PLAN, "there.toml")
    assert compare(first, second, ("here", "there"), draws=100, seed=1).moved == []


def test_a_plan_that_is_none_is_refused_rather_than_called_infeasible():
    with pytest.raises(InputError, match=r"no workload\.connections"):
        moved(PLAN, PLAN.replace('connections = "200k"', ""))
