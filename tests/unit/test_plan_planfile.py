import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from siotool.errors import InputError
from siotool.plan.inputs import compose, planfile, template
from siotool.plan.inputs.fields import FIELDS, MESSAGE_FLAGS
from siotool.plan.inputs.ranges import Range
from tests.unit import planfile_schema

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/planfile.json"

WHOLE = """
[workload]
connections = "100k..200k"
peak_factor = 1.5
growth = "30%"
ahead = "180d"
session_length = "30min"
[workload.messages.chat]
kind = "room"
rate = "1/min"
size = "200B..300B..1kB"
room_size = 50
acknowledged = true
[workload.messages."the news"]
kind = "announce"
rate = "1/h"
binary = true
to_sender = false
[transport]
polling = 0.05
tls = 1.3
ip = 6
upgrade = false
[server]
capacity = "1Gbit/s"
memory = "16GiB"
processes = 4
profile = "node-uws"
[topology]
adapter = "redis-sharded"
zones = 3
[goals]
survive_zone = true
downtime = 0
"""


def test_a_whole_file():
    inputs = planfile.decode(WHOLE, "plan.toml")
    values = {key: figure.value for key, figure in inputs.figures.items()}
    assert values["workload.connections"] == Range(100_000, None, 200_000)
    assert values["workload.messages.chat.size"] == Range(200, 300, 1000)
    assert values["workload.messages.the news.rate"] == pytest.approx(1 / 3600)
    assert values["transport.tls"] == "1.3"
    assert values["transport.ip"] == "6"
    assert values["transport.upgrade"] is False
    assert values["server.memory"] == 16 * 2**30
    assert values["goals.downtime"] == 0
    chat, news = inputs.messages
    assert (chat.name, chat.kind, chat.acknowledged, chat.binary, chat.to_sender) == (
        "chat",
        "room",
        True,
        False,
        True,
    )
    assert (news.name, news.binary, news.to_sender) == ("the news", True, False)
    assert {f"{f.provenance.kind} {f.provenance.detail}" for f in inputs.figures.values()} == {
        "typed plan.toml"
    }
    assert compose.complete(inputs)


REFUSED = [
    pytest.param("[sever]\n", "[sever] is not known; known here: workload, ", "server", id="a section"),
    pytest.param("[server]\nmemry = '1GB'", "server.memry is not known; known here:", "memory", id="a key"),
    pytest.param(
        "[workload]\nmesages = 1",
        "workload.mesages is not known; known here:",
        "messages",
        id="messages misspelt",
    ),
    pytest.param(
        "[workload.messages.chat]\nkind = 'echo'\nrat = '1/s'",
        "workload.messages.chat.rat is not known; known here: kind, ",
        "rate",
        id="a key of a message",
    ),
    pytest.param(
        "[workload.messages.chat]\nkind = 'ecko'\nrate = '1/s'",
        "workload.messages.chat.kind is 'ecko': one of echo, ",
        "echo",
        id="a kind of message",
    ),
    pytest.param(
        "[topology]\nadapter = 'Redis'", "topology.adapter is 'Redis': one of ", "redis", id="a choice"
    ),
    pytest.param(
        "[server]\nprofile = 'node'", "server.profile is 'node': one of node-ws", "node", id="a profile"
    ),
]


@pytest.mark.parametrize(("text", "said", "nearest"), REFUSED)
def test_what_is_not_known_is_refused_with_the_nearest_name(text, said, nearest):
    with pytest.raises(InputError) as caught:
        planfile.decode(text, "plan.toml")
    assert caught.value.message.startswith("plan.toml: ")
    assert said in caught.value.message
    assert caught.value.hint.startswith(f"did you mean {nearest}")


WRONG = [
    pytest.param("server = 4", "plan.toml: server is a table: [server]", id="a section that is no table"),
    pytest.param(
        "[server]\nmemory = '4GB/s'", "server.memory: '4GB/s' has the unit 'GB/s'", id="another dimension"
    ),
    pytest.param("[server]\nmemory = 4", "server.memory: '4' has no unit", id="a number without its unit"),
    pytest.param(
        "[server]\nmemory = true", "server.memory is True; expected a number", id="yes is no number"
    ),
    pytest.param("[server]\nmemory = ['4GB']", "server.memory is ['4GB']; expected a number", id="a list"),
    pytest.param("[server]\nmemory = 2026-01-01", "server.memory is datetime.date", id="a date"),
    pytest.param("[server]\nmemory = nan", "server.memory: 'nan' is not a finite number", id="not a number"),
    pytest.param(
        "[server]\nmemory = '8GB..4GB'",
        "the range '8GB..4GB' is in the wrong order",
        id="a range upside down",
    ),
    pytest.param("[server]\nmemory = '4..2..8GB'", "outside the range", id="a most likely value outside"),
    pytest.param("[server]\nmemory = '4GB-8GB'", "'4GB-8GB' is not a quantity", id="a range with a dash"),
    pytest.param(
        "[server]\nutilization = 70", "server.utilization is 7,000 %; expected more than 0 %", id="70"
    ),
    pytest.param(
        "[transport]\npolling = '-1%'", "transport.polling is -1 %; expected 0 % or more", id="below 0"
    ),
    pytest.param("[transport]\npolling = '50%..120%'", "transport.polling is 120 %", id="a range beyond 1"),
    pytest.param("[topology]\nzones = 0", "topology.zones is 0; expected 1 or more", id="zero zones"),
    pytest.param("[topology]\nzones = '2..3'", "topology.zones is a range", id="a guess at a decision"),
    pytest.param(
        "[topology]\nzones = 2.5", "topology.zones is 2.5; expected a whole number", id="half a zone"
    ),
    pytest.param("[goals]\nspares = 0.5", "goals.spares is 0.5; expected a whole number", id="half a spare"),
    pytest.param(
        "[goals]\navailability = 1", "availability is 100 %; expected more than 0 %, less than", id="100 %"
    ),
    pytest.param(
        "[goals]\navailability = 0", "goals.availability is 0 %; expected more than 0 %", id="never there"
    ),
    pytest.param(
        "[workload]\nconnections = '1e300'", "is 1e+300, more than 1,000,000,000,000,000", id="a slip"
    ),
    pytest.param(
        "[workload]\ngrowth = '-100%'", "workload.growth is -100 %; expected more than -100 %", id="gone"
    ),
    pytest.param(
        "[transport]\nupgrade = 'yes'", "transport.upgrade is 'yes'; expected true or false", id="yes"
    ),
    pytest.param(
        "[transport]\nupgrade = 1", "transport.upgrade is 1; expected true or false", id="one for yes"
    ),
    pytest.param("[transport]\nip = true", "transport.ip is True: one of 4, 6", id="a flag for a choice"),
    pytest.param(
        "[workload]\nmessages = 3", "workload.messages holds a table for each kind", id="no messages"
    ),
    pytest.param(
        "[[workload.messages]]\nkind = 'echo'", "workload.messages holds a table for each", id="a list"
    ),
    pytest.param("[workload.messages.x]\nkind = 'echo'", "workload.messages.x has no rate", id="no rate"),
    pytest.param("[workload.messages.x]\nrate = '1/s'", "workload.messages.x has no kind", id="no kind"),
    pytest.param(
        "[workload.messages.x]\nkind = 'room'\nrate = '1/s'",
        "messages.x needs the size of its room",
        id="no room",
    ),
    pytest.param(
        "[workload.messages.x]\nkind = 'echo'\nrate = '1/s'\nbinary = 'no'",
        "messages.x.binary is 'no'; expected true or false",
        id="a message's flag",
    ),
    pytest.param(
        "[workload.messages.x]\nkind = 'room'\nrate = '1/s'\nroom_size = 0",
        "messages.x.room_size is 0; expected 1 or more",
        id="a room of nobody",
    ),
    pytest.param(
        "[server]\nmemory = ,", "plan.toml is not TOML: Invalid value (at line 2, column 10)", id="syntax"
    ),
    pytest.param("[server]\n[server]\n", "Cannot declare ('server',) twice (at line 2", id="a table twice"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_wrong_input_is_refused_by_its_key(text, said):
    with pytest.raises(InputError) as caught:
        planfile.decode(text, "plan.toml")
    assert caught.value.message.startswith("plan.toml")
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_defaults_are_marked_and_nothing_typed_is_changed():
    decoded = planfile.decode(WHOLE, "plan.toml")
    inputs = planfile.with_defaults(decoded)
    for key, figure in decoded.figures.items():
        assert inputs.figures[key] == figure
    added = {key: figure for key, figure in inputs.figures.items() if key not in decoded.figures}
    assert {figure.provenance.kind for figure in added.values()} == {"default"}
    assert set(added) == {f.key for f in FIELDS if f.default is not None and f.key not in decoded.figures} | {
        "workload.messages.the news.size",
        "workload.messages.the news.room_size",
    }


def test_the_schema_is_made_from_the_fields(golden):
    made = planfile_schema.schema()
    Draft202012Validator.check_schema(made)
    golden(f"../../{SCHEMA.relative_to(SCHEMA.parents[2])}", json.dumps(made, indent=2) + "\n")


def errors_of(text):
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WHOLE, id="a plan by hand"),
        pytest.param("", id="flags may say it all"),
        pytest.param(template.render({}, {}, "x"), id="an empty plan as init writes it"),
        pytest.param(
            template.render(
                {
                    field.key: field.default or field.example
                    for field in FIELDS
                    if field.default or field.example
                },
                {"chat": {"kind": "room", "rate": "1/min", "room_size": "50"}},
                "x",
            ),
            id="a full one",
        ),
    ],
)
def test_the_schema_takes_what_the_planner_takes(text):
    planfile.decode(text, "plan.toml")
    assert errors_of(text) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(row.values[0], id=row.id)
        for row in [*REFUSED, *WRONG]
        # what stands inside a text is the planner's to read, and a syntax error no document
        if row.id
        not in {
            "another dimension",
            "a range upside down",
            "a most likely value outside",
            "a range with a dash",
            "below 0",
            "a range beyond 1",
            "a guess at a decision",
            "a slip",
            "gone",
            "half a zone",
            "half a spare",
            "syntax",
            "a table twice",
        }
    ],
)
def test_the_schema_refuses_what_the_planner_refuses(text):
    assert errors_of(text)


def test_every_flag_of_a_message_is_in_the_schema():
    message = planfile_schema.schema()["properties"]["workload"]["properties"]["messages"][
        "additionalProperties"
    ]
    assert set(MESSAGE_FLAGS) < set(message["properties"])


@pytest.mark.parametrize(("hours", "fits"), [("8h", True), ("24h", True), ("25h", False), ("7d", False)])
def test_a_workday_is_no_longer_than_a_day(hours, fits):
    """A workday of a week made half an hour of downtime a day a seventh of what it is."""
    text = f'[workload]\nconnections = "1k"\n[goals]\nworkday = "{hours}"\n'
    if fits:
        assert planfile.decode(text, "x").figures["goals.workday"].value <= 86_400
        return
    with pytest.raises(InputError, match=r"goals\.workday is .*; expected more than 0 s, at most 24 h"):
        planfile.decode(text, "x")
