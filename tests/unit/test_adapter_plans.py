"""The bench's way from a fleet that was held out to its plan: fleets of known costs are planned right."""

import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from siotool.document.contract import to_json
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evidence.adapter_measure import measure_adapter
from tests.bench import adapters
from tests.bench.adapter_plans import PlannedFleet, planned_cores, planned_fleet
from tests.unit.fleets_of_adapters import fleet_of, run_of_fleet
from tests.unit.test_adapter_costs import MEASURED, NODES


def written(folder: Path, name: str, checked: int) -> tuple[Path, list]:
    adapter = ADAPTERS[name]
    phases = fleet_of(adapter, NODES)
    path = folder / "profile.json"
    path.write_text(to_json(measure_adapter(adapter, phases, [checked], MEASURED, 1), 10), encoding="utf-8")
    return path, [one for one in phases if one.servers == checked]


@pytest.mark.parametrize("name", ["redis", "cluster", "redis-sharded", "postgres"])
@pytest.mark.parametrize("servers", [3, 4])
def test_a_fleet_that_was_held_out_is_planned_within_15_percent(name, servers, tmp_path):
    """Not two: what a message costs the backend once is shared by the receivers of the largest fleet."""
    path, phases = written(tmp_path, name, servers)
    fleet = planned_fleet(path, phases)
    assert fleet.servers == servers
    assert set(fleet.errors()) == {"server", "backend"}
    assert max(abs(error) for error in fleet.errors().values()) < 0.15, fleet


def test_a_fleet_without_a_backends_rate_has_a_dash_in_its_place():
    """On a full machine a message may cost the backend nothing: the bench ended with a traceback."""
    fleet = PlannedFleet(servers=2, planned=0.2, measured=0.1, backend_planned=None, backend_measured=0.1)
    assert [adapters.planned_words(fleet, side) for side in ("server", "backend")] == [
        "+100 % (0.200, 0.100)", "–",
    ]  # fmt: skip


def test_a_plan_of_another_number_of_servers_says_something_else(tmp_path):
    path, phases = written(tmp_path, "redis", 3)
    heavy = max(phases, key=lambda one: one.published_per_s)
    others = [planned_cores(path, msgspec.structs.replace(heavy, servers=servers)) for servers in (2, 3, 4)]
    assert [server for server, _ in others] == sorted((server for server, _ in others), reverse=True)
    backends = [backend for _, backend in others if backend is not None]
    assert backends == sorted(backends)
    assert len(set(backends)) == 3


def test_the_bench_prints_what_a_plan_says_of_each_fleet_that_was_held_out(monkeypatch, capsys, tmp_path):
    """Its loads are not run here: each gives the run of a fleet of known costs."""
    made = {}

    def load_fleet(load, place):
        made[place / "run.jsonl"] = run_of_fleet(ADAPTERS[load.lab.adapter], load.lab.servers, load.phases)

    monkeypatch.setattr(adapters, "load_fleet", load_fleet)
    monkeypatch.setattr(adapters, "reading", SimpleNamespace(read=made.__getitem__))
    monkeypatch.setattr(sys, "argv", ["adapters", "redis", "none", "--rounds", "1", "--out", str(tmp_path)])
    adapters.main()
    lines = capsys.readouterr().out.splitlines()
    planned = lines[lines.index(next(one for one in lines if "planned from the others" in one)) :]
    rows = [[cell.strip() for cell in one.split("|")[1:-1]] for one in planned[2:4]]
    assert [row[:2] for row in rows] == [["redis", "server"], ["redis", "backend"]]
    assert all(cell.endswith(")") and " % (" in cell for row in rows for cell in row[2:])
    assert all((tmp_path / f"redis/without-{servers}/profile.json").is_file() for servers in (2, 3, 4))
