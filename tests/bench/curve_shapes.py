"""Which shape of a server's curve fits, and which predicts what was not measured? Run by hand.

    python -m tests.bench.curve_shapes --runs FOLDER

The folder is one that ``python tests/bench/prediction.py --runs FOLDER`` has kept. For each shape of
``siotool.plan.evidence.curve`` a row: how far the calibrations' own phases are off, as a root mean square,
for each server and for all; and of the workloads that were held out the median error, and how many are
beyond 10 %.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from siotool.calibration.phase import decode
from siotool.cli.profile_file import read_profile
from siotool.plan.evidence.curve import CostCurve, CurveShape, design, solve
from siotool.plan.evidence.holds import HeldPhase, holds_of, usual_pace
from siotool.plan.evidence.term_words import separable
from siotool.runs import reading
from siotool.runs.seconds import Floats
from tests.bench.prediction import SPEED, held_workloads

#: Phases and workloads that take less of the server are left out, in cores: what they show is noise.
_LEAST_CORES = 0.05
_TURNS = (100.0, 300.0, 1000.0)
_BENDS = (
    *((0.0, 1.0), (0.08, 0.16), (0.1, 0.1), (0.16, 0.16)),
    *((0.2, 0.16), (0.2, 0.2), (0.2, 0.3), (0.3, 0.3), (0.5, 0.5)),
)


def errors_of(holds: Sequence[HeldPhase], curve: CostCurve) -> Floats:
    """How far a curve is off each hold, as a share; those that took little are left out."""
    shown = [hold for hold in holds if hold.cores > _LEAST_CORES and hold.phase.kind != "connect"]
    return np.array([curve.cores(hold.load) * hold.pace / hold.cores - 1 for hold in shown])


def main() -> None:
    """Fit every shape to every calibration, and print a row for each shape."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, required=True)
    runs: Path = parser.parse_args().runs
    servers = {}
    for name in SPEED:
        calibrated = runs / f"{name}-calibrated"
        run = reading.read(calibrated)
        phases = decode(str(run.header.workload.settings["phases"]))
        found = holds_of(run, phases, usual_pace(run))
        own = [hold for hold in found if not hold.phase.pilot and not hold.phase.transport]
        held = held_workloads(runs, name, read_profile(calibrated / "profile.json").usual_pace)
        servers[name] = own, [hold for starts in held.values() for holds in starts for hold in holds]
    print(f"{'T':>5} {'A':>5} {'W':>5}  " + " ".join(f"{name:>9}" for name in servers), end="")
    print("   all phases   held out: median   beyond 10 %")
    for turns in _TURNS:
        for bend in _BENDS:
            _row(CurveShape(turns, *bend), list(servers.values()))


def _row(shape: CurveShape, servers: Sequence[tuple[list[HeldPhase], list[HeldPhase]]]) -> None:
    own, unseen = [], []
    for phases, held in servers:
        names, _ = separable(phases)
        cores = np.array([hold.cores / hold.pace for hold in phases])
        costs = solve(design(phases, names, shape.turns_most), cores, shape)
        curve = CostCurve(dict(zip(names, map(float, costs), strict=True)), shape)
        own.append(errors_of(phases, curve))
        unseen.append(errors_of(held, curve))
    every, missed = np.concatenate(own), np.abs(np.concatenate(unseen))
    each = " ".join(f"{math.sqrt((errors**2).mean()):>9.1%}" for errors in own)
    print(f"{shape.turns_most:>5.0f} {shape.waking_cores:>5.2f} {shape.waking_work:>5.2f}  {each}", end="")
    print(
        f"   {math.sqrt((every**2).mean()):>10.1%}   {np.median(missed):>16.1%}   "
        f"{(missed > 0.1).sum():>4} of {len(missed)}"
    )


if __name__ == "__main__":
    main()
