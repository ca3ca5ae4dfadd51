"""Runs as comparisons see them, simulated: a known cost, and noise as real machines have it."""

from dataclasses import dataclass

import numpy as np

from siotool.histogram import Histogram
from siotool.runs.conditions import RunConditions
from siotool.runs.measures import Amounts, RunMeasures, Times

BLOCKS = 8
CPU_S, EVENTS, REFERENCE_S = 20e-6, 6000.0, 50e-6
CONDITIONS = RunConditions(
    scenario="echo",
    target="http://127.0.0.1:3000/socket.io/ /",
    others={
        "settings": "rate=60",
        "users": "1 s:100, 9 s:100",
        "transport": "websocket",
        "client": "as usual",
        "generator": "Linux, 2 CPUs",
        "server": "1 cores",
        "Python": "3.11",
        "siotool": "0.1.0",
        "libraries": "locust 2.47",
    },
)


@dataclass(frozen=True)
class Noise:
    """``runs`` is the scatter between runs, ``machine`` that of the machine's speed from one to the next,
    which drifts by ``drift`` over 100 runs; ``alike`` the autocorrelation of blocks, ``tails`` the degrees
    of freedom of Student's t that the scatter has: infinite for a normal one."""

    runs: float = 0.02
    machine: float = 0.0
    drift: float = 0.0
    alike: float = 0.0
    tails: float = np.inf


NOISES = {
    "runs differ by 2 %": Noise(),
    "runs differ by 5 %": Noise(runs=0.05),
    "the machine drifts, and is slow by turns": Noise(machine=0.08, drift=0.3),
    "seconds resemble each other": Noise(alike=0.8),
    "heavy tails": Noise(runs=0.03, tails=3.0),
}


def run(number: int, noise: Noise, random: np.random.Generator, *, cost: float = 1.0) -> RunMeasures:
    """A run whose server takes ``cost`` times the CPU; ``number`` is its place in time."""

    def apart(scatter: float) -> float:
        if np.isinf(noise.tails):
            return float(np.exp(scatter * random.standard_normal()))
        wide = np.sqrt(noise.tails / (noise.tails - 2))
        return float(np.exp(scatter * random.standard_t(noise.tails) / wide))

    def blocks(scatter: float) -> np.ndarray:
        steps = scatter * random.standard_normal(BLOCKS)
        for place in range(1, BLOCKS):
            steps[place] = noise.alike * steps[place - 1] + np.sqrt(1 - noise.alike**2) * steps[place]
        return np.exp(steps)

    speed = (1 + noise.drift * number / 100) * apart(noise.machine)
    events = np.full(BLOCKS, EVENTS)
    cpu = CPU_S * events * cost * speed * apart(noise.runs) * blocks(0.03)
    reference = REFERENCE_S * events * speed * blocks(0.01)
    late = speed * apart(3 * noise.runs)
    times = [_times(random.lognormal(np.log(1e-3 * late * block), 0.4, 150)) for block in blocks(0.03)]
    memory = 70e6 * apart(noise.runs / 4) * blocks(0.002)
    return RunMeasures(
        run=f"run-{number}",
        started_at=f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00+00:00",
        conditions=CONDITIONS,
        amounts=[
            Amounts(
                "cpu_per_event",
                "s",
                "cost",
                cpu.tolist(),
                events.tolist(),
                reference.tolist(),
            ),
            Amounts("rss", "bytes", "memory", memory.tolist(), [1.0] * BLOCKS),
            Amounts("bytes_per_connection", "bytes_per_s", "bytes", [9600.0] * BLOCKS, [1.0] * BLOCKS),
            Amounts("errors", "share", "share", [0.0] * BLOCKS, events.tolist()),
        ],
        times=[Times("ack:echo", times)],
    )


def _times(seconds: np.ndarray):
    histogram = Histogram()
    histogram.record(seconds)
    return histogram.sparse()
