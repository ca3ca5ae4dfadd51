"""From the run of a fleet to its phases: what servers counted in each, and what is refused without it."""

import msgspec
import pytest

from siotool.calibration.adapter_design import ROOM, adapter_phases
from siotool.errors import InputError
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evidence.adapter_laws_seen import laws_seen
from siotool.plan.evidence.fleet_phases import expected_work, fleet_phases
from tests.unit.fleets_of_adapters import BACKEND, SERVER, cores_of, run_of_fleet


@pytest.mark.parametrize("name", ["redis", "none"])
def test_a_run_shows_each_phase_that_had_settled(name):
    adapter = ADAPTERS[name]
    phases = adapter_phases(2400.0, 0, lambda work: None)
    found = fleet_phases(run_of_fleet(adapter, 3, phases), phases, None)
    held = [one for one in phases if not one.pilot]
    assert [(one.kind, one.size, one.seconds) for one in found] == [(one.kind, one.size, 2.0) for one in held]
    rooms = found[3]
    assert (rooms.servers, rooms.audience, rooms.published_per_s) == (3, ROOM, 2400.0)
    work = expected_work(adapter, rooms)
    assert rooms.received_per_s == pytest.approx([work.received] * 3)
    assert rooms.given_per_s == pytest.approx(work.published * 3)
    assert rooms.cores == pytest.approx(3 * cores_of("server", SERVER, work))
    behind = rooms.backend_cores
    assert behind == (pytest.approx(cores_of("backend", BACKEND, work)) if name == "redis" else None)
    assert rooms.machine_share == pytest.approx((rooms.cores + (behind or 0.0) + 0.2) / 2)
    assert all(one.holds for one in laws_seen(adapter, found))


def test_servers_that_do_not_count_are_refused():
    phases = adapter_phases(2400.0, 0, lambda work: None)
    with pytest.raises(InputError, match="server-1 shows no adapter_published_per_s"):
        fleet_phases(run_of_fleet(ADAPTERS["redis"], 2, phases, counts=False), phases, None)


def test_a_run_that_came_to_no_phase_is_refused():
    phases = adapter_phases(2400.0, 0, lambda work: None)
    with pytest.raises(InputError, match="no phase was seen to its end"):
        fleet_phases(run_of_fleet(ADAPTERS["redis"], 2, phases[:1]), phases, None)


def test_a_server_that_did_not_answer_in_a_phase_is_said_to_have_been_busy():
    """It was said that only a lab's servers count, of one of them, on a machine that was full."""
    phases = adapter_phases(2400.0, 0, lambda work: None)
    run = run_of_fleet(ADAPTERS["redis"], 2, phases)
    silent = {}
    for row in run.intervals[15:18]:
        use = msgspec.structs.replace(row.servers["server-2"], adapter_published_per_s=None)
        silent[row.t_s] = msgspec.structs.replace(row, servers={**row.servers, "server-2": use})
    lines = [silent.get(row.t_s, row) for row in run.intervals]
    with pytest.raises(InputError, match="server-2 did not answer in time for all of one phase") as refused:
        fleet_phases(msgspec.structs.replace(run, intervals=lines), phases, None)
    assert "a lower --rate" in refused.value.hint
