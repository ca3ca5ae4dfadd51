"""``siotool loadtest --calibrate`` as far as it is refused, and ``siotool plan --from profile.json``."""

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from jsonschema import Draft202012Validator

from siotool.calibration.design import designed
from siotool.cli import calibration_options
from siotool.document.contract import to_json
from siotool.errors import InputError
from siotool.plan.evidence.calibrate import calibrate
from siotool.plan.evidence.calibrated import CalibratedProfile
from tests.unit.synthetic_server import made_run

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/profile.json"
MESSAGES = """[workload]
connections = "1M"
[workload.messages.chat]
kind = "room"
rate = "1/min"
size = "300B"
room_size = 40
"""


@pytest.fixture(scope="module")
def written() -> str:
    phases = designed(100, 2, Random(1).shuffle).phases
    return to_json(calibrate(made_run(phases), phases, 1), 10)


@pytest.fixture
def folder(tmp_path, written):
    (tmp_path / "calibrated").mkdir()
    (tmp_path / "calibrated/profile.json").write_text(written, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(MESSAGES, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["http://h:1", "--calibrate"], "needs samples of the server", id="no samples"),
        pytest.param(["demo", "--calibrate", "--stage", "5s:3"], "--calibrate and --stage both", id="stages"),
        pytest.param(
            ["demo", "--calibrate", "--arrival-rate", "5/s"], "and --arrival-rate both", id="arrivals"
        ),
        pytest.param(["demo", "--calibrate", "--fail-if", "p99:ack > 1s"], "judges none", id="a gate"),
        pytest.param(
            ["demo", "--calibrate", "-o", "r.xml"], "--calibrate writes no junit", id="a form it lacks"
        ),
        pytest.param(["demo", "--until", "delivery ±5%"], "--until needs --calibrate", id="no calibration"),
        pytest.param(["demo", "--calibrate", "--until", "delivery 5%"], "is not understood", id="no ±"),
        pytest.param(
            ["demo", "--calibrate", "--until", "delivry ±5%"], "did you mean delivery", id="misspelt"
        ),
        pytest.param(["demo", "--calibrate", "--until", "delivery ±0%"], "between 0 and 100", id="nothing"),
        pytest.param(
            ["http://h:1", "--calibrate", "--server-pid", "1", "--server-pid", "2"],
            "--calibrate is of one server, and 2 are loaded",
            id="two servers",
        ),
        pytest.param(
            ["http://h:1", "http://h:2", "http://h:3", "--calibrate", "--server-pid", "1"],
            "and 3 are loaded",
            id="three addresses",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(siotool, arguments, words, tmp_path):
    done = siotool("loadtest", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["calibrated", "calibrated/profile.json"])
def test_a_plan_takes_its_costs_from_a_profile(siotool, name, folder):
    done = siotool("plan", "plan.toml", "--from", name, "--draws=500", "--format=json", cwd=folder)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    rows = {row["key"]: row for row in plan["figures"]}
    for key in ("server.delivery_cost", "server.inbound_cost", "server.memory_per_connection"):
        assert rows[key]["provenance"]["kind"] == "measured", key
    # 9 µs, and 3 µs more of a long message of which 300 bytes are a half
    assert 9e-6 < rows["server.delivery_cost"]["value"] < 15e-6
    assert {one["name"] for one in plan["evidence"]["costs"]} >= {"delivery", "connect"}
    assert plan["binding"] == "event loop"
    assert not any("bytes/s" in said for said in plan["evidence"]["beyond"] if "no run had any" in said)


def test_the_size_of_a_plans_messages_decides_what_a_delivery_costs(siotool, folder):
    def delivery(size):
        (folder / "plan.toml").write_text(MESSAGES.replace("300B", size), encoding="utf-8")
        done = siotool(
            "plan", "plan.toml", "--from", "calibrated", "--draws=200", "--format=json", cwd=folder
        )
        rows = {row["key"]: row for row in json.loads(done.stdout)["figures"]}
        return rows["server.delivery_cost"]["value"]

    assert delivery("2kB") > 1.1 * delivery("50B")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"version": 2}, "no profile of this version", id="another version"),
        pytest.param({"replicates": []}, "costs without replicates", id="no replicates"),
        pytest.param({"curve": {"costs": {}}}, "no profile of this version", id="no curve"),
    ],
)
def test_a_damaged_profile_is_refused(siotool, change, words, folder, written):
    (folder / "bad.json").write_text(json.dumps(json.loads(written) | change), encoding="utf-8")
    done = siotool("plan", "plan.toml", "--from", "bad.json", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_suspect_profile_is_taken_only_where_that_is_asked_for(siotool, folder, written):
    """A calibration that was interrupted, or whose generator was full, was taken as if it had no doubt."""
    doubted = json.loads(written) | {"valid": "suspect", "doubts": ["a worker had no CPU left (at 9 s)"]}
    (folder / "calibrated/profile.json").write_text(json.dumps(doubted), encoding="utf-8")
    arguments = ["plan", "plan.toml", "--from", "calibrated", "--draws=200", "--format=json"]
    refused = siotool(*arguments, cwd=folder)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "the calibration is suspect: a worker had no CPU left" in " ".join(refused.stderr.split())
    assert "--accept-suspect" in refused.stderr
    accepted = siotool(*arguments, "--accept-suspect", cwd=folder)
    assert accepted.returncode == 0, accepted.stderr
    assert "a worker had no CPU left (at 9 s)" in json.loads(accepted.stdout)["evidence"]["remarks"]


def test_a_profile_stands_alone(siotool, folder):
    done = siotool("plan", "plan.toml", "--from", "calibrated", "--from", "seen", cwd=folder)
    assert done.returncode == 2
    assert "name it alone" in done.stderr


def test_the_schema_is_the_type(golden, schema_of, written):
    schema = schema_of(CalibratedProfile, "profile.json, which siotool loadtest --calibrate writes")
    Draft202012Validator.check_schema(schema)
    golden("../../siotool/schemas/profile.json", json.dumps(schema, indent=2) + "\n")
    validator = Draft202012Validator(schema)
    document = json.loads(written)
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(document | {"kind": "run"}))
    del document["memory"]
    assert list(validator.iter_errors(document))


def own_events(run_time=None, phases="[]", **events):
    """The experiment of the built-in scenario, of which events have other names."""
    names = ("call", "emit", "all", "join", "room")
    settings = {f"{name}_event": events.get(name, name) for name in names} | {"phases": phases}
    loaded = SimpleNamespace(path=Path("_calibration.py"), user_classes=[])
    return calibration_options.calibrating(loaded, settings, None, run_time, [], 1, 1).experiment


def test_an_event_set_to_nothing_leaves_its_phases_out():
    """Trap: rooms were published to by the empty name, and calls waited for answers that never came."""
    assert "room" in {phase.kind for phase in own_events().phases}
    for missing in ("join", "room"):
        assert "room" not in {phase.kind for phase in own_events(**{missing: ""}).phases}
    with pytest.raises(InputError, match="a calibration has calls"):
        own_events(call="")


@pytest.mark.parametrize(
    ("run_time", "rounds", "climbs"),
    [
        pytest.param("174s", 1, False, id="the least"),
        pytest.param("5min", 3, False, id="two rounds have no time beside climbs"),
        pytest.param("302s", 2, True, id="two have"),
        pytest.param(None, 4, True, id="by default"),
    ],
)
def test_a_short_calibration_has_no_climbs(run_time, rounds, climbs):
    """Those that had time for their rounds alone were refused, or had one round in the place of three."""
    found = own_events(run_time)
    assert (len(found.rounds) - 1, found.climbs[0] < found.climbs[1]) == (rounds, climbs)
    assert any(phase.growth for phase in found.phases) is climbs


def test_one_that_has_no_time_for_a_round_is_refused():
    with pytest.raises(InputError, match="takes 174 s at least"):
        own_events("173s")


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        pytest.param({"growth": 1.2}, "phase 1 grows, and no step of a climb is before it", id="no level"),
        pytest.param({"growth": -1}, ">= 0", id="less than no growth"),
        pytest.param({"users": -1}, ">= 0", id="fewer than no users"),
        pytest.param({"duration_s": 0}, "> 0", id="no time"),
    ],
)
def test_a_timetable_of_ones_own_that_nothing_can_follow_is_refused(phase, words):
    phases = [{"kind": "call", "users": 10, "duration_s": 5} | phase]
    with pytest.raises(InputError, match=words):
        own_events(phases=json.dumps(phases))
