"""``siotool plan init`` as a user types it."""

import os
import tomllib

import pytest


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
        pytest.param(["--message", "chat:room:1/s"], "chat goes to a room of how many?", id="no room size"),
        pytest.param(["--set", "server.memry=1GB"], "did you mean server.memory?", id="no such key"),
        pytest.param(["--set", "server.memory=8..4GB"], "is upside down", id="a range upside down"),
        pytest.param(["--set", "server.memory="], "server.memory: '' is not a quantity", id="an empty value"),
        pytest.param(["--set", "server.memory"], "is no key=value", id="no value"),
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
