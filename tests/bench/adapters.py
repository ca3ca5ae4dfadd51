"""What each adapter costs, and how well other fleets predict one: the tables of docs/adapters.md.

``python -m tests.bench.adapters [ADAPTER …] [--out DIR] [--rounds N] [--lock FILE]`` does what ``siotool lab
measure --adapter ADAPTER`` does, one adapter after the other, some 6 minutes each (3 with ``--rounds 1``),
and prints the tables. The last one is of ``siotool plan --from``: for each fleet of several servers a profile
is written that has not seen it, ``without-N``, and plans its load. Fleets that are in DIR already are taken
from there. With ``--lock`` two fleets at a time wait until nobody else holds the file.
"""

import argparse
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from siotool.cli.fleet_loads import fleet_loads, load_fleet
from siotool.cli.lab_measure import NODES, RATE, RATES, ROUNDS, keep, numbers, profile_of
from siotool.cli.options import SEED
from siotool.lab.lab import AdapterName, Lab
from siotool.plan.documents.adapter_document import cost_words, error_words, share_words
from siotool.plan.evidence.adapter_profile import AdapterProfile, SideCosts
from siotool.plan.evidence.calibrated import FILE_NAME as PROFILE_NAME
from siotool.plan.evidence.fleet_phases import fleet_phases
from siotool.plan.evidence.holds import usual_pace
from siotool.runfile import FILE_NAME
from siotool.runs import reading
from siotool.units import format_rate, format_share
from tests.bench.adapter_plans import PlannedFleet, planned_fleet

ADAPTERS: tuple[AdapterName, ...] = (
    "none",
    "cluster",
    "redis",
    "redis-sharded",
    "redis-streams",
    "postgres",
)
SERVER = ("publish", "receive", "adapter_byte", "turn", "delivery", "inbound", "byte")
#: The fleets that the others predict.
SEVERAL = [n for n in numbers(NODES, "nodes") if n > 1]
BACKEND = ("base", "turn", "turn_for_others", "message", "receiver", "byte")


@contextmanager
def quiet(lock: Path | None) -> Iterator[None]:
    """Hold the machine's lock, where there is one."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class MeasuredAdapter(msgspec.Struct, frozen=True):
    """A profile of all fleets, and each fleet of several servers as a plan has it that did not see it."""

    profile: AdapterProfile
    planned: list[PlannedFleet]


def measured(adapter: AdapterName, folder: Path, rounds: int, lock: Path | None) -> MeasuredAdapter:
    """Load what is not there yet, and make the profiles."""
    rate = RATES.get(adapter, RATE)
    loads = fleet_loads(Lab(adapter=adapter), numbers(NODES, "nodes"), rate, rounds, SEED)
    places = [folder / load.name for load in loads]
    todo = [one for one in zip(loads, places, strict=True) if not (one[1] / FILE_NAME).is_file()]
    for pair in (todo[:2], todo[2:]):
        if pair:
            with quiet(lock):
                for load, place in pair:
                    load_fleet(load, place)
    runs = [reading.read(place / FILE_NAME) for place in places]
    profile: AdapterProfile = profile_of(runs, loads, [], rate, SEED)
    keep(profile, folder)
    planned = []
    # without an adapter a fleet does not do what its plan is for
    for servers in SEVERAL if adapter != "none" else ():
        place = folder / f"without-{servers}"
        keep(profile_of(runs, loads, [servers], rate, SEED), place)
        pace = usual_pace(runs[0])
        phases = [
            phase
            for run, load in zip(runs, loads, strict=True)
            if load.lab.servers == servers
            for phase in fleet_phases(run, load.phases, pace)
        ]
        planned.append(planned_fleet(place / PROFILE_NAME, phases))
    return MeasuredAdapter(profile, planned)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def costs(side: SideCosts | None, names: Sequence[str]) -> list[str]:
    """Each cost with its interval; a dash where it is not, or is inside another one."""
    known = {one.name: one for one in side.costs if one.separable} if side is not None else {}
    return [
        f"{cost_words(known[name], known[name].value)} ({cost_words(known[name], known[name].low)}–"
        f"{cost_words(known[name], known[name].high)})"
        if name in known
        else "–"
        for name in names
    ]


def errors(profile: AdapterProfile, side: str) -> list[str]:
    """The errors of the predictions of one side, by number of servers."""
    found: dict[int, Any] = {one.servers: one for one in profile.predictions if one.side == side}
    return [error_words(found[n].error) if n in found else "–" for n in SEVERAL]


def planned_words(fleet: PlannedFleet, side: str) -> str:
    """The error of one side, with the cores that were planned and measured; a dash where a plan has none."""
    if side not in fleet.errors():
        return "–"
    planned, seen = (
        (fleet.planned, fleet.measured)
        if side == "server"
        else (fleet.backend_planned or 0.0, fleet.backend_measured or 0.0)
    )
    return f"{error_words(fleet.errors()[side])} ({planned:.3f}, {seen:.3f})"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.adapters", description=__doc__)
    parser.add_argument("adapters", nargs="*", default=ADAPTERS)
    parser.add_argument("--out", type=Path, default=Path("reports/adapters"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--lock", type=Path)
    args = parser.parse_args()
    found = [measured(name, args.out / name, args.rounds, args.lock) for name in args.adapters]
    profiles = [one.profile for one in found]
    nodes = [f"{n} servers" for n in SEVERAL]
    laws = [
        [
            *(one.adapter, one.law, law.kind, str(law.servers), share_words(law.expected)),
            *(share_words(law.counted), "yes" if law.holds else "no"),
        ]
        for one in profiles
        for law in one.laws
        if law.servers == max(fleet.servers for fleet in one.fleets)
    ]
    print(table(["adapter", "law", "messages", "servers", "by the law", "counted", "holds"], laws))
    rows = [[one.adapter, *costs(one.server, SERVER)] for one in profiles]
    print(table(["CPU of a server", *SERVER], rows))
    rows = [[one.adapter, *costs(one.backend, BACKEND)] for one in profiles if one.backend is not None]
    print(table(["CPU of the backend", *BACKEND], rows))
    rows = [
        [one.adapter, side, *errors(one, side)]
        for one in profiles
        for side in ("server", "backend")
        if any(prediction.side == side for prediction in one.predictions)
    ]
    print(table(["error of the prediction", "of", *nodes], rows))
    rows = [
        [one.profile.adapter, side, *(planned_words(fleet, side) for fleet in one.planned)]
        for one in found
        for side in ("server", "backend")
        if any(side in fleet.errors() for fleet in one.planned)
    ]
    print(table(["planned from the others: error (cores)", "of", *nodes], rows))
    for one in profiles:
        busiest = max(fleet.machine_most for fleet in one.fleets)
        rate = format_rate(one.rate_per_s)
        print(f"{one.adapter}: up to {rate}, machine up to {format_share(busiest)} busy")
        for doubt in one.doubts:
            print(f"  doubt: {doubt}")


if __name__ == "__main__":
    main()
