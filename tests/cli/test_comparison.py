"""``--baseline`` and ``siotool history`` as a user and a script see them: exit codes, sentences, one file."""

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from siotool.history import history_file

GOLDEN = Path(__file__).parents[1] / "golden"


def writer_of_runs(place):
    """Makes a folder with the golden echo run, at another time, with ``cost`` times the server's CPU."""
    lines = (GOLDEN / "report/echo.jsonl").read_text().splitlines()

    def make(name, *, cost=1.0, at="2026-01-01T00:00:00+00:00", **changed):
        folder = place / name
        folder.mkdir()
        written = []
        for line in lines:
            found = json.loads(line)
            if found["kind"] == "header":
                found |= {"run": name, "started_at": at} | changed
            for use in found.get("servers", {}).values() if found["kind"] == "interval" else ():
                use["cpu_cores"] *= cost
            written.append(json.dumps(found))
        (folder / "run.jsonl").write_text("\n".join(written) + "\n")
        return folder

    return make


@pytest.fixture
def run(tmp_path):
    return writer_of_runs(tmp_path)


def test_a_service_that_costs_more_fails_and_one_line_says_why(siotool, run):
    before, after = run("before"), run("after", cost=2.0)
    done = siotool("report", after, "--baseline", before, "--connections", "20k", "--format", "json")
    assert done.returncode == 4
    report = json.loads(done.stdout)
    compared = report["comparison"]
    (cpu,) = [one for one in compared["metrics"] if one["name"].startswith("cpu_per_")]
    assert (cpu["verdict"], cpu["relative"]) == ("worse", pytest.approx(1.0))
    assert (compared["baseline"], compared["runs"], compared["source"]) == (["before"], ["after"], "runs")
    servers = compared["servers"]
    assert 0 < servers["low"] <= servers["effect"] <= servers["high"]
    assert servers["measured"] - servers["baseline"] == servers["effect"]
    gates = {one["expr"]: one["outcome"] for one in report["gates"] if one["default"]}
    assert (gates["worse > 0"], gates["more_servers >= 1"]) == ("failed", "failed")
    last = done.stderr.splitlines()[-1]
    assert "exit 4: the gate" in last
    assert "+100.0 %" in done.stderr


def test_the_same_service_passes_and_no_difference_is_an_answer(siotool, run):
    done = siotool("report", run("after"), "--baseline", run("before", at="2026-01-02T00:00:00+00:00"))
    assert done.returncode == 0
    assert "Compared with the baseline" in done.stdout
    assert "No difference shown." in done.stdout
    assert "one run on each side" in " ".join(done.stdout.split()).lower()
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        pytest.param("worse > 300%", 0, id="worse, by less than is allowed"),
        pytest.param("worse > 5%", 4, id="worse by more"),
        pytest.param("worse > 5", 4, id="the default on servers stays"),
    ],
)
def test_a_gate_of_ones_own_takes_the_place_of_the_default(siotool, run, gate, code):
    runs = run("after", cost=2.0), run("before")
    without = () if code else ("--fail-if", "more_servers >= 100k")
    done = siotool(
        "report", runs[0], "--baseline", runs[1], "--connections", "20k", "--fail-if", gate, *without
    )
    assert done.returncode == code


def test_a_gate_on_a_comparison_without_a_baseline_fails(siotool, run):
    done = siotool("report", run("alone"), "--fail-if", "worse > 0")
    assert done.returncode == 4
    assert "compared with nothing (--baseline)" in " ".join(done.stdout.split())


def test_what_is_not_the_same_comes_first(siotool, run):
    header = json.loads((GOLDEN / "report/echo.jsonl").read_text().splitlines()[0])
    before = run("before", siotool="0.0.9", target=header["target"] | {"transport": "polling"})
    text = siotool("report", run("after"), "--baseline", before).stdout
    section = text[text.index("Compared with the baseline") :]
    first, second = section.index("Not the same: transport:"), section.index("Not the same: siotool:")
    assert first < second < section.index("1 run against 1 of the baseline")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"target": {"url": "http://other:1"}}, "the baseline is of another target", id="target"),
        pytest.param({"version": 1}, "has run format 1; this siotool reads", id="format"),
        pytest.param(
            {"workload": {"scenario": "chat", "settings": {}, "stages": [], "processes": 1, "seed": 1}},
            "runs of different scenarios cannot be compared",
            id="scenario",
        ),
    ],
)
def test_a_baseline_that_is_none_is_refused(siotool, run, changed, said):
    done = siotool("report", run("after"), "--baseline", run("before", **changed))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_baseline_that_is_missing_or_the_same_run_is_refused(siotool, run, tmp_path):
    after = run("after")
    assert "cannot read" in siotool("report", after, "--baseline", tmp_path / "none").stderr
    shutil.copytree(after, tmp_path / "copy")
    done = siotool("report", after, "--baseline", tmp_path / "copy")
    assert done.returncode == 2
    assert "the run after is on both sides" in done.stderr
    both = siotool("report", after, "--baseline", "history", "--baseline", tmp_path / "copy")
    assert "--baseline history beside another baseline" in both.stderr


def test_a_doubtful_baseline_makes_the_comparison_doubtful(siotool, run):
    before = run("before")
    path = before / "run.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")  # cut: no end
    done = siotool("report", run("after"), "--baseline", before, "--format", "json")
    assert done.returncode == 5
    assert any(doubt.startswith("the baseline before: ") for doubt in json.loads(done.stdout)["doubts"])


def test_an_unsampled_server_gives_no_servers_and_the_reason(siotool, run):
    def unsampled(folder):
        lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
        for line in lines:
            if "servers" in line:
                line["servers"] = [] if line["kind"] == "header" else {}
        (folder / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder

    done = siotool(
        "report", unsampled(run("after")), "--baseline", unsampled(run("before")), "--format", "json"
    )
    servers = json.loads(done.stdout)["comparison"]["servers"]
    assert servers["effect"] is None
    assert "not sampled" in servers["how"]
    assert done.returncode == 0


def test_a_plan_with_prices_says_what_the_difference_costs(siotool, run, tmp_path):
    """12 or so servers more at 60 USD each; the html says it too."""
    (tmp_path / "prices.toml").write_text(
        'currency = "USD"\n[shapes.one]\ncores = 1\nmemory = "2GiB"\nbandwidth = "50MB/s"\n'
        "[prices.one]\nper_month = 60\n"
    )
    (tmp_path / "plan.toml").write_text(
        '[workload]\nconnections = "500k"\nconsumption_rate = "2KB/s"\n[server]\ncapacity = "100MB/s"\n'
    )
    asked = "--prices", "prices.toml", "--shape", "one", "--format", "json", "-o", "plan.json"
    planned = siotool("plan", "plan.toml", *asked, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    both = run("after", cost=2.0), "--baseline", run("before"), "--plan", "plan.json"
    servers = json.loads(siotool("report", *both, "--format", "json", cwd=tmp_path).stdout)["comparison"][
        "servers"
    ]
    assert servers["effect"] > 0
    for end in ("", "_low", "_high"):
        assert servers[f"per_month{end}"] == pytest.approx(60 * servers[end.strip("_") or "effect"])
    assert servers["currency"] == "USD"
    page = siotool("report", *both, "--format", "html", cwd=tmp_path).stdout
    assert f"{servers['per_month']:+,.0f} USD a month" in page


def test_the_page_has_the_comparison_with_how_it_was_made(siotool, run):
    page = siotool("report", run("after", cost=2.0), "--baseline", run("before"), "--format", "html").stdout
    assert '<section id="comparison"' in page
    assert "Compared with the baseline" in page
    assert "+100.0 %" in page


# ── history ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ten_runs(siotool, tmp_path_factory):
    """A history of ten runs; the service costs twice as much from the sixth on."""
    place = tmp_path_factory.mktemp("past")
    run = writer_of_runs(place)
    folders = [
        run(f"run-{number}", cost=1.0 if number < 5 else 2.0, at=f"2026-01-{number + 1:02d}T00:00:00+00:00")
        for number in range(10)
    ]
    file = place / "past.sqlite"
    done = siotool(
        "history", "add", *folders, "--file", file, "--label", "main", GITHUB_SHA="0123456789abcdef"
    )
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture
def past(ten_runs, tmp_path):
    """A test's own copy of it."""
    return shutil.copy(ten_runs, tmp_path / "past.sqlite")


def test_a_lasting_change_is_named_with_its_first_run(siotool, past):
    text = " ".join(siotool("history", "--file", past).stdout.split())
    assert "+100.0 % since run-5 (main, 01234567)" in text
    document = json.loads(siotool("history", "--file", past, "--format", "json").stdout)
    (trend,) = document["trends"]
    assert [one["run"] for one in trend["runs"]] == [f"run-{number}" for number in range(10)]
    (change,) = [one for one in trend["changes"] if one["metric"].startswith("cpu_per_")]
    assert (change["run"], change["runs_before"], change["runs_since"]) == ("run-5", 5, 5)
    assert "run-5" in siotool("history", "--file", past, "--format", "md").stdout


def test_options_before_add_are_no_options_of_it(siotool, run, tmp_path):
    """The run went into another file, with exit code 0."""
    done = siotool("history", "--file", tmp_path / "past.sqlite", "add", run("one"), cwd=tmp_path)
    assert done.returncode == 2
    assert "--file and --label belong behind add" in done.stderr
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("other", ["none", "RUN"])
def test_a_history_that_nothing_reads_is_refused(siotool, run, past, other):
    """Trap: it was believed to keep the run."""
    named = run("other") if other == "RUN" else other
    one = run("one")
    done = siotool("report", one, "--history", past, "--baseline", named)
    assert done.returncode == 2
    assert "siotool history add RUN keeps a run" in done.stderr
    beside = siotool("report", one, "--baseline", named, "--baseline", "none")
    assert (beside.returncode, "--baseline none beside another" in beside.stderr) == (2, True)


def test_a_history_that_is_given_is_the_baseline_where_none_is_named(siotool, run, past):
    after = run("after", cost=3.0, at="2026-02-01T00:00:00+00:00")
    done = siotool("report", after, "--history", past, "--format", "json")
    compared = json.loads(done.stdout)["comparison"]
    assert (compared["source"], len(compared["baseline"])) == ("history", 10)
    assert done.returncode == 4


@pytest.mark.parametrize("name", ["past.sqlite", "new.sqlite", "empty.sqlite"])
def test_a_history_without_a_comparable_run_changes_no_verdict(siotool, run, past, name):
    """Also one that is an empty file, as mktemp makes it."""
    past.with_name("empty.sqlite").touch()
    header = json.loads((GOLDEN / "report/echo.jsonl").read_text().splitlines()[0])
    after = run("after", cost=3.0, workload=header["workload"] | {"settings": {"rate": 9.0}})
    done = siotool("report", after, "--history", past.with_name(name))
    assert done.returncode == 0, done.stderr
    # a path that is longer than a line is broken, and no part of it is left out
    assert f"{name}hasnotrustedrunofthisscenario" in "".join(done.stdout.split())
    gated = siotool("report", after, "--history", past.with_name(name), "--fail-if", "worse > 0")
    assert gated.returncode == 4, "what was asked for was not shown"


def test_the_history_is_a_baseline_of_comparable_runs(siotool, run, past):
    after = run("after", cost=3.0, at="2026-02-01T00:00:00+00:00")
    done = siotool("report", after, "--baseline", "history", "--history", past, "--format", "json")
    compared = json.loads(done.stdout)["comparison"]
    assert (compared["source"], len(compared["baseline"])) == ("history", 10)
    assert done.returncode == 4
    other = siotool("report", after, "--baseline", "history:other", "--history", past)
    assert other.returncode == 0
    assert "compared with nothing" in " ".join(other.stdout.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param(
            {"system": "Linux 6.99"},
            "Not the same: system: Linux 6.99, in the baseline Linux",
            id="its system",
        ),
        pytest.param({"cpu": "AMD EPYC 7763"}, "compared with nothing", id="its CPU"),
    ],
)
def test_a_machine_whose_system_was_updated_is_still_the_same(siotool, run, past, changed, said):
    """Trap: with a new image of a pipeline's machines its history had no comparable run, and it passed."""
    header = json.loads((GOLDEN / "report/echo.jsonl").read_text().splitlines()[0])
    after = run("after", cost=3.0, generators=[header["generators"][0] | changed])
    done = siotool("report", after, "--baseline", "history", "--history", past)
    assert said in " ".join(done.stdout.split())
    assert done.returncode == (4 if "system" in changed else 0)


def test_a_run_of_another_load_finds_no_baseline_and_says_so(siotool, run, past):
    header = json.loads((GOLDEN / "report/echo.jsonl").read_text().splitlines()[0])
    workload = header["workload"] | {"settings": {"rate": 9.0}}
    done = siotool("report", run("after", workload=workload), "--baseline", "history", "--history", past)
    assert "has no trusted run of this scenario, target, load and machine" in " ".join(done.stdout.split())


def test_a_failed_run_is_kept_and_is_no_baseline(siotool, run, tmp_path):
    file = tmp_path / "past.sqlite"
    folder = run("slow", gates=["p99:ack:echo > 1us"])
    siotool("history", "add", folder, "--file", file)
    (kept,) = history_file.read(file, label="", most=9)
    assert kept.verdict == "failed"
    conditions = kept.measures.conditions
    assert history_file.comparable(file, conditions, label="", same_target=False, most=9) == []


def test_a_run_that_is_added_again_is_replaced(siotool, run, tmp_path):
    file, folder = tmp_path / "past.sqlite", run("one")
    for label in ("old", "new"):
        siotool("history", "add", folder, "--file", file, "--label", label)
    assert [one.label for one in history_file.read(file, label="", most=9)] == ["new"]


def test_all_runs_are_added_or_none(siotool, run, tmp_path):
    """The first was in the history, though the command was refused."""
    file = tmp_path / "past.sqlite"
    done = siotool("history", "add", run("one"), tmp_path / "nowhere", "--file", file)
    assert (done.returncode, file.exists()) == (2, False)
    assert "is in" not in done.stderr


@pytest.mark.parametrize(
    ("write", "said"),
    [
        pytest.param(lambda path: path.mkdir(), "is a folder, and a history is a file", id="folder"),
        pytest.param(lambda path: path.write_text("no database" * 100), "is no siotool history", id="text"),
        pytest.param(
            lambda path: sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close(),
            "is no siotool history: it is a database of another program",
            id="foreign",
        ),
        pytest.param(lambda path: None, "there is no history in", id="missing"),
    ],
)
def test_a_file_that_is_no_history_is_refused(siotool, tmp_path, write, said):
    path = tmp_path / "past.sqlite"
    write(path)
    done = siotool("history", "--file", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_foreign_database_is_not_written_to(siotool, run, tmp_path):
    path = tmp_path / "theirs.sqlite"
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    before = path.read_bytes()
    assert siotool("history", "add", run("one"), "--file", path).returncode == 2
    assert path.read_bytes() == before


def test_a_history_of_another_format_is_refused(siotool, past):
    with sqlite3.connect(past) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    done = siotool("history", "--file", past)
    assert done.returncode == 2
    assert "has history format 9; this siotool reads 3" in done.stderr


def test_a_damaged_row_names_its_run(siotool, past):
    with sqlite3.connect(past) as database:
        database.execute("UPDATE runs SET measures = x'00' WHERE run = 'run-3'")
    database.close()
    done = siotool("history", "--file", past)
    assert done.returncode == 2
    assert "the run run-3 is damaged" in done.stderr


def test_writers_at_once_lose_nothing(past, tmp_path):
    runs = history_file.read(past, label="", most=99)
    file = tmp_path / "new.sqlite"
    errors = []

    def write(one):
        try:
            history_file.add(file, [one])
        except Exception as error:  # a thread's own is lost
            errors.append(error)

    writers = [threading.Thread(target=write, args=(one,)) for one in runs]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert history_file.read(file, label="", most=99) == runs


def test_the_json_of_a_history_holds_to_its_schema(siotool, past, golden, schema_of):
    from jsonschema import Draft202012Validator

    from siotool.report.history_figures import PastRuns

    schema = schema_of(PastRuns, "siotool history --format json")
    golden("../../siotool/schemas/history.json", json.dumps(schema, indent=2) + "\n")
    document = json.loads(siotool("history", "--file", past, "--format", "json").stdout)
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
