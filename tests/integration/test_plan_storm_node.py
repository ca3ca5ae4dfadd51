"""The storm's clients against the official one: each of its waits, and real clients whose server dies."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from siotool.plan.storm.simulator import Conditions, simulate
from siotool.plan.storm.waits import schedule
from siotool.protocol.backoff import Backoff, delay_s

pytestmark = [pytest.mark.node, pytest.mark.slow]

NODE_TARGET = Path(__file__).parents[1] / "targets/node"

#: Prints, for each number of failures, 10,000 pairs of a random number and the wait it led to.
DELAYS = """
import { Backoff } from "./node_modules/socket.io-client/build/esm/contrib/backo2.js";
const [min, max, jitter, failures] = JSON.parse(process.argv[1]);
const original = Math.random;
let drawn;
Math.random = () => (drawn = original());
const backoff = new Backoff({ min, max, jitter });
const pairs = failures.map((attempts) => Array.from({ length: 10000 }, () => {
  backoff.attempts = attempts;
  const wait = backoff.duration();
  return [drawn, wait];
}));
process.stdout.write(JSON.stringify(pairs));
"""

#: Clients that connect, say so on a line, lose their server, and print what each went through then:
#: the waits in milliseconds that its Manager chose, and how long each lasted.
CLIENTS = """
import { io } from "socket.io-client";
const [url, count, attempts, options] = JSON.parse(process.argv[1]);
const seen = [];
let connected = 0, done = 0;
for (let i = 0; i < count; i++) {
  const socket = io(url, { forceNew: true, transports: ["websocket"], ...options });
  const mine = { chosen: [], lasted: [] };
  seen.push(mine);
  const { backoff } = socket.io;
  const duration = backoff.duration.bind(backoff);
  let since;
  backoff.duration = () => {
    since = performance.now();
    const wait = duration();
    mine.chosen.push(wait);
    return wait;
  };
  socket.on("connect", () => { if (++connected === count) console.log("ready"); });
  socket.io.on("reconnect_attempt", () => {
    mine.lasted.push(performance.now() - since);
    if (mine.lasted.length === attempts && ++done === count) {
      for (const each of seen) for (const list of Object.values(each)) list.length = attempts;
      console.log(JSON.stringify(seen));
      process.exit(0);
    }
  });
}
process.stdin.on("end", () => process.exit(1)).resume();
"""


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    if not (NODE_TARGET / "node_modules").is_dir():
        pytest.skip("tests/targets/node is not installed: run make node")
    return found


def script(node, source, *arguments):
    return [node, "--input-type=module", "--eval", source, json.dumps(arguments)]


@pytest.mark.parametrize(
    "backoff",
    [
        pytest.param(Backoff(), id="the defaults"),
        pytest.param(Backoff(delay_s=0.7, delay_max_s=33.3, jitter=0.9), id="other options"),
        pytest.param(Backoff(jitter=1), id="all of it jitter"),
    ],
)
def test_each_wait_is_the_official_clients(node, backoff):
    failures = [0, 1, 2, 3, 4, 5, 9, 100, 1013, 1014, 1015, 1016, 5000]
    options = (round(backoff.delay_s * 1000), round(backoff.delay_max_s * 1000), backoff.jitter, failures)
    said = subprocess.run(
        script(node, DELAYS, *options), cwd=NODE_TARGET, capture_output=True, check=True, timeout=60
    )
    pairs = np.array(json.loads(said.stdout))
    waits_ms = schedule(backoff)
    other = np.random.Generator(np.random.PCG64(1))
    for count, theirs in zip(failures, pairs, strict=True):
        many = np.full(len(theirs), count)
        assert np.array_equal(waits_ms(many, theirs[:, 0]), theirs[:, 1]), f"after {count} failures"
        assert [round(delay_s(count, chance, backoff) * 1000) for chance in theirs[:, 0]] == theirs[
            :, 1
        ].tolist()
        distance = stats.ks_2samp(
            theirs[:, 1], waits_ms(many, other.random(len(theirs))), method="asymp"
        ).statistic
        assert distance < 0.04, f"after {count} failures, with random numbers of our own"


def test_real_clients_that_lose_their_server_try_as_the_simulated_ones_do(node, node_server):
    clients, attempts = 60, 8
    backoff = Backoff(delay_s=0.1, delay_max_s=0.5)
    server = node_server()
    options = {"reconnectionDelay": 100, "reconnectionDelayMax": 500}
    with subprocess.Popen(
        script(node, CLIENTS, server.url, clients, attempts, options),
        cwd=NODE_TARGET,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        server.kill()
        seen = json.loads(process.stdout.readline())
    chosen, lasted = (np.array([client[name] for client in seen]) for name in ("chosen", "lasted"))
    assert chosen.shape == lasted.shape == (clients, attempts), "one wait before each try, from the first on"
    assert (lasted > chosen - 2).all(), "a try follows its wait; timers round to a millisecond"
    grid = (np.arange(100_000) + 0.5) / 100_000
    for number in range(attempts):
        possible = schedule(backoff)(np.full(len(grid), number), grid)
        assert np.isin(chosen[:, number], possible).all(), f"wait {number + 1}"
    # tries per client by every moment, if neither machine nor network took time
    bins = np.arange(0.1, chosen.sum(axis=1).min() / 1000, 0.1)
    storm = simulate(6000, 1, Conditions(1, backoff, outage_s=60), horizon_s=float(bins[-1]), bin_s=0.1)
    simulated = np.cumsum(storm.attempts_per_s) * 0.1 / 6000
    times = chosen.cumsum(axis=1) / 1000
    real = np.array([(times < moment).sum() / clients for moment in bins])
    assert len(simulated) == len(real) > 20
    assert np.abs(simulated - real).max() < 0.35, "five standard errors of 60 clients"
