"""A report with a calibrated profile counts with its costs, for the workload of the run."""

from random import Random

import msgspec
import pytest

from siotool.calibration.design import designed
from siotool.calibration.phase import Phase
from siotool.cli.counts import Counting, Intent
from siotool.cli.profile_evidence import capacity_by_profile, costs_by_profile
from siotool.plan.evidence.calibrate import calibrate
from siotool.plan.inputs import compose
from siotool.report.join import summarize
from siotool.runs.seconds import seconds_of
from tests.unit.synthetic_server import SERVER, made_run

PHASES = designed(100, 2, Random(1).shuffle).phases
SERVICE = {"workload.connections": ("--connections", "10k")}


@pytest.fixture(scope="module")
def profile():
    return calibrate(made_run(PHASES), PHASES, 1)


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param(Phase("call", 60, 20.0, 1.0, rate=9.0, size=300), id="calls"),
        pytest.param(Phase("room", 90, 20.0, 1.0, rate=1.0, size=900, room_size=30), id="messages to rooms"),
    ],
)
def test_the_capacity_is_as_much_of_the_load_as_fills_the_server(profile, phase):
    run = made_run([phase])
    found = capacity_by_profile(profile, [run])
    seconds = seconds_of([run])
    wire = seconds.mean("bytes_per_s", seconds.held)

    def cores(of, capacity):
        load = {name: capacity / wire * seconds.mean(name, seconds.held) for name in profile.measured_to}
        return of.cores(load)

    assert cores(profile.curve, found.bytes_per_s) == pytest.approx(profile.server_cores)
    assert cores(SERVER, found.low) < profile.server_cores < cores(SERVER, found.high)
    assert found.source == "profile"


def test_a_server_under_a_quota_is_full_earlier(profile):
    """A profile was measured with a whole core, and the run's server may use half of one."""
    run = made_run([Phase("call", 60, 20.0, 1.0, rate=9.0, size=300)])
    whole = capacity_by_profile(profile, [run])
    run.header = msgspec.structs.replace(
        run.header, servers=[msgspec.structs.replace(one, cores=0.5) for one in run.header.servers]
    )
    half = capacity_by_profile(profile, [run])
    # the turns of its loop take 0.4 of a core by themselves
    assert 0.1 < half.bytes_per_s / whole.bytes_per_s < 0.3
    assert "fills 0.5 cores" in half.how


def test_a_profile_goes_before_the_run_s_own_costs(profile, make_run):
    run = make_run(cpu_per_connection=0.008)
    typed = compose.from_flags(SERVICE)

    def sizing(intent):
        return summarize([run], intent.planned, counts=Counting([run], intent)).sizing

    own, calibrated = sizing(Intent(typed)), sizing(Intent(typed, None, profile))
    assert (own.capacity.source, calibrated.capacity.source) == ("fit", "profile")
    assert calibrated.servers_measured < own.servers_measured / 2
    assert profile.run in calibrated.servers_measured_how


def test_the_costs_are_those_of_the_profile(profile):
    costs = {one.of: one for one in costs_by_profile(profile)}
    assert costs["delivery"].cpu_s.value == profile.curve.costs["delivery"]
    assert costs["delivery"].cpu_s.low <= costs["delivery"].cpu_s.value <= costs["delivery"].cpu_s.high
    assert costs["acknowledged call"].cpu_s.value > profile.curve.costs["inbound"]


def test_a_server_is_full_when_its_event_loop_is_also_under_a_quota(profile):
    """A loop that takes 1.2 cores with its threads is full there, and at half of it under half a quota."""
    run = made_run([Phase("call", 60, 20.0, 1.0, rate=9.0, size=300)])
    looped = msgspec.structs.replace(profile, loop_cores=1.2)
    assert "fills 1.2 cores" in capacity_by_profile(looped, [run]).how
    run.header = msgspec.structs.replace(
        run.header, servers=[msgspec.structs.replace(one, cores=0.5) for one in run.header.servers]
    )
    assert "fills 0.6 cores" in capacity_by_profile(looped, [run]).how
