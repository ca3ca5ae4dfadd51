"""Does a calibration predict what was not measured? Run by hand; writes the table in docs/prediction.md.

    python tests/bench/prediction.py [SERVER…] [--runs FOLDER] [--capacity] [--write]

For each server: one calibration of a fresh process, then twelve workloads that no calibration has, in two
lists, each of which has two other fresh processes. Those are brought into service first (connections that
open, a warm-up, each workload for three seconds and for five): a calibration leaves its first round out where
the server still warmed up in it, as those on Node.js do. Each process has each workload of its list twice, in
turn with the others: its CPU is the mean of both processes, its memory the mean of the most of each, as a
plan needs it (Node.js gives some back now and then).
Of those runs the prediction is given the load and the machine's pace alone. It takes
some fifteen minutes for each server, on a machine with nothing else to do; where it has two CPUs or more,
the server is bound to one and the generator to another, and both are kept awake, as in every calibration.
``--capacity`` searches for the capacity of one more process, with its CPUs kept awake too, and compares it
with the profile's, at the machine's pace during the search (five minutes more). The servers on Node.js have
half a core there, by a quota: a whole one delivers more than the generator's core can take. So they are
calibrated once more with that (seven minutes). ``--runs`` keeps
the runs there and takes those that are there already; ``--write`` writes docs/prediction.md, with every
workload, also those that were missed.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from siotool.calibration.design import PING_S, SETTLE_S, warming  # noqa: E402
from siotool.calibration.phase import Kind, Phase, decode, encode  # noqa: E402
from siotool.cli.measured_capacity import searched  # noqa: E402
from siotool.cli.profile_evidence import capacity_by_profile  # noqa: E402
from siotool.cli.profile_file import read_profile  # noqa: E402
from siotool.plan.evidence.calibrated import CalibratedProfile  # noqa: E402
from siotool.plan.evidence.full_server import FullTimes, full_times  # noqa: E402
from siotool.plan.evidence.held_out import cores_of, memory_of  # noqa: E402
from siotool.plan.evidence.holds import LOAD, STEP_POWER, TEXT_POWER, HeldPhase, holds_of, usual_pace  # noqa: E402
from siotool.report.capacity_estimate import CapacityEstimate  # noqa: E402
from siotool.runfile import Pace, Run  # noqa: E402
from siotool.runs import reading  # noqa: E402
from siotool.runs.judged_part import judged_part  # noqa: E402
from siotool.runs.seconds import seconds_of  # noqa: E402
from tests.bench.server_quota import quota  # noqa: E402

PAPER = ROOT / "docs/prediction.md"
SERVERS = ROOT / "tests/targets/servers"
#: How many times heavier the workloads are than those of the embedded target: each server's own speed.
SPEED = {"node": 6.0, "nest": 5.0, "embedded": 2.0, "uvicorn": 1.6}
WORDS = {
    "node": "Socket.IO 4 on Node.js (tests/targets/node)",
    "nest": "a NestJS gateway (tests/targets/servers/nest.mjs)",
    "embedded": "siotool's own target (python-socketio on aiohttp)",
    "uvicorn": "python-socketio under uvicorn (tests/targets/servers/asgi.py)",
}
#: An error below this is none to speak of, in cores.
TOLERANCE = 0.01
REPEATS, STARTS = 2, 2
#: Cores of a server whose capacity is searched, where a whole one would be more than the generator can fill.
QUOTAS = {"node": 0.5, "nest": 0.5}
DRAWS, SEED = 4000, 7


#: A search for the capacity of a chat room, whose deliveries a server pays more for than the generator does.
SEARCH = (
    *("--find-capacity", "--search", "rate", "--users", "100", "--scenario", "chat", "--seed", "1"),
    *("--fail-if", "p99:deliver > 300ms", "--transport", "websocket", "--processes", "1", "--keep-awake"),
)


class Compared(NamedTuple):
    """The capacity of a server in bytes per second: by its profile, and as a search found it.

    ``full`` is what a full server does of its costs, by the same profile.
    """

    server: str
    profile: CapacityEstimate
    search: CapacityEstimate
    full: FullTimes | None

    @property
    def error(self) -> float:
        return self.profile.bytes_per_s / self.search.bytes_per_s - 1


class Checked(NamedTuple):
    """One figure of one held-out workload: predicted with its 90 % interval, and measured."""

    server: str
    workload: str
    figure: str
    low: float
    value: float
    high: float
    seen: float
    light: bool

    @property
    def inside(self) -> bool:
        return self.low <= self.seen <= self.high

    @property
    def error(self) -> float:
        """Predicted over measured, less one; 0 where both are next to nothing."""
        if max(self.value, self.seen) <= TOLERANCE:
            return 0.0
        return self.value / self.seen - 1

    @property
    def missed(self) -> bool:
        """Off by more than a tenth, and by more than the tolerance where it is a CPU."""
        near = self.figure == "CPU" and abs(self.value - self.seen) <= TOLERANCE
        return abs(self.error) > 0.1 and not near


def held_out(speed: float) -> list[list[Phase]]:
    """Two lists of phases: each opens connections, warms up, and has six workloads."""

    def work(kind: Kind, users: int, rate: float, size: int, room: int = 0) -> Phase:
        return Phase(kind, users, 5.0, 1.0, rate=rate * speed, size=size, room_size=room)

    first = [
        work("call", 90, 11.0, 100),
        work("room", 90, 2.5, 150, 12),
        work("all", 90, 0.5, 128),
        work("call", 90, 6.0, 1500),
        work("mixed", 90, 7.0, 200, 20),
        work("emit", 90, 18.0, 300),
    ]
    second = [
        work("room", 110, 1.0, 400, 30),
        work("call", 110, 22.0, 64),
        work("all", 110, 0.3, 3000),
        work("mixed", 110, 9.0, 700, 8),
        work("emit", 110, 8.0, 2500),
        Phase("idle", 110, SETTLE_S + PING_S, SETTLE_S, rate=0.5),
    ]
    crowds = Phase("idle", 500, 6.0, 4.0, rate=0.5), Phase("idle", 800, 6.0, 4.0, rate=0.5)
    return [
        [crowd, *warming(90), *(_before(phase, s) for s in (3.0, 5.0) for phase in rest), *_in_turn(rest)]
        for crowd, rest in zip(crowds, (first, second), strict=True)
    ]


def _in_turn(phases: Sequence[Phase]) -> list[Phase]:
    """All of them twice, each time in another order."""
    chance = random.Random(11)
    return [phase for _ in range(REPEATS) for phase in chance.sample(phases, len(phases))]


def _before(phase: Phase, seconds: float) -> Phase:
    """The same for some seconds, in which a server compiles what it needs for it."""
    return msgspec.structs.replace(phase, duration_s=seconds, pilot=True)


@contextmanager
def served(name: str) -> Iterator[tuple[str, int]]:
    """Start a server on a CPU of its own; its address and process id."""
    quiet = json.dumps({"quiet": True})
    command = {
        "node": ["node", ROOT / "tests/targets/node/server.mjs"],
        "nest": ["node", SERVERS / "nest.mjs", quiet],
        "embedded": [sys.executable, "-P", "-m", "siotool.target.serve", f"--parent={os.getpid()}"],
        "uvicorn": [sys.executable, SERVERS / "asgi.py", quiet],
    }[name]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(command, preexec_fn=_on(1), **piped) as process:  # noqa: PLW1509 - no other thread
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            # some go on to print what they see: a pipe that nobody reads would stop them
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield ready.get("url", f"http://127.0.0.1:{ready.get('port')}"), ready["pid"]
        finally:
            process.stdin.close()
            process.wait(10)


def _on(cpu: int) -> Any:
    """Bind what is started to one CPU, where there are enough of them."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        return None
    return lambda: os.sched_setaffinity(0, {cpu})


def load(name: str, folder: Path, phases: Sequence[Phase] | None, *, limited: bool = False) -> None:
    """Calibrate a fresh server, or let it have the phases given; ``folder`` gets the run.

    ``limited``: with no more of a core than where its capacity is searched.
    """
    if (folder / "run.jsonl").exists():
        return
    with served(name) as (url, pid), _limited(name, pid) if limited else nullcontext():
        given = ["--set", f"phases={encode(phases)}"] if phases is not None else []
        asked = ["--calibrate", "--transport", "websocket", *given]
        done = _loadtest(url, pid, folder, asked)
    # what was held out is no calibration, and need not end in a profile
    if not (folder / "run.jsonl").exists() or (phases is None and done.returncode):
        raise SystemExit(f"{name}: {done.stderr}")


def _loadtest(url: str, pid: int, folder: Path, asked: Sequence[str]) -> subprocess.CompletedProcess[str]:
    out = ["--server-pid", str(pid), "--out", str(folder), "--quiet", "-o", os.devnull, "--format", "json"]
    command = [sys.executable, "-m", "siotool", "loadtest", url, *asked, *out]
    return subprocess.run(command, preexec_fn=_on(0), check=False, capture_output=True, text=True)


def compared(name: str, runs: Path) -> Compared | None:
    """Search for the capacity of a fresh server, and compare it with what its profile says of that load.

    None where the generator reached its limit first.
    """
    folder = runs / f"{name}-searched"
    if not (folder / "run.jsonl").exists():
        with served(name) as (url, pid), _limited(name, pid):
            done = _loadtest(url, pid, folder, SEARCH)
        if not (folder / "run.jsonl").exists():
            raise SystemExit(f"{name}: {done.stderr}")
    run = reading.read(folder)
    profile = read_profile(_calibrated_alike(name, runs) / "profile.json")
    found = searched([run])
    said = capacity_by_profile(_slower(profile, _pace_of(run, profile.usual_pace)), [judged_part(run)])
    if isinstance(found, str) or found.at_least or said is None:
        print(f"{name}: no capacity to compare: {found}", file=sys.stderr)
        return None
    cores = run.header.servers[0].cores
    seconds = seconds_of([run])
    load = {column: seconds.mean(column, seconds.held) for column in LOAD}
    full = full_times(profile.full, profile.curve, load)
    return Compared(f"{name}, {cores:g} core", said, found.estimate, full)


def _pace_of(run: Run, usual: Pace | None) -> float:
    """The machine's pace in the middle of a run, over the ``usual`` one; 1 where no loop ran."""
    own = usual_pace(run)
    if own is None or usual is None:
        return 1.0
    return (own.text_s / usual.text_s) ** TEXT_POWER * (own.step_s / usual.step_s) ** STEP_POWER


def _slower(profile: CalibratedProfile, pace: float) -> CalibratedProfile:
    """The profile of a server whose work takes ``pace`` times as much CPU, whatever it is."""
    curve, replace = profile.curve, msgspec.structs.replace
    shape = replace(
        curve.shape,
        waking_cores=pace * curve.shape.waking_cores,
        waking_work=pace * curve.shape.waking_work,
    )
    costs = {name: pace * cost for name, cost in curve.costs.items()}
    rows = [[pace * cost for cost in row] for row in profile.replicates]
    return replace(profile, curve=replace(curve, costs=costs, shape=shape), replicates=rows)


def _calibrated_alike(name: str, runs: Path) -> Path:
    """The calibration of a server with as much of a core as the one that is searched."""
    limited = name in QUOTAS
    folder = runs / f"{name}-calibrated{'-limited' if limited else ''}"
    load(name, folder, None, limited=limited)
    return folder


def _limited(name: str, pid: int) -> AbstractContextManager[None]:
    return quota(pid, QUOTAS[name]) if name in QUOTAS else nullcontext()


def checked(name: str, runs: Path) -> list[Checked]:
    """Compare the predictions of a server's profile with its held-out runs."""
    profile = read_profile(runs / f"{name}-calibrated" / "profile.json")
    workloads = held_workloads(runs, name, profile.usual_pace)
    return [check for starts in workloads.values() for check in _checks(name, profile, _mean(starts))]


def held_workloads(runs: Path, name: str, usual: Pace | None) -> dict[str, list[list[HeldPhase]]]:
    """The workloads of a server that were held out, by their words: of each process, each time it had it."""
    workloads: dict[str, list[list[HeldPhase]]] = {}
    for folder in sorted(runs.glob(f"{name}-held-out-*")):
        run = reading.read(folder)
        phases = decode(str(run.header.workload.settings["phases"]))
        of_this: dict[str, list[HeldPhase]] = {}
        for hold in holds_of(run, phases, usual):
            if not hold.phase.pilot and hold.number:
                of_this.setdefault(hold.phase.words, []).append(hold)
        for words, holds in of_this.items():
            workloads.setdefault(words, []).append(holds)
    return workloads


def _mean(starts: Sequence[Sequence[HeldPhase]]) -> HeldPhase:
    """One workload of several processes: means of its CPU, load and pace, and of the most memory of each."""
    fullest = [max(holds, key=lambda one: one.rss_bytes) for holds in starts]
    repeats = [hold for holds in starts for hold in holds]

    def mean(of: Callable[[HeldPhase], float], which: Sequence[HeldPhase] = repeats) -> float:
        return float(np.mean([of(one) for one in which]))

    return msgspec.structs.replace(
        fullest[0],
        connections_most=mean(lambda one: one.connections_most, fullest),
        opened_besides=mean(lambda one: one.opened_besides, fullest),
        spent_s=mean(lambda one: one.spent_s, fullest),
        rss_bytes=mean(lambda one: one.rss_bytes, fullest),
        cores=mean(lambda one: one.cores),
        pace=mean(lambda one: one.pace),
        load={column: mean(lambda one, column=column: one.load[column]) for column in repeats[0].load},  # type: ignore[misc]
    )


def _checks(name: str, profile: CalibratedProfile, hold: HeldPhase) -> Iterator[Checked]:
    rates = (
        ("inbound_per_s", "in"),
        ("deliveries_per_s", "delivered"),
    )
    load = ", ".join(f"{hold.load[column]:,.0f}/s {said}" for column, said in rates if hold.load[column])
    words = f"{hold.phase.words} ({load})" if load else hold.phase.words
    drawn = cores_of(profile, hold, DRAWS, SEED)
    yield Checked(name, words, "CPU", *_interval(drawn), hold.cores, hold.light)
    memory = memory_of(profile, hold, DRAWS, SEED)
    if memory is not None:
        yield Checked(name, words, "memory", *_interval(memory / 1e6), hold.rss_bytes / 1e6, False)


def _interval(drawn: Any) -> tuple[float, float, float]:
    low, value, high = (float(one) for one in np.quantile(drawn, (0.05, 0.5, 0.95)))
    return low, value, high


def summary(rows: Sequence[Checked]) -> str:
    """What the rows come to, in a sentence."""
    errors = np.abs([row.error for row in rows])
    inside = sum(row.inside for row in rows)
    beyond = sum(row.missed for row in rows)
    heavy = [row.inside for row in rows if not row.light]
    told = f", and {sum(heavy)} of the {len(heavy)} ({np.mean(heavy):.0%}) that are not light"
    return (
        f"{len(rows)} figures: median error {np.median(errors):.1%}, largest {errors.max():.0%}, "
        f"{beyond} beyond 10 % (and 0.01 core); {inside} of {len(rows)} ({inside / len(rows):.0%}) "
        f"within their 90 % interval{told if 0 < len(heavy) < len(rows) else ''}"
    )


def table(rows: Sequence[Checked]) -> Iterator[str]:
    """The rows in Markdown."""
    yield "| workload | figure | predicted | 90 % interval | measured | error | |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for row in rows:
        digits, unit = (3, "") if row.figure == "CPU" else (1, " MB")
        marks = [word for word, so in (("outside", not row.inside), ("light", row.light)) if so]
        yield (
            f"| {row.workload} | {row.figure} | {row.value:.{digits}f}{unit} | {row.low:.{digits}f}–"
            f"{row.high:.{digits}f} | {row.seen:.{digits}f} | {row.error:+.0%} | {', '.join(marks)} |"
        )


def capacities(rows: Sequence[Compared]) -> Iterator[str]:
    """The capacities in Markdown."""
    yield "| server | by its profile | interval | by a search | interval | error | a full one, by its costs |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        cells = [row.server]
        for one in (row.profile, row.search):
            assert one.high is not None
            cells += [f"{one.bytes_per_s / 1e6:.2f} MB/s", f"{one.low / 1e6:.2f}–{one.high / 1e6:.2f}"]
        full = "–" if row.full is None else f"{row.full.value:.2f} ({row.full.low:.2f}–{row.full.high:.2f})"
        yield f"| {' | '.join(cells)} | {row.error:+.0%} | {full} |"


def paper(rows: Sequence[Checked], taken: str, filled: Sequence[Compared]) -> str:
    """The whole of docs/prediction.md."""
    lines = [
        "# What a calibration predicts",
        "",
        "Made by `make prediction` (tests/bench/prediction.py), which says how. Every workload is here, "
        "also those that were missed. CPU is in cores. "
        "Loads of 10 % of a core and less are light: they mislead.",
        "",
        f"{taken}",
        "",
        *(
            f"- {figure}: {summary([row for row in rows if row.figure == figure])}."
            for figure in ("CPU", "memory")
        ),
    ]
    if filled:
        lines += [
            "",
            "## Capacity",
            "",
            f"Of a chat room of 100 users: as much of its load as fills the server at its profile's costs "
            f"and the machine's pace during the search, and the highest load that a search found "
            f"(`siotool loadtest {' '.join(SEARCH)}`).",
            "",
            *capacities(filled),
        ]
    for name in dict.fromkeys(row.server for row in rows):
        mine = [row for row in rows if row.server == name]
        lines += ["", f"## {WORDS[name]}", "", f"{summary(mine)}.", "", *table(mine)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Calibrate, hold out, compare, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="*", default=list(SPEED), metavar="SERVER", help=", ".join(SPEED))
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder")
    parser.add_argument(
        "--capacity", action="store_true", help="search for each capacity too (5 minutes each)"
    )
    parser.add_argument(
        "--no-held-out", action="store_true", help="only calibrate, for --capacity: some 12 minutes each"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAPER.relative_to(ROOT)}")
    asked = parser.parse_args()
    if asked.no_held_out and asked.write:
        parser.error("--write is of everything, and --no-held-out of a part")
    with tempfile.TemporaryDirectory() as scratch:
        runs = asked.runs or Path(scratch)
        rows, filled = [], []
        for name in asked.servers:
            if asked.no_held_out:
                _calibrated_alike(name, runs)
                continue
            load(name, runs / f"{name}-calibrated", None)
            for number, phases in enumerate(held_out(SPEED[name])):
                for start in range(STARTS):
                    load(name, runs / f"{name}-held-out-{number}-{start}", phases)
            rows += checked(name, runs)
            print(f"{name}: {summary([row for row in rows if row.server == name])}", flush=True)
        for name in asked.servers if asked.capacity else ():
            if (one := compared(name, runs)) is not None:
                filled.append(one)
                print(f"{name}: capacity by profile {one.error:+.0%} off that of a search", flush=True)
        if asked.no_held_out:
            print("\n".join(capacities(filled)))
            return
        machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
        taken = f"Measured on {machine}, Python {platform.python_version()}."
        found = paper(rows, taken, filled)
        print(found)
        if asked.write:
            PAPER.write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
