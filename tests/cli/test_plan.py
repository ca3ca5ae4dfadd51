"""``siotool plan`` as a user and a script see it: a process, its two streams and its exit code."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from siotool.plan.model import Plan

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/plan.json"
ARTICLE = shlex.split(
    "plan --connections 1M --consumption-rate 2KB/s --downtime 0.5h --workday 24h "
    "--capacity 100MB/s --utilization 70%"
)


@pytest.mark.parametrize("form", ["text", "json", "md"])
def test_the_example_that_must_hold(siotool, form, golden):
    done = siotool(*ARTICLE, "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    golden(f"plan.{form.replace('text', 'txt')}", done.stdout)
    assert "27.976" in done.stdout


def test_text_fits_80_columns_and_carries_no_colour_through_a_pipe(siotool):
    done = siotool(*ARTICLE)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_formula_and_the_answer_come_first(siotool):
    formula, answer, *why = siotool(*ARTICLE).stdout.splitlines()[:5]
    assert formula.strip() == "1,000,000 × 2 kB/s × (1 − 30 min / 24 h) / (100 MB/s × 70 %) = 27.976…"
    assert answer.strip() == "33 servers"
    assert why[2].strip() == "servers 33 · by the formula 28"


def test_the_schema_is_the_type(golden, schema_of):
    schema = schema_of(Plan, "siotool plan --format json")
    Draft202012Validator.check_schema(schema)
    golden(f"../../{SCHEMA.relative_to(SCHEMA.parents[2])}", json.dumps(schema, indent=2) + "\n")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param([], id="the article's example"),
        pytest.param(["--connections", "0"], id="no demand"),
        pytest.param(["--downtime", "0", "--utilization", "1"], id="every warning"),
    ],
)
def test_json_holds_to_its_schema(siotool, change):
    done = siotool(*ARTICLE, *change, "--format", "json")
    document = json.loads(done.stdout)
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(document | {"servers": -1}))
    assert list(validator.iter_errors(document | {"more": 1}))
    assert list(document)[:8] == [
        "version",
        "inputs",
        "document",
        "corrected",
        "constraints",
        "binding",
        "servers",
        "warnings",
    ]


def test_harmless_figures_have_defaults_and_are_marked(siotool):
    done = siotool(
        "plan", "--connections", "1M", "--consumption-rate", "2KB/s", "--capacity", "100MB/s", "--format=json"
    )
    document = json.loads(done.stdout)
    assert document["inputs"]["downtime_s"] == 0
    assert document["inputs"]["workday_s"] == 86_400
    assert document["inputs"]["utilization"] == 0.7
    assert document["constraints"][0]["provenance"].endswith("default: utilization")


REFUSED = [
    pytest.param(["--capacity", "5000ops/s"], "'ops/s'", "a bandwidth", id="a capacity that is no bandwidth"),
    pytest.param(["--capacity", "0B/s"], "capacity is 0 B/s", "more than 0", id="no capacity"),
    pytest.param(["--utilization", "0"], "--utilization is 0 %", "at most 100 %", id="utilization 0"),
    pytest.param(
        ["--utilization", "70"], "--utilization is 7,000 %", "write 70% or 0.7", id="utilization 70"
    ),
    pytest.param(["--downtime", "24h"], "downtime 24 h", "workday 24 h", id="down all day"),
    pytest.param(["--downtime", "5"], "has no unit", "0.5h", id="a bare downtime"),
    pytest.param(["--downtime", ""], "not a quantity", "0.5h", id="an empty downtime is no default"),
    pytest.param(["--connections", "-5"], "connections is -5", "0 or more", id="negative connections"),
    pytest.param(["--consumption-rate", "-2KB/s"], "rate is -2 kB/s", "0 B/s or more", id="negative rate"),
    pytest.param(["--connections", "inf"], "'inf'", "finite", id="infinite connections"),
    pytest.param(["--capacity", "nanB/s"], "'nanB/s'", "finite", id="capacity not a number"),
    pytest.param(["--availability-target", "100%"], "target is 1", "less than 1", id="always available"),
    pytest.param(
        ["--availability-target", "99.9"], "target is 9,990 %", "less than 100 %", id="percent forgotten"
    ),
    pytest.param(["--max-servers", "2.5"], "--max-servers is 2.5", "whole number", id="half a server"),
    pytest.param(
        ["--connections", "1G", "--capacity", "1B/s"], "2 TB/s", "check the units", id="absurd fleet"
    ),
    pytest.param(["--format", "xml"], "xml", "json", id="unknown format"),
    pytest.param(
        ["--set", "workload.connections=2M"], "--connections and --set", "one of them", id="one key twice"
    ),
]


@pytest.mark.parametrize(("change", "wrong", "expected"), REFUSED)
def test_refuses_before_anything_is_written(siotool, change, wrong, expected, tmp_path):
    place = tmp_path / "plan.txt"
    place.write_text("an older plan")
    done = siotool(*ARTICLE, *change, "-o", str(place))
    assert done.returncode == 2
    assert done.stdout == ""
    assert wrong in done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert place.read_text() == "an older plan"


def test_names_what_is_missing_and_shows_an_example_that_runs(siotool):
    done = siotool("plan", "--capacity", "100MB/s")
    assert done.returncode == 2
    assert "plan needs --connections, --consumption-rate\n" in done.stderr
    example = done.stderr.partition("for example: siotool ")[2]
    assert siotool(*shlex.split(example)).returncode == 0


@pytest.mark.parametrize(
    ("limit", "code"),
    [pytest.param("33", 0, id="as many as allowed"), pytest.param("32", 4, id="one more than allowed")],
)
def test_gate_on_the_number_of_servers(siotool, limit, code):
    done = siotool(*ARTICLE, "--max-servers", limit, "--quiet")
    assert done.returncode == code
    assert done.stdout.splitlines()[1].startswith(" 33 servers")
    expected = "" if code == 0 else f"siotool: gate failed: 33 servers needed, {limit} allowed\n"
    assert done.stderr == expected


def test_writes_a_file_whole_and_says_so(siotool, tmp_path):
    place = tmp_path / "plan.json"
    place.write_text("an older plan")
    place.chmod(0o640)
    done = siotool(*ARTICLE, "--format", "json", "-o", "plan.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "siotool: plan of 33 servers written to plan.json\n"
    assert json.loads(place.read_text())["servers"]["p95"] == 33
    assert place.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["plan.json"]


def test_quiet_says_nothing(siotool, tmp_path):
    done = siotool(*ARTICLE, "--quiet", "-o", str(tmp_path / "plan.txt"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_link_is_followed_not_replaced(siotool, tmp_path):
    (tmp_path / "real.md").touch()
    (tmp_path / "link.md").symlink_to("real.md")
    siotool(*ARTICLE, "--format", "md", "-o", str(tmp_path / "link.md"))
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text().startswith("# 33 servers")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        pytest.param("missing/plan.txt", "No such file or directory", id="a folder that does not exist"),
        pytest.param("file/plan.txt", "Not a directory", id="a folder that is a file"),
        pytest.param(".", "Is a directory", id="a folder"),
    ],
)
def test_a_place_that_cannot_be_written(siotool, place, reason, tmp_path):
    (tmp_path / "file").touch()
    done = siotool(*ARTICLE, "-o", place, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"siotool: cannot write {place}: {reason}\n  choose another place with -o, or - for stdout\n"
    )
    assert os.listdir(tmp_path) == ["file"]


def test_a_read_only_folder(siotool, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    # root may write anywhere but where nobody can, as in /proc
    place = folder / "plan.txt" if os.geteuid() else Path("/proc/self/plan.txt")
    done = siotool(*ARTICLE, "-o", str(place))
    assert done.returncode == 2
    assert f"cannot write {place}: " in done.stderr
    assert "choose another place with -o" in done.stderr


def test_a_device_is_written_not_replaced(siotool):
    done = siotool(*ARTICLE, "-o", os.devnull)
    assert done.returncode == 0
    assert not Path(os.devnull).is_file()


def test_help_shows_examples_that_run_as_printed(siotool, tmp_path):
    printed = siotool("plan", "--help", COLUMNS="80").stdout
    joined = re.sub(r"\\\s*\n\s*", "", printed)
    examples = re.findall(r"^\s+siotool (plan .*?)\s*$", joined, re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        done = siotool(*shlex.split(example), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "plan.json").exists()


def test_imports_nothing_that_takes_long():
    code = (
        "import sys\n"
        "from siotool.cli.app import app\n"
        f"app({ARTICLE!r}, standalone_mode=False)\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'locust', 'gevent', 'altair', 'socketio')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


NO_FLEET = """\
[workload]
connections = "100k"
consumption_rate = "1KB/s"
[workload.messages.chat]
kind = "room"
rate = "1/s"
room_size = "10"
[server]
capacity = "1Gbit/s"
[topology]
adapter = "redis"
backend_rate = "10k/s"
"""


@pytest.mark.parametrize("form", ["text", "json", "md", "html", "hpa", "keda"])
def test_a_tier_that_no_number_satisfies_is_no_fleet_in_every_format(siotool, tmp_path, form):
    """All of them named a fleet and exited 0; the manifests would have been applied."""
    (tmp_path / "p.toml").write_text(NO_FLEET)
    done = siotool(
        *("plan", tmp_path / "p.toml", "--format", form, "--set", "server.adapter_cost=0us"),
        *("--set", "server.decode_cost=0us", "--set", "server.encode_cost=0us"),
        *("--deployment", "chat", "--prometheus", "http://p:1", "--draws", "200"),
    )
    assert done.returncode == 4
    assert "What would work: redis-sharded" in done.stderr
    if form in ("hpa", "keda"):
        assert done.stdout == ""
        return
    said = " ".join(done.stdout.split())
    assert "No number of shards, and so no fleet, is enough." in said
    assert "What would work: redis-sharded" in said
    if form == "json":
        assert json.loads(done.stdout)["servers"] == {"p50": None, "p90": None, "p95": None}
