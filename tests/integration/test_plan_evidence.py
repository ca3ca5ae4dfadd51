"""A calibration of the embedded target, as short as can be: from the server's CPU to a plan."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from siotool.calibration.design import STEPS, climb
from siotool.calibration.phase import Phase, encode

pytestmark = [pytest.mark.slow, pytest.mark.quiet]

USERS = 20
#: Calls and messages to rooms, at two rates each.
PHASES = [
    Phase("idle", 60, 2.0, 0.0, rate=0.5),
    Phase("mixed", USERS, 1.0, 0.0, rate=5.0, room_size=5, pilot=True),
    *(
        Phase(kind, USERS, 2.0, 0.0, rate=rate, size=64, room_size=5)  # type: ignore[arg-type]
        for kind, rate in (("call", 40.0), ("room", 15.0), ("call", 10.0), ("room", 5.0))
    ),
]


def test_a_calibration_ends_in_a_profile_that_plans_and_predicts(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    done = start(
        "demo", "--calibrate", "--set", f"phases={encode(PHASES)}", "--until", "delivery ±0.01%",
        "--format", "json",
    ).finish()  # fmt: skip
    assert done.code == 4, done.stderr  # so narrow an interval cannot be reached, and it says so
    assert "not reached: delivery" in done.stderr
    profile = json.loads(done.stdout)
    assert profile == json.loads((done.folder / "profile.json").read_text(encoding="utf-8"))
    assert (done.folder / "calibration.html").is_file()
    if hasattr(os, "SCHED_IDLE"):
        assert any(one.pace for one in done.run.intervals), "nothing showed the machine's pace"

    (*_, calls, rooms, few_calls, few_rooms) = profile["phases"]
    assert calls["load"]["inbound_per_s"] == pytest.approx(USERS * 40, rel=0.2)
    assert rooms["load"]["deliveries_per_s"] == pytest.approx(USERS * 15 * 5, rel=0.3)
    assert calls["cores"] > few_calls["cores"]
    assert rooms["cores"] > few_rooms["cores"]
    costs = {one["name"]: one["value"] for one in profile["costs"] if one["separable"]}
    assert 1e-6 < costs["delivery"] < 1e-3, "a delivery takes microseconds"

    plan = [sys.executable, "-m", "siotool", "plan", "--from", str(done.folder)]
    verified = subprocess.run(
        [*plan, "--verify", str(done.folder), "--accept-suspect", "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode in (0, 4), verified.stderr
    checks = {one["name"]: one for one in json.loads(verified.stdout)["checks"]}
    assert checks["cpu"]["low"] < checks["cpu"]["value"] < checks["cpu"]["high"]
    assert checks["memory"]["value"] == pytest.approx(checks["memory"]["observed"], rel=0.2)


def test_a_calibration_climbs_until_the_server_does_not_keep_up(start: Callable[..., Any]) -> None:
    """A server in Python is full long before its generator: the climb finds where, and skips the rest."""
    steps = [msgspec.structs.replace(one, duration_s=min(3.0, one.duration_s)) for one in climb("all", USERS)]
    rounds = [
        Phase("idle", USERS, 3.0, 1.0, rate=0.5),
        Phase("all", USERS, 3.0, 1.0, rate=20.0, size=64, pilot=True),
        *(
            Phase(kind, USERS, 3.0, 1.0, rate=rate, size=64)  # type: ignore[arg-type]
            for kind, rate in (("call", 40.0), ("all", 40.0), ("call", 10.0), ("all", 10.0))
        ),
    ]
    done = start(
        "demo", "--calibrate", "--set", f"phases={encode([*rounds, *steps])}", "--format", "json"
    ).finish()
    assert done.code in (0, 5), done.stderr
    (said,) = [one.text for one in done.run.notes if "the server does not keep up" in one.text]
    profile = json.loads(done.stdout)
    climbed = [one for one in profile["phases"] if one["words"].startswith("climb: messages of 64 B to all")]
    *kept, failed, between = [one["load"]["deliveries_per_s"] for one in climbed]
    assert len(climbed) < STEPS + 1, f"the last steps are left out: {said}"
    assert sorted(kept) == kept
    assert between <= failed * 1.1
    (full,) = profile["full"]
    assert full["kind"] == "all"
    assert 0.3 < full["low"] <= full["value"] <= full["high"] < 5
    stages = {one.stage for one in done.run.intervals}
    assert len(stages) == len(rounds) + len(climbed) + 2, "what was left out is no stage of the run"
