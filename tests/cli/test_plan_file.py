"""``siotool plan PLAN.toml`` as a user types it."""

import json
from pathlib import Path

import pytest

EXAMPLE = """
[workload]
connections = "100k"
session_length = "30min"
[workload.messages.chat]
kind = "room"
size = "200B"
rate = "1/min"
room_size = "50"
[server]
capacity = "1Gbit/s"
[topology]
adapter = "redis"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "chat.toml").write_text(EXAMPLE)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        pytest.param(["plan", "chat.toml"], None, id="the file first"),
        pytest.param(["plan", "--draws", "200", "--file", "chat.toml"], None, id="the file as an option"),
        pytest.param(["plan", "-"], EXAMPLE, id="the file on stdin"),
        pytest.param(["plan", "-"], f"\ufeff{EXAMPLE}", id="a byte order mark on stdin"),
    ],
)
def test_a_file_makes_a_plan(siotool, arguments, stdin, folder):
    done = siotool(*arguments, "--draws=200", cwd=folder, given=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    assert " servers " in done.stdout
    assert "event loop" in done.stdout


def test_flags_override_the_file_and_say_so(siotool, folder):
    done = siotool(
        "plan",
        "chat.toml",
        "--connections",
        "200k",
        "--set",
        "workload.messages.chat.rate=2/min",
        "--draws=200",
        "--format=json",
        cwd=folder,
    )
    rows = {row["key"]: row for row in json.loads(done.stdout)["figures"]}
    assert rows["workload.connections"]["value"] == 200_000
    assert rows["workload.connections"]["provenance"] == {"kind": "typed", "detail": "--connections"}
    assert rows["workload.messages.chat.rate"]["value"] == pytest.approx(2 / 60)
    assert rows["workload.messages.chat.rate"]["provenance"]["detail"].startswith("--set workload.")
    assert rows["server.capacity"]["provenance"] == {"kind": "typed", "detail": "chat.toml"}
    assert rows["server.delivery_cost"]["provenance"]["kind"] == "published"
    assert rows["server.utilization"]["provenance"]["kind"] == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "[server]\nmemry = '1GB'", ["chat.toml: server.memry", "did you mean memory?"], id="a key"
        ),
        pytest.param("[server]\nmemory = ,", ["chat.toml is not TOML", "line 2"], id="no TOML"),
        pytest.param(
            "[topology]\nzones = 0", ["chat.toml: topology.zones is 0", "1 or more"], id="zero zones"
        ),
        pytest.param("[server]\nmemory = '8..4GB'", ["server.memory", "wrong order"], id="a range"),
        pytest.param(
            "[server]\nmemory = '8GB/s'", ["server.memory", "'GB/s'", "64B, 2kB or 16KiB"], id="a unit"
        ),
        pytest.param("", ["plan needs --connections"], id="nothing"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(siotool, text, words, tmp_path):
    (tmp_path / "chat.toml").write_text(text)
    done = siotool("plan", "chat.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        pytest.param(None, "none.toml", "cannot read the plan file none.toml: No such file", id="no file"),
        pytest.param(b"\xff\xfe\x00", "x.toml", "x.toml is not text in UTF-8", id="not text"),
        pytest.param(None, ".", "cannot read the plan file .: Is a directory", id="a folder"),
    ],
)
def test_a_file_that_cannot_be_read(siotool, content, name, words, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = siotool("plan", name, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("server.memory", "--set 'server.memory' is not key=value", id="no value"),
        pytest.param("server.memry=4GB", "did you mean server.memory?", id="no such key"),
        pytest.param(
            "workload.messages.chat.kind=push",
            "write it there, in [workload.messages.chat]: kind = …",
            id="a choice of the plan file",
        ),
        pytest.param("workload.messages.chart.rate=1/s", "did you mean chat?", id="no such message"),
        pytest.param(
            "goals.spares=1.5", "--set goals.spares is 1.5; expected a whole number", id="half a spare"
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(siotool, setting, words, folder):
    done = siotool("plan", "chat.toml", "--set", setting, cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize("before", [["--quiet"], ["chat.toml", "--quiet"]])
def test_a_plan_file_behind_an_option_is_told_its_place(siotool, folder, before):
    """It was no such command."""
    done = siotool("plan", *before, "chat.toml", cwd=folder)
    assert done.returncode == 2
    assert "chat.toml comes behind an option, and a plan file comes first" in done.stderr


def test_a_file_of_a_windows_editor_is_read(siotool, folder):
    """Notepad begins a file with a byte-order mark and ends lines in two characters."""
    (folder / "win.toml").write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    done = siotool("plan", "win.toml", "--draws=200", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_schema_is_shipped():
    import siotool as package

    assert (Path(package.__file__).parent / "schemas/planfile.json").is_file()


def test_two_plan_files_are_for_diff(siotool, tmp_path):
    done = siotool("plan", "a.toml", "b.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "one plan file at a time" in done.stderr
    assert "siotool plan diff a.toml b.toml" in done.stderr


def test_a_figure_that_nothing_rests_on_is_said(siotool, folder):
    done = siotool(
        "plan", "--connections=1M", "--consumption-rate=2KB/s", "--capacity=100MB/s", "--set",
        "server.memory=16GiB", "--format=json", cwd=folder,
    )  # fmt: skip
    assert [w for w in json.loads(done.stdout)["warnings"] if "server.memory" in w] == [
        "server.memory (--set server.memory) is not used in this plan: it needs "
        "server.memory_per_connection, or a server.profile"
    ]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["plan", "chat.toml"], id="plan"),
        pytest.param(["plan", "diff", "chat.toml", "chat.toml"], id="plan diff"),
        pytest.param(["plan", "storm", "chat.toml"], id="plan storm"),
    ],
)
def test_a_name_that_asks_for_no_format_there_is_is_refused(siotool, command, folder):
    """-o x.xml made a file of text that no reader of XML could open."""
    done = siotool(*command, "--draws=100", "-o", "x.xml", cwd=folder)
    assert done.returncode == 2
    assert "x.xml: .xml is not a known format" in done.stderr
    assert "--format" in done.stderr
    assert not (folder / "x.xml").exists()


@pytest.mark.parametrize(
    ("name", "begins"),
    [("x.json", "{"), ("x.md", "#"), ("x.txt", " "), ("x", " "), ("X.JSON", "{")],
)
@pytest.mark.parametrize("command", [("plan", "chat.toml"), ("plan", "diff", "chat.toml", "chat.toml")])
def test_the_name_of_a_file_asks_for_its_format(siotool, command, name, begins, folder):
    """plan diff -o x.json wrote text."""
    done = siotool(*command, "--draws=100", "-o", name, "-q", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / name).read_text()[0] == begins


def test_the_format_counts_over_the_name(siotool, folder):
    done = siotool("plan", "chat.toml", "--draws=100", "--format=json", "-o", "x.xml", "-q", cwd=folder)
    assert done.returncode == 0
    json.loads((folder / "x.xml").read_text())
