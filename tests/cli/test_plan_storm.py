"""``siotool plan storm`` as a user and a script see it: a process, its two streams and its exit code."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from siotool.plan.storm.storm_plan import StormPlan

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/storm.json"
TEN = shlex.split(
    "plan storm --connections 20k --servers 10 --set server.accept_rate=50/s --set goals.reconnect_time=30s"
)
CHAT = """\
[workload]
connections = "100k"
session_length = "20min"
[workload.messages.chat]
kind = "room"
rate = "1/min"
room_size = "20"
[server]
capacity = "1Gbit/s"
processes = 4
connect_cost = "2ms"
[topology]
adapter = "redis"
zones = 3
[goals]
reconnect_time = "30s"
storm = "zone"
"""


@pytest.fixture(scope="module")
def ten(siotool):
    done = siotool(*TEN, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_schema_is_the_type(golden, schema_of):
    schema = schema_of(StormPlan, "siotool plan storm --format json")
    Draft202012Validator.check_schema(schema)
    golden(f"../../{SCHEMA.relative_to(SCHEMA.parents[2])}", json.dumps(schema, indent=2) + "\n")


def test_json_holds_to_its_schema(ten):
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert list(validator.iter_errors(ten)) == []
    assert list(validator.iter_errors(ten | {"servers": -1}))
    assert list(validator.iter_errors(ten | {"more": 1}))


@pytest.mark.slow
def test_a_storm_that_is_not_over_at_the_horizon_holds_to_the_schema_too(siotool):
    done = siotool(
        *TEN,
        "--set",
        "server.accept_rate=1/s",
        "--lose",
        "all",
        "--servers",
        "2",
        "--connections",
        "5k",
        "--format",
        "json",
    )
    document = json.loads(done.stdout)
    assert document["course"]["ninety_nine_s"] is None
    assert document["largest_connections_per_server"] < document["connections_per_server"]
    assert document["pings"] is None
    assert list(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(document)) == []


def test_the_figures_hang_together(ten):
    course = ten["course"]
    assert ten["lost_connections"] == 2_000
    assert ten["surviving_servers"] == 9
    assert course["served"] == 2_000
    assert course["attempts"] == sum(
        course[key] for key in ("served", "failed_in_outage", "refused", "timed_out", "in_line")
    )
    assert course["half_s"] <= course["ninety_s"] <= course["ninety_nine_s"] <= course["all_s"]
    # 2,000 clients over 9 servers of 50/s: no storm is over sooner than 4.4 s
    assert course["ninety_nine_s"] >= 0.99 * 2_000 / (9 * 50)
    assert course["connected"][-1] == 2_000
    assert sum(course["attempts_per_s"]) * course["bin_s"] == pytest.approx(course["attempts"])
    own = next(point for point in ten["curve"] if point["servers"] == 10)
    assert own["ninety_nine_s"] == course["ninety_nine_s"]
    assert ten["connections_per_server"] == 2_000
    # what 9 servers take in within 30 s, less the waves of the backoff
    assert 2_000 < ten["largest_connections_per_server"] <= 9 * 50 * 30 / 0.99


def test_more_servers_are_back_sooner(ten):
    times = [point["ninety_nine_s"] for point in ten["curve"]]
    assert len(times) >= 6
    assert times[0] > ten["course"]["ninety_nine_s"] > times[-1]


@pytest.mark.slow
def test_the_same_seed_the_same_storm_another_one_another(siotool):
    first, again, other = (
        siotool(*TEN, "--format", "json", "--seed", seed).stdout for seed in ("7", "7", "8")
    )
    assert first == again
    first, other = (json.loads(text)["course"]["attempts_per_s"] for text in (first, other))
    assert first != other


def test_text_answers_first_and_fits_80_columns(siotool):
    done = siotool(*TEN)
    lines = done.stdout.splitlines()
    assert re.match(r" 99 % are back after [\d.]+ s, within the 30 s asked for$", lines[0])
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    for said in (
        "Attempts and returns per second",
        "50 % back after",
        "connections per server keep 99 % within 30 s",
        "pings",
    ):
        assert said in done.stdout, said
    assert "reconnectionDelayMax" in done.stdout or "randomizationFactor" in done.stdout


@pytest.mark.slow
def test_a_plan_file_says_what_is_lost_and_flags_override_it(siotool, tmp_path):
    place = tmp_path / "chat.toml"
    place.write_text(CHAT)
    by_file = json.loads(siotool("plan", "storm", str(place), "--format", "json").stdout)
    assert (by_file["lost"], by_file["connections"]) == ("zone", 100_000)
    # a third of all; 4 cores complete 2,000 of 2 ms each, less what the load takes of them
    assert by_file["lost_connections"] == 33_334
    assert by_file["accept_rate_at_rest_per_s"] == pytest.approx(2000)
    assert by_file["accept_rate_per_s"] == pytest.approx(2000 * by_file["share_left"])
    assert 0.2 < by_file["share_left"] < 0.95
    assert by_file["doubt"]["accept_rate_p5_per_s"] < by_file["accept_rate_per_s"]  # the load is a range
    sized = json.loads(siotool("plan", str(place), "--format", "json").stdout)
    assert by_file["servers"] == sized["servers"]["p95"]
    by_flags = siotool(
        "plan", "storm", "-f", str(place), "--lose", "server", "--connections", "40k", "--format", "json"
    )
    document = json.loads(by_flags.stdout)
    assert (document["lost"], document["connections"]) == ("server", 40_000)
    piped = siotool("plan", "storm", "-", "--format", "json", given=CHAT)
    assert json.loads(piped.stdout) == by_file


def test_a_range_of_the_handshakes_cost_is_told(siotool, tmp_path):
    place = tmp_path / "chat.toml"
    place.write_text(CHAT.replace('"2ms"', '"1ms..4ms"'))
    document = json.loads(siotool("plan", "storm", str(place), "--format", "json").stdout)
    doubt, left = document["doubt"], document["share_left"]
    assert doubt["accept_rate_p5_per_s"] == pytest.approx(1000 * left, rel=0.2)
    assert doubt["accept_rate_p95_per_s"] == pytest.approx(4000 * left, rel=0.2)
    assert doubt["ninety_nine_at_p5_s"] > doubt["ninety_nine_at_p95_s"]


@pytest.mark.slow
def test_an_outage_fails_whoever_tries_and_a_black_hole_lets_them_wait(siotool):
    refused, silent = (
        json.loads(siotool(*TEN, "--lose", "all", "--outage", "20s", "--format", "json", *more).stdout)
        for more in ([], ["--blackhole"])
    )
    assert refused["course"]["failed_in_outage"] > silent["course"]["failed_in_outage"] > 0
    assert refused["course"]["half_s"] > 20


def test_a_clients_options_change_the_storm(siotool):
    slow = json.loads(siotool(*TEN, "--reconnection-delay", "10s", "--reconnection-delay-max", "20s",
                              "--randomization-factor", "0", "--format", "json").stdout)  # fmt: skip
    assert (slow["delay_s"], slow["delay_max_s"], slow["jitter"]) == (10, 20, 0)
    assert slow["course"]["peak_at_s"] == pytest.approx(10, abs=1)


REFUSED = [
    pytest.param(["--lose", "half"], "half", "zone", id="what cannot be lost"),
    pytest.param(["--lose", "zone"], "a zone of 1", "topology.zones", id="the only zone"),
    pytest.param(["--servers", "1"], "a server of 1", "--lose all --outage", id="the only server"),
    pytest.param(["--outage", "5"], "has no unit", "30s", id="a bare outage"),
    pytest.param(["--outage", "2000h"], "--outage is 2000h", "24h", id="an outage without end"),
    pytest.param(["--randomization-factor", "2"], "randomizationFactor is 2", "0 to 1", id="too much jitter"),
    pytest.param(["--reconnection-delay", "0s"], "reconnectionDelay is 0", "1ms", id="no delay"),
    pytest.param(
        ["--set", "server.accept_rat=5/s"], "server.accept_rat", "accept_rate", id="a slip in a key"
    ),
    pytest.param(["--set", "server.accept_rate=5GB/s"], "accept_rate", "'GB/s'", id="a rate of bytes"),
    pytest.param(["--connections", "0"], "no client is connected", "--connections", id="nobody there"),
    pytest.param(["missing.toml"], "cannot read the plan file missing.toml", "No such file", id="dead file"),
    pytest.param(["a.toml", "--file", "b.toml"], "two plan files", "one of them", id="two files"),
    pytest.param(["--format", "hpa"], "hpa", "json", id="a format of siotool plan"),
]


@pytest.mark.parametrize(("change", "wrong", "expected"), REFUSED)
def test_refuses_before_anything_is_written(siotool, change, wrong, expected, tmp_path):
    place = tmp_path / "storm.txt"
    place.write_text("an older storm")
    done = siotool(*TEN, *change, "-o", str(place), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert wrong in done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert place.read_text() == "an older storm"


def test_says_what_is_missing_of_a_fleet_and_of_handshakes(siotool):
    done = siotool("plan", "storm", "--connections", "10k", "--set", "server.accept_rate=5/s")
    assert done.returncode == 2
    assert "--consumption-rate, --capacity" in done.stderr
    done = siotool("plan", "storm", "--connections", "10k", "--servers", "3")
    assert done.returncode == 2
    assert "how many handshakes" in done.stderr
    assert "server.accept_rate=500/s" in done.stderr


def test_a_reader_that_leaves_is_no_error():
    plain = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    command = (
        f"{sys.executable} -m siotool {shlex.join(TEN)} --format json | head -c 20; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], env=plain, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) == 20


def test_a_goal_that_no_client_can_meet_is_said(siotool):
    """The first wait is 0.55 s at least: nobody is back sooner, however few there are."""
    done = siotool(*TEN, "--set", "goals.reconnect_time=0.4s")
    words = " ".join(done.stdout.split())
    assert "No number of connections per server lets 99 % come back within 400 ms" in words


def test_a_return_that_takes_longer_than_the_pings_leaves_them_even(siotool):
    done = siotool(*TEN, "--set", "server.accept_rate=1/s", "--set", "transport.ping_interval=1s")
    assert "Afterwards pings are even" in " ".join(done.stdout.split())


def test_help_shows_examples_that_run_as_printed(siotool, tmp_path):
    printed = siotool("plan", "storm", "--help").stdout
    joined = re.sub(r"\\\s*\n\s*", "", printed)
    examples = re.findall(r"^\s+siotool (plan storm .*?)\s*$", joined, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        done = siotool(*shlex.split(example), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    written = (tmp_path / "storm.md").read_text()
    assert written.startswith("# 99 % are back after ")
    assert "50 % back after **" in written
    assert "siotool: 99 % are back after" in done.stderr
