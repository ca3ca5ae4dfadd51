"""What a full plan costs: run by hand, prints the CPU it took.

    python tests/bench/plan.py

A plan of every constraint, with messages, a profile and fifteen ranges: of single figures, of
10,000 draws and of 100,000. The last shall stay under 2 s of CPU. It does not any more: waits
(``goals.delivery_time``) take most of it.
"""

import time

from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import at_middles
from siotool.plan.sizing import sizing

PLAN = """
[workload]
connections = "500k..1M..1500k"
peak_factor = "1.5..2"
growth = "10%..50%"
ahead = "365d"
session_length = "20min..40min"
[workload.messages.chat]
kind = "room"
rate = "1/min..3/min"
size = "100B..200B..1kB"
room_size = "20..80"
[workload.messages.news]
kind = "announce"
rate = "1/min..2/min"
[workload.messages.call]
kind = "echo"
rate = "2/min"
acknowledged = true
[transport]
polling = "1%..5%"
[server]
profile = "node-ws"
capacity = "1Gbit/s"
bandwidth_in = "10Gbit/s"
bandwidth_out = "10Gbit/s"
memory = "32GiB"
heap = "4GiB"
open_files = 65536
processes = 8
[topology]
adapter = "redis-sharded"
balancer = "haproxy"
balancer_addresses = 4
balancer_connections = "1M"
balancer_accept_rate = "10k/s"
conntrack = 1000000
imbalance = "1..1.2"
zones = 3
[goals]
downtime = "1min..10min"
spares = 2
survive_zone = true
delivery_time = "500ms"
reconnect_time = "60s"
"""


def main() -> None:
    """Plan, and print what each plan took."""
    ranges = compose.complete(planfile.decode(PLAN, "bench"))
    single = at_middles(ranges)
    sizing.size(ranges, draws=100)  # import what is imported once
    for words, inputs, draws, sensitivities in (
        ("single figures", single, 0, False),
        ("10,000 draws, all sensitivities", ranges, 10_000, True),
        ("100,000 draws", ranges, 100_000, False),
        ("100,000 draws, all sensitivities", ranges, 100_000, True),
    ):
        before = time.process_time()
        plan = sizing.size(inputs, draws=draws, sensitivities=sensitivities)
        spent = time.process_time() - before
        fleet = f"{plan.servers.p50} to {plan.servers.p95} servers by {plan.binding}"
        print(f"{words}: {spent:.3f} s of CPU, {fleet}")


if __name__ == "__main__":
    main()
