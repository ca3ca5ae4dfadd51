"""``siotool plan init`` as a user types it."""

import json
import os
import tomllib
from pathlib import Path

import pytest

from siotool.cli import plan_init
from siotool.plan.inputs import template

EXAMPLE = Path(__file__).parents[2] / "reports/example/run.jsonl"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing said"),
        pytest.param(["--connections", "50k..80k"], id="a range"),
        pytest.param(
            ["--message", "chat:room:1/min:200B:50", "--message", "tick:announce:1/s"], id="messages"
        ),
        pytest.param(["--set", "server.memory=16GiB", "--set", "transport.upgrade=false"], id="other keys"),
    ],
)
def test_what_it_writes_makes_a_plan(siotool, arguments, tmp_path):
    done = siotool("plan", "init", "my.toml", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "siotool: wrote my.toml; next: siotool plan my.toml\n"
    planned = siotool("plan", "my.toml", "--draws=100", cwd=tmp_path)
    assert (planned.returncode, planned.stderr) == (0, "")


def test_a_dash_is_stdout(siotool, tmp_path):
    done = siotool("plan", "init", "-", "--connections", "50k", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert tomllib.loads(done.stdout)["workload"]["connections"] == "50k"
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_said_with_what_to_do(siotool, tmp_path):
    """Trap: it advised -o, which plan init does not have."""
    done = siotool("plan", "init", "nowhere/my.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "name a file in a folder that is there, or - for stdout" in done.stderr
    assert "-o" not in done.stderr


def test_nothing_is_overwritten(siotool, tmp_path):
    (tmp_path / "plan.toml").write_text("mine")
    done = siotool("plan", "init", cwd=tmp_path)
    assert done.returncode == 2
    assert "plan.toml is there already" in done.stderr
    assert (tmp_path / "plan.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["--connections", "many"], "workload.connections: 'many' is not a quantity", id="no count"
        ),
        pytest.param(["--message", "chat:room"], "is not NAME:KIND:RATE[:SIZE[:ROOM]]", id="half a message"),
        pytest.param(["--message", "chat:roam:1/s"], "did you mean room?", id="no such kind"),
        pytest.param(["--message", "chat:room:1/s"], "chat needs the size of its room", id="no room size"),
        pytest.param(["--set", "server.memry=1GB"], "did you mean server.memory?", id="no such key"),
        pytest.param(["--set", "server.memory=8..4GB"], "is in the wrong order", id="a range upside down"),
        pytest.param(["--set", "server.memory="], "server.memory: '' is not a quantity", id="an empty value"),
        pytest.param(["--set", "server.memory"], "is not key=value", id="no value"),
        pytest.param(
            ["--connections", "5", "--set", "workload.connections=6"], "both say what", id="a flag and a key"
        ),
    ],
)
def test_what_is_wrong_is_refused_before_a_file_is_written(siotool, arguments, words, tmp_path):
    done = siotool("plan", "init", "my.toml", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_two_kinds_of_message_do_not_share_a_name(siotool, tmp_path):
    done = siotool(
        "plan", "init", "x.toml", "--message", "a:echo:1/s", "--message", "a:push:1/s", cwd=tmp_path
    )
    assert done.returncode == 2
    assert "--message a is given twice" in done.stderr
    assert not (tmp_path / "x.toml").exists()


def kinds(siotool, file, cwd):
    """Where each figure of a plan comes from, by key."""
    done = siotool("plan", file, "--draws=100", "--format=json", cwd=cwd)
    return {row["key"]: row["provenance"]["kind"] for row in json.loads(done.stdout)["figures"]}


FILLED_IN = ("workload.connections", "workload.consumption_rate", "server.capacity")


def test_what_nobody_gave_is_a_default(siotool, tmp_path):
    """100,000 sessions that plan init made up were "typed" in the plan."""
    siotool("plan", "init", "my.toml", "--set", "server.memory=8GiB", cwd=tmp_path)
    found = kinds(siotool, "my.toml", tmp_path)
    assert [found[key] for key in FILLED_IN] == ["default"] * 3
    assert found["server.memory"] == "typed"


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        pytest.param('\nconnections = "100k"', '\nconnections = "120k"', "typed", id="another value"),
        pytest.param('\nconnections = "100k"', "\nconnections = 100_000", "typed", id="written otherwise"),
        pytest.param('"workload.connections" = "100k"\n', "", "typed", id="its line in [init] gone"),
        pytest.param('\nretention = "30d"', '\nretention = "3d"', "default", id="another figure"),
    ],
)
def test_a_default_that_a_person_changed_is_typed(siotool, old, new, kind, tmp_path):
    siotool("plan", "init", "my.toml", cwd=tmp_path)
    text = (tmp_path / "my.toml").read_text()
    assert old in text or kind == "default"
    (tmp_path / "my.toml").write_text(text.replace(old, new))
    assert kinds(siotool, "my.toml", tmp_path)["workload.connections"] == kind


def test_a_default_given_as_a_flag_is_typed(siotool, tmp_path):
    siotool("plan", "init", "my.toml", "--connections", "100k", cwd=tmp_path)
    assert kinds(siotool, "my.toml", tmp_path)["workload.connections"] == "typed"


def test_what_runs_showed_counts_more_than_what_nobody_gave(siotool, tmp_path):
    siotool("plan", "init", "my.toml", cwd=tmp_path)
    done = siotool(
        "plan", "my.toml", "--from", EXAMPLE, "--draws=100", "--format=json", cwd=tmp_path
    )  # fmt: skip
    rows = {row["key"]: row["provenance"]["kind"] for row in json.loads(done.stdout)["figures"]}
    assert [rows[key] for key in FILLED_IN] == ["default", "measured", "measured"]


def test_an_empty_answer_is_a_default_and_a_typed_one_is_not(siotool, monkeypatch, tmp_path):
    answers = iter(["100k", "", "room", "", "300B", "", "", "", "", ""])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    given, messages, filled_in = plan_init._ask()
    assert filled_in == [
        "workload.session_length",
        "workload.messages.message.rate",
        "workload.messages.message.room_size",
        "server.capacity",
        "server.memory",
        "server.processes",
        "topology.adapter",
    ]
    (tmp_path / "x.toml").write_text(template.render(given, dict(messages), "x.toml", filled_in))
    found = kinds(siotool, "x.toml", tmp_path)
    assert {key for key in filled_in if found[key] != "default"} == set()
    assert found["workload.connections"] == found["workload.messages.message.size"] == "typed"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        pytest.param("init = 3", "[init] holds the values that plan init wrote", id="no table"),
        pytest.param("[init]\n'server.memory' = 3", "[init] holds the values", id="no text"),
        pytest.param("[init]\n'server.memry' = '3'", "did you mean server.memory?", id="no key"),
    ],
)
def test_what_init_never_wrote_is_refused(siotool, table, words, tmp_path):
    (tmp_path / "x.toml").write_text(table)
    done = siotool("plan", "x.toml", cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--connections", "2M"], "--connections belongs behind init", id="an option of both"),
        pytest.param(["-f", "mine.toml"], "siotool plan init has no --file", id="an option of plan alone"),
        pytest.param(["--generators"], "siotool plan init has no --generators", id="a flag"),
        pytest.param(["--set", "server.processes=4"], "--set belongs behind init", id="a repeatable one"),
    ],
)
def test_what_stands_before_init_is_not_dropped(siotool, arguments, words, tmp_path):
    """``siotool plan --connections 2M init`` wrote a plan of 100,000 without a word."""
    done = siotool("plan", *arguments, "init", "big.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert os.listdir(tmp_path) == []


def test_a_variable_of_plan_is_not_typed_before_init(siotool, tmp_path):
    done = siotool("plan", "init", "big.toml", cwd=tmp_path, SIOTOOL_PLAN_CONNECTIONS="2M")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("transport.upgrade=no", "transport.upgrade is 'no'; expected true or false", id="no"),
        pytest.param("transport.upgrade=", "transport.upgrade is ''; expected true or false", id="nothing"),
        pytest.param(
            "transport.upgrade=true\nrecovery = true",
            r"transport.upgrade is 'true\nrecovery = true'; expected true or false",
            id="a line more, which became a key of its own",
        ),
        pytest.param("topology.sticky=True # yes", "topology.sticky is 'True # yes'", id="a comment"),
    ],
)
def test_a_flag_that_is_none_is_refused_by_its_key(siotool, setting, words, tmp_path):
    """``transport.upgrade=no`` was "not TOML: Invalid value (at line 44, column 11)"."""
    done = siotool("plan", "init", "my.toml", "--set", setting, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "TOML" not in done.stderr.replace("my.toml", "")
    assert os.listdir(tmp_path) == []


def test_a_file_s_name_adds_no_key(siotool, tmp_path):
    done = siotool("plan", "init", "a\nb = 1\n#.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.iterdir()
    assert "b" not in tomllib.loads(written.read_text())
