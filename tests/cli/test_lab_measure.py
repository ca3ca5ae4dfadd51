"""``siotool lab measure`` as far as it is refused, and ``siotool plan --from`` with a measured adapter."""

import json
from pathlib import Path
from random import Random

import msgspec
import pytest
from jsonschema import Draft202012Validator

from siotool.calibration.design import designed
from siotool.cli import fleet_loads
from siotool.cli.fleet_loads import FleetLoad
from siotool.document.contract import to_json
from siotool.errors import TargetError
from siotool.lab import needs
from siotool.lab.lab import Lab
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evidence.adapter_measure import measure_adapter
from siotool.plan.evidence.adapter_profile import AdapterProfile
from siotool.plan.evidence.calibrate import calibrate
from siotool.runfile import Run
from tests.unit.fleets_of_adapters import SERVER, fleet_of, run_of_fleet
from tests.unit.synthetic_server import made_run
from tests.unit.test_adapter_costs import MEASURED

MESSAGES = """[workload]
connections = "100k"
[workload.messages.chat]
kind = "room"
rate = "1/min"
size = "300B"
room_size = 40
"""


def written(name: str) -> str:
    adapter = ADAPTERS[name]
    return to_json(measure_adapter(adapter, fleet_of(adapter, (1, 2, 4)), (), MEASURED, 1), 10)


@pytest.fixture(scope="module")
def redis() -> str:
    return written("redis")


@pytest.fixture
def folder(tmp_path: Path, redis: str) -> Path:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis/profile.json").write_text(redis, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(MESSAGES, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--nodes", "1,x"], "--nodes 1,x: expected numbers of servers", id="no number"),
        pytest.param(["--nodes", "0,1"], "from 1 to 64", id="none"),
        pytest.param(["--nodes", "2,2"], "stands there twice", id="twice"),
        pytest.param(["--check", "3"], "what is in --nodes is no check of it", id="a check of itself"),
        pytest.param(["--nodes", "1", "--check", "2,"], "--check 2,: expected", id="a check of nothing"),
        pytest.param(["--rate", "0"], "--rate 0 is out of range", id="no load"),
        pytest.param(["--adapter", "redis"], "redis-server is not installed", id="no Redis"),
        pytest.param(
            ["python.toml", "--adapter", "postgres"],
            "runtime python has no adapter postgres: python-socketio is joined by Redis here",
            id="Python without Redis",
        ),
        pytest.param(["--format", "html", "-o", "-"], "node is not installed", id="no Node.js"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_starts(siotool, arguments, words, tmp_path):
    (tmp_path / "python.toml").write_text('[lab]\nruntime = "python"\n')
    bin = tmp_path / "bin"
    bin.mkdir()
    if "--adapter" in arguments:
        (bin / "node").write_text("#!/bin/sh\n")
        (bin / "node").chmod(0o755)
    done = siotool("lab", "measure", *arguments, cwd=tmp_path, PATH=str(bin))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "python.toml"]


@pytest.fixture
def fleets(monkeypatch):
    """Loads that are not run: each gives the run of a made fleet, which really has the adapter ``heard``."""

    def have(heard: str) -> list[FleetLoad]:
        done: list[FleetLoad] = []

        def load_fleet(load: FleetLoad, folder: Path) -> Run:
            done.append(load)
            return run_of_fleet(ADAPTERS[heard], load.lab.servers, load.phases)

        monkeypatch.setattr(needs, "check_machine", lambda lab: None)
        monkeypatch.setattr(fleet_loads, "load_fleet", load_fleet)
        return done

    return have


def test_a_measurement_writes_its_profile_and_its_report(siotool, fleets, tmp_path):
    loads = fleets("redis")
    (tmp_path / "chat.toml").write_text('[lab]\nadapter = "redis"\nbalancer = "nginx"\nservers = 7\n')
    arguments = ("chat.toml", "--nodes", "1,2,4", "--check", "3", "--out", "seen", "--rate", "3000")
    done = siotool("lab", "measure", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    order = (1, 2, 3, 4, 4, 3, 2, 1)
    assert [load.lab for load in loads] == [Lab(servers=n, adapter="redis") for n in order]
    assert [load.name for load in loads[3:5]] == ["4-servers-1", "4-servers-2"]
    assert len({load.phases for load in loads}) == 8, "each start has an order of its own"
    assert {sum(1 for one in load.phases if one.kind == "idle") for load in loads} == {1}
    assert "redis is received as its law says: every" in done.stdout
    assert "balancer nginx is left out" in done.stderr
    kept = {path.name for path in (tmp_path / "seen").iterdir()}
    assert kept == {"profile.json", "adapter.html", "adapter.md"}
    profile = json.loads((tmp_path / "seen/profile.json").read_text())
    assert [(one["servers"], one["fitted"]) for one in profile["fleets"]][2] == (3, False)
    assert (profile["rate_per_s"], profile["run"]) == (3000, "made-1")
    plan = siotool(
        "plan", "--from", "seen", "--connections", "1k", "--consumption-rate", "1KB/s", cwd=tmp_path
    )
    assert plan.returncode == 0, plan.stderr


def test_servers_in_python_are_measured_by_the_law_of_their_own_adapter(siotool, fleets, tmp_path):
    loads = fleets("python-redis")
    arguments = ("--runtime", "python", "--adapter", "redis", "--nodes", "1,2", "--format", "json", "-q")
    done = siotool("lab", "measure", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {load.lab.runtime for load in loads} == {"python"}
    profile = json.loads(done.stdout)
    assert (profile["adapter"], profile["law"]) == ("python-redis", "every")
    assert {"python", "python-socketio"} <= set(profile["versions"])
    assert "socket.io" not in profile["versions"]
    (folder,) = (tmp_path / "reports").iterdir()
    assert folder.name.endswith("-python-redis")


def test_a_law_that_does_not_hold_is_exit_code_4(siotool, fleets, tmp_path):
    fleets("cluster")
    done = siotool("lab", "measure", "--adapter", "redis", "--nodes", "1,2", "--format", "json", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert (
        "law every fails: 2 servers, messages to all: counted 0.50 of the servers, expected 1.00"
        in done.stderr
    )
    assert {one["like"] for one in json.loads(done.stdout)["laws"]} >= {"others"}


def test_a_fleet_that_is_not_predicted_is_exit_code_4(siotool, fleets, tmp_path, monkeypatch):
    fleets("redis")
    plain = fleet_loads.load_fleet

    def dear(load: FleetLoad, folder: Path) -> Run:
        with monkeypatch.context() as only:
            if load.lab.servers == 3:
                only.setitem(SERVER, "receive", 60e-6)
            return plain(load, folder)

    monkeypatch.setattr(fleet_loads, "load_fleet", dear)
    arguments = ("--adapter", "redis", "--nodes", "1,2", "--check", "3", "--quiet", "--seed", "7")
    done = siotool("lab", "measure", *arguments, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "prediction fails: 3 servers, the server's CPU -" in done.stderr


@pytest.fixture
def interrupted(monkeypatch, fleets):
    """Ctrl-C, or another end, comes in the middle of the load with this number, from 0 on."""

    def at(number: int, end: type[BaseException] = KeyboardInterrupt) -> None:
        done = fleets("redis")
        plain = fleet_loads.load_fleet

        def load_fleet(load: FleetLoad, folder: Path) -> Run:
            if len(done) == number:
                raise end("no more")
            return plain(load, folder)

        monkeypatch.setattr(fleet_loads, "load_fleet", load_fleet)

    return at


def test_ctrl_c_keeps_a_profile_of_the_fleets_that_were_measured(siotool, interrupted, tmp_path):
    """It ended without a word, and without a profile of the five minutes before."""
    interrupted(6)
    arguments = ("--adapter", "redis", "--nodes", "1,2,4", "--check", "3", "--out", "seen")
    done = siotool("lab", "measure", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    said = "ended early: 6 of 8 loads came to their end"
    assert f"{said}; profile.json, report and runs in seen/ are of these" in done.stderr
    profile = json.loads((tmp_path / "seen/profile.json").read_text())
    assert [one["servers"] for one in profile["fleets"]] == [1, 2, 3, 4]
    assert said in profile["doubts"]
    arguments = ("--connections", "1k", "--consumption-rate", "1KB/s", "--format", "json")
    plan = siotool("plan", "--from", "seen", *arguments, cwd=tmp_path)
    assert said in json.loads(plan.stdout)["evidence"]["remarks"]


@pytest.mark.parametrize(
    ("number", "arguments", "words"),
    [
        pytest.param(0, [], "0 of 8 loads came to their end: there is nothing to keep", id="the first"),
        pytest.param(1, [], "1 of 8 loads came to their end, and no profile of them: 8 phases are", id="few"),
        pytest.param(
            1,
            ["--nodes", "2,3,4", "--check", "1"],
            "and no profile of them: no fleet is left",
            id="checked only",
        ),
    ],
)
def test_ctrl_c_before_there_is_enough_for_a_profile_says_so(
    siotool, interrupted, number, arguments, words, tmp_path
):
    interrupted(number)
    done = siotool("lab", "measure", "--adapter", "redis", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert words in done.stderr
    assert ("measure" in done.stderr and "their runs are in reports/" in done.stderr) == (number > 0)
    assert list(tmp_path.rglob("profile.json")) == []


def test_a_load_that_fails_keeps_what_was_measured_before(siotool, interrupted, tmp_path):
    """The seventh load of eight failed, and nothing was made of the six before."""
    interrupted(6, TargetError)
    done = siotool("lab", "measure", "--adapter", "redis", "--out", "seen", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "6 of 8 loads came to their end; profile.json, report and runs in seen/" in done.stderr
    assert "no more" in done.stderr
    assert (tmp_path / "seen/profile.json").is_file()


def test_a_load_whose_run_cannot_be_read_has_failed(tmp_path, monkeypatch):
    """Bad input was said, and the fleets that had been measured before were not kept."""

    def died(command, timeout_s):
        folder = tmp_path / "one"
        folder.mkdir()
        (folder / "run.jsonl").write_text("no line of a run\n")
        return "it was killed"

    monkeypatch.setattr(fleet_loads, "_run", died)
    (load,) = fleet_loads.fleet_loads(Lab(adapter="redis"), [1], 100.0, 1, 1)
    with pytest.raises(TargetError, match=r"(?s)did not come to its end: it was killed.*run\.jsonl"):
        fleet_loads.load_fleet(load, tmp_path / "one")


def test_a_full_machine_is_exit_code_5(siotool, fleets, tmp_path, monkeypatch):
    fleets("none")
    monkeypatch.setitem(SERVER, "delivery", 150e-6)
    done = siotool("lab", "measure", "--nodes", "1,2", "--rounds", "1", "-o", "seen.md", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert "of the machine's CPUs" in done.stderr
    assert "none is received as its law says: nobody" in (tmp_path / "seen.md").read_text()


@pytest.mark.parametrize("name", ["redis", "redis/profile.json"])
def test_a_plan_takes_the_adapter_and_its_costs_from_a_profile(siotool, name, folder):
    done = siotool("plan", "plan.toml", "--from", name, "--draws=500", "--format=json", cwd=folder)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    rows = {row["key"]: row for row in plan["figures"]}
    for key in (
        "server.publish_cost",
        "server.adapter_cost",
        "server.delivery_cost",
        "topology.backend_publish_cost",
        "topology.backend_delivery_cost",
    ):
        assert rows[key]["provenance"]["kind"] == "measured", key
    assert rows["topology.adapter"]["text"] == "redis"
    assert {one["name"] for one in plan["evidence"]["costs"]} >= {"server publish", "backend receiver"}
    arguments = ("--set", "topology.adapter=redis", "--capacity", "1Gbit/s", "--draws=500", "--format=json")
    without = siotool("plan", "plan.toml", *arguments, cwd=folder)
    guessed = {row["key"]: row for row in json.loads(without.stdout)["figures"]}
    assert guessed["server.adapter_cost"]["provenance"]["kind"] == "default"
    assert "server.publish_cost" not in guessed


@pytest.fixture
def scaled(tmp_path: Path, folder: Path) -> Path:
    """Fleets of four sizes, as they are, and with a loss in each pair of servers that no cost has."""
    for name, loss in (("as-the-costs", 0.0), ("lossy", 0.12)):
        phases = [
            msgspec.structs.replace(one, cores=one.cores * (1 + loss * one.servers * (one.servers - 1)))
            for one in fleet_of(ADAPTERS["redis"], (1, 2, 3, 4))
        ]
        profile = measure_adapter(ADAPTERS["redis"], phases, (), MEASURED, 1)
        (folder / f"{name}.json").write_text(to_json(profile, 10), encoding="utf-8")
    return folder


def scaled_plan(siotool, folder: Path, name: str):
    messages = ("plan.toml", "--connections=20k", "--from", name, "--draws=500", "--format=json")
    busy = ("--set", "workload.messages.chat.rate=10/min")
    done = siotool("plan", *messages, *busy, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_scalability_law_checks_the_costs_and_changes_no_figure(siotool, scaled):
    plan = scaled_plan(siotool, scaled, "as-the-costs.json")
    scaling = plan["evidence"]["scaling"]
    assert 1 < scaling["processes"] <= 4
    assert scaling["law_times"] == pytest.approx(scaling["costs_times"], rel=0.05)
    assert scaling["law_times"] < 0.95 * scaling["processes"]
    assert "changes no figure" in scaling["sentence"]
    assert not [one for one in plan["warnings"] if "scalability law" in one]
    known = json.loads((scaled / "as-the-costs.json").read_text()) | {"scaling": None}
    (scaled / "without.json").write_text(json.dumps(known))
    without = scaled_plan(siotool, scaled, "without.json")
    assert without["evidence"]["scaling"] is None
    assert (without["servers"], without["constraints"]) == (plan["servers"], plan["constraints"])


def test_a_loss_that_no_cost_has_is_a_warning(siotool, scaled):
    plan = scaled_plan(siotool, scaled, "lossy.json")
    scaling = plan["evidence"]["scaling"]
    assert scaling["processes"] == 4
    assert scaling["law_times"] < 0.85 * scaling["costs_times"]
    (said,) = [one for one in plan["warnings"] if "scalability law" in one]
    assert f"{scaling['law_times']:.2f} times the work of one" in said
    assert "it may have too few servers" in said


def test_a_plan_says_where_its_adapter_was_not_received_as_it_counts(siotool, folder):
    phases = fleet_of(ADAPTERS["redis"], (1, 2, 4), heard=ADAPTERS["cluster"])
    profile = measure_adapter(ADAPTERS["redis"], phases, (), MEASURED, 1)
    (folder / "other.json").write_text(to_json(profile, 10), encoding="utf-8")
    done = siotool("plan", "plan.toml", "--from", "other.json", "--draws=500", "--format=json", cwd=folder)
    remarks = json.loads(done.stdout)["evidence"]["remarks"]
    said = "2 servers: 50 % of them received what was published to all, and the plan counts with 100 %"
    assert said in remarks


def test_a_plan_says_what_was_not_measured_well_enough(siotool, folder, redis):
    """The plan went on with what it believes, and nothing said so."""
    known = json.loads(redis)
    for side, names in (
        ("server", ("receive", "adapter_byte")),
        ("backend", ("message", "receiver", "byte")),
    ):
        for name in names:
            row = known[side]["names"].index(name)
            known[side]["replicates"][row][::2] = [0.0] * len(known[side]["replicates"][row][::2])
            for cost in known[side]["costs"]:
                if cost["name"] == name:
                    cost["low"] = 0.0
    (folder / "unsure.json").write_text(json.dumps(known), encoding="utf-8")
    done = siotool("plan", "plan.toml", "--from", "unsure.json", "--draws=500", "--format=json", cwd=folder)
    plan = json.loads(done.stdout)
    remarks = " ".join(plan["evidence"]["remarks"])
    assert "server receive may be 0: at most" in remarks
    assert "a message may cost the backend nothing: what fills it was not measured" in remarks
    assert not [row["key"] for row in plan["figures"] if row["key"].startswith("topology.backend_")]
    sure = siotool("plan", "plan.toml", "--from", "redis", "--draws=500", "--format=json", cwd=folder)
    assert not [one for one in json.loads(sure.stdout)["evidence"]["remarks"] if "--rounds" in one]


def test_a_message_that_is_free_but_for_its_bytes_was_measured(siotool, folder, redis):
    """Trap: by `receive` alone the plan said that nothing was measured, and counted with it."""
    known = json.loads(redis)
    row = known["server"]["names"].index("receive")
    known["server"]["replicates"][row] = [0.0] * len(known["server"]["replicates"][row])
    for cost in known["server"]["costs"]:
        if cost["name"] == "receive":
            cost["low"] = cost["high"] = cost["value"] = 0.0
    (folder / "bytes.json").write_text(json.dumps(known), encoding="utf-8")
    done = siotool("plan", "plan.toml", "--from", "bytes.json", "--draws=500", "--format=json", cwd=folder)
    plan = json.loads(done.stdout)
    assert "may be 0" not in " ".join(plan["evidence"]["remarks"])
    (taken,) = (row for row in plan["figures"] if row["key"] == "server.adapter_cost")
    assert taken["provenance"]["kind"] == "measured"


def test_a_plan_without_messages_counts_with_the_measured_capacity(siotool, folder):
    """Trap: its event loop knew no deliveries, and one server carried what the formula has 87 for."""
    arguments = ("--connections", "1M", "--consumption-rate", "1KB/s", "--format", "json")
    done = siotool("plan", "--from", "redis", *arguments, cwd=folder)
    plan = json.loads(done.stdout)
    (bandwidth,) = (one for one in plan["constraints"] if one["name"] == "bandwidth")
    assert bandwidth["binding_probability"] == 1
    assert bandwidth["servers_p50"] == pytest.approx(plan["document"]["servers"], rel=0.05)


def test_a_plan_with_another_adapter_is_refused(siotool, folder):
    arguments = ("--set", "topology.adapter=postgres")
    done = siotool("plan", "plan.toml", "--from", "redis", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "topology.adapter is postgres, and the profile made is of redis" in done.stderr
    assert "siotool lab measure --adapter postgres" in done.stderr
    arguments = ("--set", "topology.adapter=python-redis")
    done = siotool("plan", "plan.toml", "--from", "redis", *arguments, cwd=folder)
    assert "siotool lab measure --runtime python --adapter redis" in done.stderr


def test_an_adapter_stands_beside_the_calibration_of_a_server(siotool, folder):
    phases = designed(100, 2, Random(1).shuffle).phases
    calibrated = calibrate(made_run(phases), phases, 1)
    (folder / "server.json").write_text(to_json(calibrated, 10), encoding="utf-8")
    arguments = ("--from", "redis", "--from", "server.json", "--draws=500", "--format=json")
    done = siotool("plan", "plan.toml", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    rows = {row["key"]: row for row in plan["figures"]}
    # a server of its own delivers for 9 µs and more, the lab's for 12 µs
    assert 9e-6 < rows["server.delivery_cost"]["value"] < 11.9e-6
    assert rows["server.memory_per_connection"]["provenance"]["kind"] == "measured"
    assert rows["server.publish_cost"]["value"] == pytest.approx(72e-6, rel=0.15)
    assert {"delivery", "server publish"} <= {one["name"] for one in plan["evidence"]["costs"]}


def test_two_adapters_are_refused(siotool, folder):
    (folder / "cluster.json").write_text(written("cluster"), encoding="utf-8")
    done = siotool("plan", "plan.toml", "--from", "redis", "--from", "cluster.json", cwd=folder)
    assert done.returncode == 2
    assert "are profiles of adapters, and a plan has one" in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"version": 2}, "no profile of this version", id="another version"),
        pytest.param(
            {"server": {"names": [], "replicates": [], "costs": [], "turns_most": 1000.0}},
            "without replicates",
            id="none",
        ),
        pytest.param(
            {"server": {"names": ["delivery"], "replicates": [[1e-5]], "costs": [], "turns_most": 1000.0}},
            "that of rest",
            id="no rest",
        ),
        pytest.param(
            {"backend": {"names": ["base"], "replicates": [[]], "costs": [], "turns_most": 1000.0}},
            "without replicates",
            id="backend",
        ),
    ],
)
def test_a_damaged_profile_of_an_adapter_is_refused(siotool, change, words, folder, redis):
    (folder / "bad.json").write_text(json.dumps(json.loads(redis) | change), encoding="utf-8")
    done = siotool("plan", "plan.toml", "--from", "bad.json", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_the_schema_is_that_of_the_type(golden, schema_of, redis):
    schema = schema_of(AdapterProfile, "profile.json, which siotool lab measure writes")
    Draft202012Validator.check_schema(schema)
    golden("../../siotool/schemas/adapter_profile.json", json.dumps(schema, indent=2) + "\n")
    document = json.loads(redis)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(document | {"kind": "profile"}))
