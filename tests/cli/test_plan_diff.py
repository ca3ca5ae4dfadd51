"""``siotool plan diff`` as a user and a script see it: a process, its two streams and its exit code."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from siotool.plan.diff.diff import PlanDiff

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/diff.json"
PLAN = """\
[workload]
connections = "1M"
consumption_rate = "2KB/s"
[server]
capacity = "100MB/s"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.toml").write_text(PLAN)
    (tmp_path / "b.toml").write_text(PLAN.replace('"1M"', '"2M"') + 'utilization = "50%"\n')
    return tmp_path


def test_the_schema_is_the_type(golden, schema_of):
    schema = schema_of(PlanDiff, "siotool plan diff --format json")
    Draft202012Validator.check_schema(schema)
    golden(f"../../{SCHEMA.relative_to(SCHEMA.parents[2])}", json.dumps(schema, indent=2) + "\n")


def test_says_which_input_moved_the_count(siotool, folder):
    done = siotool("plan", "diff", "a.toml", "b.toml", "--format", "json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(document)) == []
    # 2 GB/s over 70 MB/s: 29; 4 GB/s over 50 MB/s: 80
    assert (document["servers_before"], document["servers_after"], document["change"]) == (29, 80, 51)
    moved = {row["key"]: row for row in document["moved"]}
    assert set(moved) == {"workload.connections", "server.utilization"}
    # alone: 58 and 40; the shares are the means over both orders
    assert moved["workload.connections"]["alone"] == 58 - 29
    assert moved["server.utilization"]["alone"] == 40 - 29
    assert moved["workload.connections"]["share"] == ((58 - 29) + (80 - 40)) / 2
    assert moved["server.utilization"]["before"] == "70 %"  # the default, which a.toml does not say
    assert sum(row["share"] for row in document["moved"]) == 51
    assert (document["before"], document["after"]) == ("a.toml", "b.toml")


def test_text_and_markdown_say_the_same(siotool, folder):
    text = siotool("plan", "diff", "a.toml", "b.toml", cwd=folder)
    lines = text.stdout.splitlines()
    assert lines[:2] == [" From 29 to 80 servers (+51)", " a.toml → b.toml"]
    assert max(map(len, lines)) <= 80
    assert re.search(r"workload\.connections +1,000,000 +2,000,000 +\+29 +\+34\.50", text.stdout)
    md = siotool("plan", "diff", "a.toml", "b.toml", "--format", "md", cwd=folder).stdout
    assert md.startswith("# From 29 to 80 servers (+51)\n")
    assert "| workload.connections | 1,000,000 | 2,000,000 | +29 | +34.50 |" in md


def test_backwards_the_change_is_the_opposite(siotool, folder):
    document = json.loads(siotool("plan", "diff", "b.toml", "a.toml", "--format=json", cwd=folder).stdout)
    assert document["change"] == -51
    shares = {row["key"]: row["share"] for row in document["moved"]}
    assert shares == {"workload.connections": -34.5, "server.utilization": -16.5}


def test_a_plan_and_itself(siotool, folder):
    done = siotool("plan", "diff", "a.toml", "a.toml", cwd=folder)
    assert done.returncode == 0
    assert "The plans have the same inputs and need 29 servers\n" in done.stdout


def test_ranges_and_messages_are_inputs_too(siotool, folder):
    (folder / "a.toml").write_text(PLAN.replace('"2KB/s"', '"1KB/s..2KB/s..3KB/s"'))
    (folder / "b.toml").write_text(
        PLAN + '[workload.messages.news]\nkind = "announce"\nrate = "1/min"\nsize = "100kB"\n'
    )
    done = siotool("plan", "diff", "a.toml", "b.toml", "--format", "json", cwd=folder)
    document = json.loads(done.stdout)
    moved = {row["key"]: row for row in document["moved"]}
    assert moved["workload.consumption_rate"]["before"] == "1 kB/s..2 kB/s..3 kB/s"
    assert moved["workload.messages.news"]["before"] is None
    assert moved["workload.messages.news"]["after"].startswith("announce ")
    # of 1 to 3 kB/s the plan is 95 % sure only with more servers than 2 kB/s need
    assert moved["workload.consumption_rate"]["share"] < 0


def test_stdin_is_a_plan_too(siotool, folder):
    done = siotool("plan", "diff", "a.toml", "-", "--format", "json", cwd=folder, given=PLAN)
    assert json.loads(done.stdout)["change"] == 0


MESSAGE = '[workload.messages.news]\nkind = "announce"\nrate = "1/min"\n'
REFUSED = [
    pytest.param(["a.toml"], "Missing argument", "B.toml", id="one file"),
    pytest.param(["a.toml", "none.toml"], "cannot read the plan file none.toml", "No such file", id="dead"),
    pytest.param(["-", "-"], "both plans are stdin", "at least one file", id="stdin twice"),
    pytest.param(["a.toml", "p.json"], "p.json is JSON", "TOML files", id="a plan that was made"),
    pytest.param(["a.toml", "slip.toml"], "connection", "did you mean connections", id="a slip in a key"),
    pytest.param(
        ["a.toml", "empty.toml"],
        "empty.toml is no plan: it has no workload.connections and no workload.consumption_rate and no "
        "server.capacity",
        "plan init",
        id="no plan",
    ),
    pytest.param(
        ["half.toml", "a.toml"],
        "half.toml is no plan: it has no workload.consumption_rate and no server.capacity",
        "plan init",
        id="half a plan, which needed 0 servers",
    ),
    pytest.param(
        ["a.toml", "talk.toml"], "talk.toml is no plan: it has no server.capacity", "", id="only messages"
    ),
    pytest.param(["a.toml", "b.toml", "--format", "pdf"], "html", "md", id="unknown format"),
    pytest.param(["a.toml", "b.toml", "--set", "x=1"], "--set", "o such option", id="unknown flag"),
    pytest.param(["a.toml", "b.toml", "--draws", "1"], "draws", "100", id="too few draws"),
]


@pytest.mark.parametrize(("arguments", "wrong", "expected"), REFUSED)
def test_refuses_before_anything_is_written(siotool, arguments, wrong, expected, folder):
    (folder / "p.json").write_text('{"version": 1}')
    (folder / "slip.toml").write_text(PLAN.replace("connections", "connection"))
    (folder / "empty.toml").write_text("")
    half = '[workload]\nconnections = "1M"\n'
    (folder / "half.toml").write_text(half)
    (folder / "talk.toml").write_text(half + MESSAGE)
    (folder / "diff.txt").write_text("an older one")
    done = siotool("plan", "diff", *arguments, "-o", "diff.txt", cwd=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert wrong in done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "diff.txt").read_text() == "an older one"


def test_writes_a_file_and_says_so(siotool, folder):
    done = siotool("plan", "diff", "a.toml", "b.toml", "-o", "diff.md", "--format", "md", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "siotool: From 29 to 80 servers (+51). Written to diff.md\n"
    assert (folder / "diff.md").read_text().startswith("# From 29")


def test_a_reader_that_leaves_is_no_error(folder):
    command = f"{sys.executable} -m siotool plan diff a.toml b.toml | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == " From 29 to 80 servers (+51)\n"


def test_help_shows_examples_that_run_as_printed(siotool, tmp_path):
    printed = siotool("plan", "diff", "--help").stdout
    examples = re.findall(r"^\s+siotool (plan (?:init|diff) .*?)\s*$", printed, re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        done = siotool(*shlex.split(example), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "workload.connections" in done.stdout
    assert "server.utilization" in done.stdout


def test_single_figures_need_no_numpy(folder):
    code = (
        "import sys\n"
        "from siotool.cli.app import app\n"
        "app(['plan', 'diff', 'a.toml', 'b.toml'], standalone_mode=False)\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'locust') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_diff_counts_as_a_plan_does(siotool, tmp_path):
    """It drew 2,000 worlds where a plan draws 10,000, and had a server more or less."""
    ranged = PLAN.replace('"1M"', '"700k..1300k"').replace('"2KB/s"', '"1KB/s..4KB/s"')
    (tmp_path / "a.toml").write_text(ranged)
    (tmp_path / "b.toml").write_text(ranged.replace('"100MB/s"', '"50MB/s..80MB/s"'))
    found = json.loads(siotool("plan", "diff", "a.toml", "b.toml", "--format=json", cwd=tmp_path).stdout)
    plans = [
        json.loads(siotool("plan", name, "--format=json", cwd=tmp_path).stdout)["servers"]["p95"]
        for name in ("a.toml", "b.toml")
    ]
    assert [found["servers_before"], found["servers_after"]] == plans


def test_messages_and_a_network_make_a_plan(siotool, folder):
    text = '[workload]\nconnections = "1M"\n' + MESSAGE + '[server]\nbandwidth_out = "1Gbit/s"\n'
    (folder / "c.toml").write_text(text)
    done = siotool("plan", "diff", "c.toml", "c.toml", "--draws=100", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
