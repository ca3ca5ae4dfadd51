"""``siotool plan --from RUN`` and ``--verify RUN``, on the example run of this repository."""

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from siotool.document.contract import to_json
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evidence.adapter_measure import measure_adapter
from siotool.plan.evidence.verify import Verification
from tests.unit.fleets_of_adapters import fleet_of
from tests.unit.test_adapter_costs import MEASURED

EXAMPLE = Path(__file__).parents[2] / "reports/example/run.jsonl"
SCHEMA = Path(__file__).parents[2] / "siotool/schemas/verification.json"


def planned(siotool, *arguments, cwd):
    return siotool("plan", "--connections", "10k", *arguments, "--draws=200", cwd=cwd)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "seen").mkdir()
    shutil.copy(EXAMPLE, tmp_path / "seen/run.jsonl")
    return tmp_path


def test_figures_of_a_run_are_measured_and_name_it(siotool, folder):
    done = planned(siotool, "--from", "seen", "--format=json", cwd=folder)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    rows = {row["key"]: row for row in plan["figures"]}
    for key in ("workload.consumption_rate", "server.capacity"):
        assert rows[key]["provenance"]["kind"] == "measured"
        assert rows[key]["fitted"].endswith("replicates")
        assert rows[key]["p5"] <= rows[key]["value"] <= rows[key]["p95"]
    (run,) = plan["evidence"]["runs"]
    assert run in rows["server.capacity"]["provenance"]["detail"]
    assert "measured: " in plan["constraints"][0]["provenance"]
    assert len(plan["evidence"]["observed_cores"]) == len(plan["evidence"]["predicted_cores"]) > 0


def test_what_is_typed_counts_more_than_what_was_measured(siotool, folder):
    done = planned(siotool, "--from", "seen", "--capacity", "1GB/s", "--format=json", cwd=folder)
    rows = {row["key"]: row for row in json.loads(done.stdout)["figures"]}
    assert rows["server.capacity"]["provenance"] == {"kind": "typed", "detail": "--capacity"}


@pytest.mark.parametrize("asked", [("--format=md",), ("-o", "checked.md", "-q")])
def test_a_verification_is_written_as_markdown(siotool, asked, folder):
    """--verify --format md wrote text."""
    done = planned(siotool, "--from", "seen", "--verify", "seen", *asked, cwd=folder)
    assert done.returncode == 0, done.stderr
    first, *lines = (done.stdout or (folder / "checked.md").read_text()).splitlines()
    header, align, *rows = (line for line in lines if line.startswith("|"))
    assert first.startswith("# ")
    assert "figures lie within their 90 % interval" in first
    assert header.count("|") == align.count("|") == 6
    cpu = next(row for row in rows if row.startswith("| ✅ cpu |"))
    assert "| inside |" in cpu
    assert "mean CPU of the server" in cpu


@pytest.mark.parametrize("form", ["keda", "hpa"])
def test_a_verification_has_no_other_form(siotool, form, folder):
    done = planned(
        siotool, "--verify", "seen", f"--format={form}", "--deployment=chat", "--capacity=1GB/s", cwd=folder
    )
    assert done.returncode == 2
    assert f"--verify writes no {form}" in done.stderr


def test_prices_that_a_verification_has_no_use_for_are_refused(siotool, folder):
    done = planned(siotool, "--verify", "seen", "--prices", "none.toml", "--capacity=1GB/s", cwd=folder)
    assert done.returncode == 2
    assert "--prices says nothing of a prediction" in done.stderr


def test_text_shows_what_was_measured(siotool, folder):
    done = planned(siotool, "--from", "seen", cwd=folder)
    assert "90 % interval" in done.stdout
    assert "the fit explains" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_prediction_is_held_against_the_run(siotool, folder):
    done = planned(siotool, "--from", "seen", "--verify", "seen", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "figures lie within their 90 % interval" in done.stdout
    checked = json.loads(
        planned(siotool, "--from", "seen", "--verify", "seen", "--format=json", cwd=folder).stdout
    )
    assert {"cpu", "memory", "connections"} <= {check["name"] for check in checked["checks"]}
    assert {type(check["inside"]) for check in checked["checks"]} == {bool}
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(checked)


def test_the_schema_of_a_verification_is_its_type(golden, schema_of):
    schema = schema_of(Verification, "siotool plan --verify --format json")
    Draft202012Validator.check_schema(schema)
    golden("../../siotool/schemas/verification.json", json.dumps(schema, indent=2) + "\n")


def test_a_run_that_was_beyond_its_server_is_no_evidence(siotool, folder):
    """A server that answered half of its calls did half of the work: its costs were half of the truth."""
    path = folder / "seen/run.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["kind"] == "interval":
            line["operations"].append({"op": "ack", "name": "ask", "count": 5, "errors": {"timeout": 5}})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = planned(siotool, "--from", "seen", "--accept-suspect", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "seen/run.jsonl shows no cost: the load was beyond this server (50 % of" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--from", "gone"], "cannot read gone: No such file or directory", id="no run"),
        pytest.param(["--from", "seen@0"], "--from seen@0: '0' is not a number of nodes", id="no nodes"),
        pytest.param(
            ["--from", "seen@two"], "--from seen@two: 'two' is not a number of nodes", id="nodes in words"
        ),
        pytest.param(["--from", "other.json"], "other.json is not a siotool run", id="another file"),
    ],
)
def test_what_is_no_run_is_refused(siotool, arguments, words, folder):
    (folder / "other.json").write_text('{"version": 1}\n')
    done = planned(siotool, *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_of_another_target_is_refused(siotool, folder):
    lines = (folder / "seen/run.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    header = json.loads(lines[0])
    header["target"]["url"] = "http://elsewhere.example:3000"
    header |= {"run": "another", "embedded": False}
    (folder / "other").mkdir()
    (folder / "other/run.jsonl").write_text(json.dumps(header) + "\n" + "".join(lines[1:]), encoding="utf-8")
    done = planned(siotool, "--from", "seen", "--from", "other", cwd=folder)
    assert done.returncode == 2
    assert "elsewhere.example" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_cut_short_is_refused_unless_it_is_accepted(siotool, folder):
    text = (folder / "seen/run.jsonl").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines(keepends=True) if '"kind":"end"' not in line.replace(" ", "")]
    (folder / "seen/run.jsonl").write_text("".join(lines), encoding="utf-8")
    refused = planned(siotool, "--from", "seen", cwd=folder)
    assert refused.returncode == 2
    assert "--accept-suspect" in refused.stderr
    assert planned(siotool, "--from", "seen", "--accept-suspect", cwd=folder).returncode == 0


def test_runs_at_several_numbers_of_nodes_make_a_law(siotool, folder):
    lines = (folder / "seen/run.jsonl").read_text().splitlines()
    places = []
    for nodes in (1, 2, 4, 8):
        place = folder / f"n{nodes}"
        place.mkdir()
        head, *rest = (json.loads(line) for line in lines)
        head |= {"run": place.name, "started_at": f"2026-01-0{nodes}T00:00:00Z"}
        for line in rest:
            if line.get("servers") and line["kind"] == "interval":
                line["servers"]["server"]["cpu_cores"] /= nodes**0.9  # the sampled one of so many does less
        (place / "run.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in (head, *rest)))
        places += ["--from", f"{place.name}@{nodes}"]
    document = json.loads(planned(siotool, *places, "--format=json", cwd=folder).stdout)
    scaling = document["evidence"]["scaling"]
    assert 0 < scaling["alpha"] < 0.2
    assert scaling["trusted_nodes"] is None or scaling["trusted_nodes"] >= 8
    assert document["inputs"]["consumption_rate_bytes_per_s"] > 0
    said = " ".join(planned(siotool, *places, cwd=folder).stdout.split())
    assert "Over several nodes: contention" in said


def test_a_cost_that_is_typed_is_what_is_verified(siotool, folder):
    known = ("--from", "seen", "--verify", "seen", "--format=json")
    measured = json.loads(planned(siotool, *known, cwd=folder).stdout)
    typed = json.loads(planned(siotool, *known, "--set", "server.delivery_cost=1us", cwd=folder).stdout)
    found = [{check["name"]: check for check in one["checks"]} for one in (measured, typed)]
    assert {"cpu", "memory", "files", "connections"} == set(found[0])
    assert found[1]["cpu"]["high"] < found[0]["cpu"]["low"]


def test_a_rate_that_is_typed_in_the_place_of_a_measured_adapters_costs_can_be_verified(siotool, folder):
    """A run beside an adapter's profile ended as a bug: both had replicates of one group, not equally many.

    And so would have ended the look-up of the costs that the rate replaces.
    """
    adapter = ADAPTERS["redis"]
    profile = measure_adapter(adapter, fleet_of(adapter, (1, 2, 4)), (), MEASURED, 1)
    (folder / "redis.json").write_text(to_json(profile, 10), encoding="utf-8")
    places = ("--from", "seen", "--from", "redis.json", "--verify", "seen", "--format=json")
    done = planned(siotool, *places, "--set", "topology.backend_rate=1k/s", cwd=folder)
    assert done.returncode in (0, 4), done.stderr
    assert json.loads(done.stdout)["checks"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failed_verification_exits_4_and_says_what_failed(siotool, form, folder):
    """It said "missed" and exited 0, so that no script could go by it."""
    wrong = ("--set", "server.delivery_cost=5ms", "--set", "server.inbound_cost=5ms")
    done = planned(siotool, "--from", "seen", *wrong, "--verify", "seen", f"--format={form}", cwd=folder)
    assert done.returncode == 4
    assert "cpu" in done.stdout
    assert done.stderr == "siotool: verification failed: cpu outside the plan's 90 % interval\n"


def test_a_verification_that_holds_exits_0(siotool, folder):
    done = planned(siotool, "--from", "seen", "--verify", "seen", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_runs_at_two_addresses_are_of_one_service_where_the_user_says_so(siotool, folder):
    header, *rest = (folder / "seen/run.jsonl").read_text().splitlines()
    for name, port in (("one", 3000), ("two", 3001)):
        changed = json.loads(header)
        changed |= {"run": name, "command": [], "embedded": False}
        changed["target"]["url"] = f"http://10.0.0.1:{port}"
        (folder / name).mkdir()
        (folder / name / "run.jsonl").write_text("\n".join([json.dumps(changed), *rest]) + "\n")
    both = ("--from", "one", "--from", "two", "--format=json")
    refused = planned(siotool, *both, cwd=folder)
    assert refused.returncode == 2
    assert "--same-target" in refused.stderr
    taken = planned(siotool, *both, "--same-target", cwd=folder)
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["evidence"]["runs"] == ["one", "two"]
