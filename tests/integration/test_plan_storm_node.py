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

#: Clients that connect, say so on a line, lose their server, and print what each saw on losing it:
#: seconds since its loss of every attempt and of every failure.
CLIENTS = """
import { io } from "socket.io-client";
const [url, count, attempts, options] = JSON.parse(process.argv[1]);
const seen = [];
let connected = 0, done = 0;
for (let i = 0; i < count; i++) {
  const socket = io(url, { forceNew: true, transports: ["websocket"], ...options });
  const mine = { attempts: [], failures: [] };
  seen.push(mine);
  let lost;
  const now = () => (performance.now() - lost) / 1000;
  socket.on("connect", () => { if (++connected === count) console.log("ready"); });
  socket.io.on("close", () => { lost ??= performance.now(); });
  socket.io.on("reconnect_attempt", () => {
    mine.attempts.push(now());
    if (mine.attempts.length === attempts && ++done === count) {
      console.log(JSON.stringify(seen));
      process.exit(0);
    }
  });
  socket.io.on("error", () => mine.failures.push(now()));
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
    assert len(seen) == clients
    tried = np.array([client["attempts"] for client in seen])
    failed = np.array([client["failures"][: attempts - 1] for client in seen])
    waited = tried - np.column_stack([np.zeros(clients), failed])
    grid = (np.arange(10_000) + 0.5) / 10_000
    for number in range(attempts):
        waits = schedule(backoff)(np.full(len(grid), number), grid) / 1000
        assert waited[:, number].min() >= waits.min() - 0.003, f"wait {number + 1}: no timer is early"
        # timers of a busy machine are late, but not all of them
        assert waited[:, number].min() <= np.quantile(waits, 0.3) + 0.05, f"wait {number + 1}"
    storm = simulate(
        6000, 1, Conditions(1, backoff, outage_s=60), horizon_s=float(np.median(tried[:, -1])), bin_s=0.05
    )
    # up to the moment half of the real clients made their last try
    assert storm.attempts / storm.clients == pytest.approx(attempts - 0.5, abs=0.75)
