"""``siotool report`` as a user and a script see it: streams, files and exit codes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
PLAN = GOLDEN / "plan.json"


def process(*arguments, stdin):
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "siotool", *map(str, arguments)],
        env=plain,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def run(tmp_path):
    """A folder with one of the golden runs: ``run("echo")``."""

    def make(name, folder=None):
        place = tmp_path / "reports" / (folder or f"20260101T000000Z-{name}")
        place.mkdir(parents=True)
        shutil.copy(GOLDEN / f"report/{name}.jsonl", place / "run.jsonl")
        return place

    return make


@pytest.mark.parametrize("name", ["echo", "cut"])
def test_text_goes_to_stdout_and_nothing_else_anywhere(siotool, run, name):
    done = siotool("report", run(name))
    assert done.returncode == (5 if name == "cut" else 0)
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" exit 5"] * (name == "cut")
    assert "Sizing: planned and measured" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("0", 80), ("many", 80), ("", 80)])
def test_a_pipe_is_as_wide_as_asked_and_a_file_never(siotool, run, tmp_path, columns, widest):
    lines = siotool("report", run("echo"), COLUMNS=columns).stdout.splitlines()
    assert widest - 20 < max(map(len, lines)) <= widest
    siotool("report", tmp_path / "reports/20260101T000000Z-echo", "-o", tmp_path / "x.txt", COLUMNS=columns)
    assert max(map(len, (tmp_path / "x.txt").read_text().splitlines())) > 60


def test_the_newest_run_is_the_default(siotool, run, tmp_path):
    old, new = run("echo", "a"), run("cut", "b")
    os.utime(old / "run.jsonl", (1, 1))
    assert "20260103T000000Z-echo" in siotool("report", cwd=tmp_path).stdout
    os.utime(new / "run.jsonl", (0, 0))
    assert "20260101T000000Z-echo" in siotool("report", cwd=tmp_path).stdout


def test_a_plan_file_gives_the_planned_column_and_options_overrule_it(siotool, run):
    folder = run("echo")
    planned = json.loads(siotool("report", folder, "--plan", PLAN, "--format", "json").stdout)
    answer = json.loads(PLAN.read_text())["servers"]["p95"]
    assert (planned["sizing"]["servers_planned"], planned["sizing"]["document_planned"]) == (answer, 28)
    done = siotool("report", folder, "--plan", PLAN, "--connections", "2M", "--format", "json")
    document = json.loads(done.stdout)
    assert document["sizing"]["document_planned"] == 56
    assert document["sizing"]["servers_planned"] > 56
    first = {variable["name"]: variable["planned"] for variable in document["sizing"]["variables"]}
    assert (first["connections"], first["consumption_rate"]) == (2e6, 2000)


def test_the_planned_side_is_what_the_plan_came_to(siotool, run, tmp_path):
    """Made again from its medians, a plan with a most likely value had another count by the formula."""
    given = ("--connections", "10k..20k..60k", "--consumption-rate", "2KB/s", "--capacity", "1MB/s")
    siotool("plan", *given, "-o", tmp_path / "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    done = siotool("report", run("echo"), "--plan", tmp_path / "plan.json", "--format", "json")
    sizing = json.loads(done.stdout)["sizing"]
    assert sizing["servers_planned"] == plan["servers"]["p95"]
    assert sizing["document_planned_exact"] == pytest.approx(plan["document"]["servers_exact"])


@pytest.mark.slow
def test_a_plan_and_a_run_come_through_pipes(run):
    plan = process("report", run("echo"), "--plan", "-", "--format", "json", stdin=PLAN.read_text())
    assert json.loads(plan.stdout)["sizing"]["document_planned"] == 28
    text = (GOLDEN / "report/echo.jsonl").read_text()
    assert json.loads(process("report", "-", "--format", "json", stdin=text).stdout)["valid"] == "yes"


@pytest.mark.parametrize(
    ("name", "gates", "code"),
    [
        pytest.param("echo", [], 0, id="no gate, no doubt"),
        pytest.param("echo", ["p99:ack:echo > 200ms", "server_cpu > 80%"], 0, id="gates that pass"),
        pytest.param("echo", ["p99:ack:echo > 1ms"], 4, id="a gate that fails"),
        pytest.param("echo", ["lost > 0"], 4, id="a gate on what was not measured"),
        pytest.param("cut", [], 5, id="a truncated run"),
        pytest.param("cut", ["p99:ack:echo > 1ms"], 5, id="suspect goes before a failed gate"),
    ],
)
def test_exit_codes(siotool, run, name, gates, code):
    options = [option for gate in gates for option in ("--fail-if", gate)]
    done = siotool("report", run(name), *options, "--format", "json")
    assert done.returncode == code
    asked = [gate["expr"] for gate in json.loads(done.stdout)["gates"] if not gate["default"]]
    assert asked == gates
    for gate in gates:
        assert f": {gate} (" in done.stderr


def test_the_gates_of_the_run_are_judged_again_unless_others_are_given(siotool, run):
    folder = run("echo")
    header, rest = (folder / "run.jsonl").read_text().split("\n", 1)
    header = json.dumps(json.loads(header) | {"gates": ["p99:ack:echo > 1ms"]})
    (folder / "run.jsonl").write_text(f"{header}\n{rest}")
    assert siotool("report", folder).returncode == 4
    assert siotool("report", folder, "--fail-if", "p99:ack:echo > 1s").returncode == 0


def test_a_gate_of_the_run_that_is_refused_today_is_left_out_with_a_remark(siotool, run, tmp_path):
    """Trap: runs made with a gate on failed phases could not be reported or kept any more (exit 2)."""
    folder, old = run("echo"), "errors:phase:tcp > 1%"
    header, rest = (folder / "run.jsonl").read_text().split("\n", 1)
    header = json.dumps(json.loads(header) | {"gates": [old, "p99:ack:echo > 1ms"]})
    (folder / "run.jsonl").write_text(f"{header}\n{rest}")
    done = siotool("report", folder, "--format", "json")
    assert done.returncode == 4
    report = json.loads(done.stdout)
    assert [one["expr"] for one in report["gates"] if not one["default"]] == ["p99:ack:echo > 1ms"]
    (said,) = (one for one in report["remarks"] if old in one)
    assert said.startswith("a gate of the run is not judged: ")
    kept = siotool("history", "add", folder, "--file", tmp_path / "past.sqlite")
    assert (kept.returncode, "failed" in kept.stderr) == (0, True)
    assert siotool("report", folder, "--fail-if", old).returncode == 2


def test_verdicts_and_doubts_are_said_on_stderr_and_quiet_silences_them(siotool, run):
    folder = run("cut")
    arguments = ("report", folder, "--format", "md", "--fail-if", "p99:ack:echo > 1ms")
    done = siotool(*arguments)
    assert "doubt: the run file has no end" in done.stderr
    assert "gate FAILED: p99:ack:echo > 1ms (2 ms, of 550 successes)" in done.stderr
    (why,) = siotool(*arguments, "--quiet").stderr.splitlines()
    assert why.startswith("siotool: exit 5: not to be trusted: the run file has no end")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("out.md", "✅ **PASSED"),
        ("out.json", "{"),
        ("out.html", "<!doctype html>"),
        ("out.txt", " PASSED: 0 % of 2,650 "),
    ],
)
def test_a_file_gets_the_format_of_its_name_and_stdout_nothing(siotool, run, tmp_path, name, begins):
    done = siotool("report", run("echo"), "-o", tmp_path / name)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / name).read_text().startswith(begins)


def _write(folder, text):
    (folder / "run.jsonl").write_text(text)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        pytest.param(lambda f: _write(f, ""), "no complete line", id="empty file"),
        pytest.param(lambda f: _write(f, '{"requests": 3}\n'), "is not a siotool run", id="foreign JSON"),
        pytest.param(lambda f: _write(f, "a,b\n1,2\n"), "is not a siotool run", id="a CSV"),
        pytest.param(
            lambda f: _write(f, '{"kind":"header","version":0}\n'), "has run format 0", id="an old version"
        ),
        pytest.param(lambda f: (f / "run.jsonl").unlink(), "cannot read", id="no file"),
        pytest.param(
            lambda f: _write(f, (GOLDEN / "report/echo.jsonl").read_text().replace('"t_s":5.0', '"t_s":"x"')),
            "run.jsonl:6: ",
            id="damage in the middle",
        ),
    ],
)
def test_a_run_that_cannot_be_read_is_refused_with_its_place(siotool, run, tmp_path, break_it, message):
    folder = run("echo")
    break_it(folder)
    done = siotool("report", folder, "-o", tmp_path / "out.md")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.md").exists()


def test_a_header_only_run_is_reported_as_nothing_measured(siotool, run):
    folder = run("echo")
    _write(folder, (GOLDEN / "report/echo.jsonl").read_text().split("\n")[0] + "\n")
    done = siotool("report", folder, "--format", "json")
    assert done.returncode == 5
    document = json.loads(done.stdout)
    assert (document["valid"], document["connections"]["peak"], document["server"]) == ("no", None, None)
    for form in ("text", "md", "html"):
        text = " ".join(siotool("report", folder, "--format", form).stdout.split())
        assert "NOT TO BE TRUSTED: nothing was measured" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--fail-if", "p9:ack > 1s"], "unknown metric 'p9'", id="a gate"),
        pytest.param(["--connections", "12 apples"], "--connections", id="a quantity"),
        pytest.param(["--capacity", "5000"], "--capacity", id="a capacity without unit"),
        pytest.param(["--utilization", "170%"], "utilization", id="a share above 1"),
        pytest.param(["--downtime", "30h"], "downtime 30 h", id="downtime beyond the default workday"),
        pytest.param(["--plan", "missing.json"], "missing.json", id="a plan that is not there"),
        pytest.param(["--plan", "-", "-"], "- is given twice", id="two from stdin"),
    ],
)
def test_wrong_options_are_refused_before_any_run_is_read(siotool, tmp_path, arguments, message):
    """The run does not exist, and nobody gets as far as to notice."""
    done = siotool("report", tmp_path / "no-run", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "no-run" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "plan.json", id="no JSON"),
        pytest.param('{"version": 1}', "inputs", id="no inputs"),
        pytest.param('{"version": 1, "inputs": {"connections": 1}}', "$.inputs", id="half the inputs"),
        pytest.param(
            PLAN.read_text().replace('"version": 1', '"version": 9'), "plan format 9", id="another version"
        ),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_naming_the_file(siotool, run, tmp_path, text, message):
    (tmp_path / "plan.json").write_text(text)
    done = siotool("report", run("echo"), "--plan", tmp_path / "plan.json")
    assert done.returncode == 2
    assert "plan.json" in done.stderr
    assert message in done.stderr


def test_a_place_that_cannot_be_written_is_said(siotool, run, tmp_path):
    (tmp_path / "file").write_text("")
    done = siotool("report", run("echo"), "-o", tmp_path / "file" / "out.md")
    assert done.returncode == 2
    assert "nothing can be written there" in done.stderr


def test_a_file_that_is_read_is_not_replaced_by_its_report(siotool, run, tmp_path):
    """Trap: -o RUN/run.jsonl wrote the report over the measured run."""
    place = run("echo") / "run.jsonl"
    before = place.read_bytes()
    done = siotool("report", place.parent, "--format", "json", "-o", place)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"-o {place}: this file is read, and would be lost" in done.stderr
    assert place.read_bytes() == before
    done = siotool("report", place.parent, "--summary", place)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--summary {place}: this file is read, and nothing is added to it" in done.stderr
    assert place.read_bytes() == before
    (tmp_path / "plan.toml").write_text("[workload]\n")
    done = siotool("plan", tmp_path / "plan.toml", "--format", "json", "-o", tmp_path / "plan.toml")
    assert "plan.toml: this file is read, and would be lost" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("report RUN --history past.sqlite --format json -o past.sqlite", id="its history"),
        pytest.param("history --file past.sqlite --format json -o past.sqlite", id="a history shown"),
        pytest.param("plan diff a.toml b.toml --format json -o a.toml", id="two plans"),
        pytest.param("plan storm a.toml --format json -o a.toml", id="a storm's plan"),
    ],
)
def test_a_history_and_plans_are_not_replaced_either(siotool, run, tmp_path, monkeypatch, command):
    """Trap: a document was written over the history, and over the plans of the other commands."""
    monkeypatch.chdir(tmp_path)
    measured = run("echo")
    assert siotool("history", "add", measured, "--file", "past.sqlite").returncode == 0
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text("[workload]\nconnections = 100\n")
    place = tmp_path / command.rpartition(" ")[2]
    before = place.read_bytes()
    done = siotool(*(measured if word == "RUN" else word for word in command.split()))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"-o {place.name}: this file is read, and would be lost" in done.stderr
    assert place.read_bytes() == before


def test_runs_of_different_targets_are_not_pooled(siotool, run):
    done = siotool("report", run("echo"), run("chat"))
    assert done.returncode == 2
    assert "different scenarios" in done.stderr


def test_runs_of_the_same_target_are_pooled(siotool, run):
    done = siotool("report", run("echo"), run("cut"), "--format", "json")
    document = json.loads(done.stdout)
    assert [part["run"] for part in document["runs"]] == ["20260101T000000Z-echo", "20260103T000000Z-echo"]
    assert document["connections"]["attempted"] == 200


def test_a_name_that_asks_for_no_format_there_is_is_refused(siotool, run, tmp_path):
    """-o x.yaml made a file of text that no reader of YAML could open."""
    done = siotool("report", run("echo"), "-o", tmp_path / "x.yaml")
    assert done.returncode == 2
    assert "x.yaml: .yaml is not a known format" in done.stderr
    assert not (tmp_path / "x.yaml").exists()


def test_what_stdout_goes_to_by_another_name_is_added_to(run, tmp_path):
    """Trap: -o /dev/stdout >> FILE replaced the file."""
    notes = tmp_path / "notes.md"
    notes.write_text("precious\n")
    command = f"{sys.executable} -m siotool report {run('echo')} --format md -o /dev/stdout >> {notes}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 4, 5), done.stderr
    assert notes.read_text().startswith("precious\n")
    assert len(notes.read_text().splitlines()) > 20


def test_a_reader_that_leaves_changes_no_verdict(run):
    command = f"{sys.executable} -m siotool report {run('cut')} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert done.stderr.startswith("siotool: exit 5: ")


def test_what_cannot_be_written_after_a_load_changes_no_verdict(run, capsys, tmp_path):
    from siotool.cli.outcome import conclude
    from siotool.errors import ExitCode, OutputError

    folder = run("echo")
    asked = {"keep": True, "output_format": "md", "where": str(tmp_path / "none/x.md")}
    assert conclude([folder], also=[ExitCode.INTERRUPTED], **asked) == ExitCode.INTERRUPTED
    said = capsys.readouterr().err
    assert "cannot write" in said
    assert said.splitlines()[-1].startswith("siotool: exit 130: ")
    with pytest.raises(OutputError, match="cannot write"):
        conclude([folder], **asked)
    assert (folder / "report.json").exists()


def test_reports_beside_a_run_that_cannot_be_written_change_no_verdict_and_no_other_output(
    run, capsys, tmp_path
):
    """The disk that fills while they are written took the verdict, the summary and the history with it."""
    from siotool.cli.outcome import conclude
    from siotool.errors import ExitCode

    folder = run("echo")
    (folder / "report.html").mkdir()
    written = tmp_path / "x.md"
    code = conclude([folder], also=[ExitCode.INTERRUPTED], keep=True, output_format="md", where=str(written))
    assert code == ExitCode.INTERRUPTED
    assert "report.html" in capsys.readouterr().err
    assert written.read_text()
    assert (folder / "report.json").read_text()


def test_reports_are_kept_beside_the_run_for_loadtest(run, capsys):
    from siotool.cli.outcome import conclude
    from siotool.errors import ExitCode

    folder = run("echo")
    assert conclude([folder], keep=True, also=[ExitCode.INTERRUPTED]) == ExitCode.INTERRUPTED
    assert "Sizing" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "run.jsonl",
        "report.html",
        "report.md",
        "report.json",
    }
    assert json.loads((folder / "report.json").read_text())["valid"] == "yes"
