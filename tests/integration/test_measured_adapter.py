"""Real servers with Redis count what they receive from the adapter: its law holds, a wrong one does not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from siotool.calibration.adapter_design import ROOM, USERS
from siotool.calibration.phase import Phase
from siotool.cli.fleet_loads import FleetLoad, load_fleet, versions_of
from siotool.errors import TargetError
from siotool.lab.lab import Lab
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evidence.adapter_laws_seen import laws_seen
from siotool.plan.evidence.fleet_phases import FleetPhase, fleet_phases

pytestmark = pytest.mark.slow

#: Users join their rooms while the first phase settles.
PHASES = (
    Phase("room", USERS, 4.0, 2.0, rate=5.0, room_size=ROOM),
    Phase("all", USERS, 3.0, 1.0, rate=0.7),
)
REDIS = Lab(adapter="redis")
PYTHON = Lab(runtime="python", adapter="redis")


@pytest.fixture(scope="module", params=[REDIS, PYTHON], ids=lambda lab: lab.runtime)
def seen(request: Any, lab_programs: None, tmp_path_factory: pytest.TempPathFactory) -> list[FleetPhase]:
    """One server, and two, both at the same time."""
    folder = tmp_path_factory.mktemp("fleets")

    def load(servers: int) -> list[FleetPhase]:
        lab = msgspec.structs.replace(request.param, servers=servers)
        return fleet_phases(load_fleet(FleetLoad(lab, 0, PHASES), folder / str(servers)), PHASES, None)

    with ThreadPoolExecutor(2) as pool:
        return [one for found in pool.map(load, (1, 2)) for one in found]


def test_every_server_receives_what_is_published_and_other_laws_are_refuted(seen: list[FleetPhase]) -> None:
    redis = ADAPTERS["redis"]
    laws = laws_seen(redis, seen)
    assert [(one.servers, one.kind) for one in laws] == [
        (servers, kind) for servers in (1, 2) for kind in ("to rooms", "to all")
    ]
    assert all(one.holds for one in laws), laws
    for one in seen:
        # what clients published is what servers gave to the adapter, but for the ends of two seconds
        assert one.given_per_s == pytest.approx(one.published_per_s, rel=0.1)
        assert one.delivered_per_s == pytest.approx(one.published_per_s * one.audience, rel=0.1)
        assert one.cores > 0
        assert one.backend_cores is not None
    wrong = laws_seen(msgspec.structs.replace(redis, law="others"), seen)
    assert [one.holds for one in wrong] == [False] * 4
    assert {one.like for one in wrong if one.servers == 2} == {"every"}


def test_a_profile_names_what_it_was_measured_with(lab_programs: None) -> None:
    assert set(versions_of(REDIS)) == {
        "node", "redis-server", "socket.io", "redis", "@socket.io/redis-adapter",
    }  # fmt: skip
    assert set(versions_of(PYTHON)) == {"python", "python-socketio", "redis-server", "redis (PyPI)"}
    assert set(versions_of(Lab(adapter="postgres"))) >= {"postgres", "pg", "@socket.io/postgres-adapter"}
    assert set(versions_of(Lab(adapter="cluster"))) == {
        "node", "socket.io", "@socket.io/cluster-adapter", "@socket.io/sticky",
    }  # fmt: skip


def test_a_load_that_does_not_start_is_said(lab_programs: None, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1/lab").mkdir()
    (tmp_path / "1/lab/old").write_text("")
    with pytest.raises(TargetError, match=r"the load of 1 server did not come to its end: .*is not empty"):
        load_fleet(FleetLoad(REDIS, 0, PHASES), tmp_path / "1")
