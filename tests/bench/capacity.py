"""Real searches of servers whose capacity is known: do the intervals hold it, and how wide are they?

    python -m tests.bench.capacity --searches 20 --side-by-side 5 --out reports/capacity-bench

Each search loads a server of its own (tests/targets/noisy) with users that call once a second. Its
capacity is the number of users at which 1 % of the calls are answered later than 200 ms in the long run. It
is worked out in simulated time with the same queue (``truth``). ``--searches 0`` prints the table of those
that are there already. The table is in docs/capacity.md.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

SERVER = Path(__file__).parents[1] / "targets" / "noisy" / "server.mjs"
LIMIT_S, ALLOWED = 0.2, 0.01
#: The issue's goal: at least this share of intervals hold the truth; their median width; seconds of a search.
HELD, WIDTH, LONGEST_S = 0.95, 0.10, 300.0


def missed_share(users: int, capacity: float, noise: float, seconds: int, seed: int) -> float:
    """Share of calls answered later than the limit, in so many seconds of simulated time.

    The queue is the server's. Each user calls once a second, at a moment of its own. Lindley's recursion,
    solved for all calls at once: a call leaves when all before it have, or when it came and was served.
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    pace = capacity * np.maximum(0.2, 1 + noise * chance.standard_normal(seconds))
    moments = np.sort(chance.random(users))
    at = (np.arange(seconds)[:, None] + moments[None, :]).ravel()
    work = np.cumsum(np.repeat(1 / pace, users))
    before = np.concatenate([[0.0], work[:-1]])
    leaves = work + np.maximum.accumulate(at - before)
    return float((leaves - at > LIMIT_S).mean())


def truth(capacity: float, noise: float) -> float:
    """The number of users at which the allowed share of calls is late, between whole numbers of users."""
    low, high = int(capacity / 3), int(capacity * 1.2)
    shares = {}
    while high - low > 1:
        middle = (low + high) // 2
        shares[middle] = np.mean([missed_share(middle, capacity, noise, 3000, seed) for seed in range(12)])
        low, high = (middle, high) if shares[middle] <= ALLOWED else (low, middle)
    below, above = np.log(max(1e-6, shares.get(low, 1e-6))), np.log(shares.get(high, 1.0))
    return float(low + (np.log(ALLOWED) - below) / (above - below))


@contextmanager
def noisy_server(capacity: float, noise: float, seed: int) -> Iterator[str]:
    """A server of known capacity on a free port; its URL."""
    command = ["node", str(SERVER), "0", str(capacity), str(noise), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().rpartition(" ")[2].strip()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def search(url: str, out: Path, seed: int) -> subprocess.Popen[str]:
    """Begin one search; its report is in ``out``."""
    command = [
        *(sys.executable, "-m", "siotool", "loadtest", url, "--find-capacity", "--scenario", "echo"),
        *("--transport", "websocket", "--processes", "1", "--fail-if", "p99:ack:echo > 200ms"),
        *(
            "--seed",
            str(seed),
            "--out",
            str(out),
            "--quiet",
            "--format",
            "json",
            "-o",
            str(out / "found.json"),
        ),
    ]
    out.mkdir(parents=True)
    return subprocess.Popen(command, text=True)


def rows(out: Path, known: float) -> Iterator[tuple[str, bool, float, float]]:
    """A line of the table for each search, whether it held the truth, its width and its seconds."""
    for path in sorted(out.glob("*/report.json")):
        report = json.loads(path.read_text())
        found = report["capacity"]
        low, high = found["low"], found["high"]
        held = low <= known <= (high if high is not None else np.inf)
        width = np.inf if high is None else (high - low) / known
        seconds = report["runs"][0]["duration_s"]
        ends = " | ".join("–" if end is None else f"{end:.1f}" for end in (low, high, found["value"]))
        said = "yes" if held else "**no**"
        cells = [path.parent.name, ends, said, f"{width:.1%}", f"{seconds:.0f} s", str(len(found["holds"]))]
        text = f"| {' | '.join(cells)} |"
        yield text, held, width, seconds


def table(out: Path, known: float) -> int:
    """Print the table; returns 0 when the goals are reached."""
    print(f"The truth: {known:.1f} users.\n")
    print(
        "| search | low | high | value | holds it | width | took | holds |\n|---|---|---|---|---|---|---|---|"
    )
    found = list(rows(out, known))
    print("\n".join(text for text, *_ in found))
    held, width = sum(one[1] for one in found), float(np.median([one[2] for one in found]))
    longest = max(one[3] for one in found)
    print(f"\n{held} of {len(found)} hold it; median width {width:.1%}; the longest took {longest:.0f} s.")
    return int(held < HELD * len(found) or width >= WIDTH or longest >= LONGEST_S)


def main() -> int:
    """Run searches side by side, and print the table of all that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--side-by-side", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="number of the first search, its seed")
    parser.add_argument("--capacity", type=float, default=200.0, help="calls per second")
    parser.add_argument("--noise", type=float, default=0.03, help="standard deviation of a second's pace")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    numbers = list(range(asked.first, asked.first + asked.searches))
    while numbers:
        batch, numbers = numbers[: asked.side_by_side], numbers[asked.side_by_side :]
        run_batch(batch, asked)
    return table(asked.out, truth(asked.capacity, asked.noise))


def run_batch(batch: list[int], asked: argparse.Namespace) -> None:
    """Searches side by side, each of a server of its own."""
    with ExitStack() as stack:
        urls = [stack.enter_context(noisy_server(asked.capacity, asked.noise, number)) for number in batch]
        running = [
            search(url, asked.out / f"{number:02}", number) for url, number in zip(urls, batch, strict=True)
        ]
        for one in running:
            one.wait()


if __name__ == "__main__":
    sys.exit(main())
