"""CPU of the event loop: each process is one core that does everything in turn.

    ρ(n) = [connections·idle + in·c_in + out·w + bytes·c_byte + new·c_connect + polls·c_poll] / n
           + Σ received(n)·d + encoded(n)·c_enc  ≤  utilization

for n processes. What a process receives from the adapter and encodes does not shrink with n
for a classic adapter, so there may be no n at all; both fall with n for a sharded one.
"""

from math import inf

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.constraints.cpu import COSTS, load, repeated
from siotool.plan.numbers import Number, divide, maximum, minimum, where
from siotool.plan.solve import rises_to_zero
from siotool.plan.world import World
from siotool.units import format_count, format_share

_STEPS = 14
#: More processes than this are infinitely many.
_LEAST_X = 1e-12
#: What the sums may be off by.
_NOISE = 1e-12


def processes_needed(world: World) -> Number:
    """Return the fewest processes, not rounded, that stay under the utilization; infinite if none do.

    Less than one server's processes where these, all running, have CPU to spare. Beyond, solved
    for x = 1/n, in which ρ is nearly a straight line: quite one for adapters under which every
    process receives everything.
    """
    shared = load(world).shared * world["topology.imbalance"]
    zero, most = 0.0 * shared, world["server.utilization"] * (1 + _NOISE)
    least = world["server.processes"]
    alone = divide(shared, most - repeated(world, least))

    def excess(x: Number) -> Number:
        x = maximum(x, _LEAST_X)
        return shared * x + repeated(world, 1 / x) - most

    high = minimum(1 / least + zero, divide(most + zero, shared))
    found = rises_to_zero(excess, zero, high, _STEPS)
    several = where(found.never, inf, divide(1.0 + zero, found.low))
    return where(alone <= least, alone, several)


def _limit(world: World) -> Limit | None:
    if not any(world.has(key) for key in COSTS):
        return None
    processes = processes_needed(world)
    each = world["server.processes"] * world["server.utilization"]
    shared = load(world).shared * world["topology.imbalance"]
    some = where(processes < inf, processes, 1.0)
    cores = shared + some * repeated(world, maximum(some, world["server.processes"]))
    keys = ("workload.connections", "server.utilization", "server.processes", *filter(world.has, COSTS))
    messages = tuple(key for key in world.values if key.startswith("workload.messages."))
    return Limit(cores, each, processes / world["server.processes"], keys + messages)


def _sentence(world: World, limit: Limit) -> str:
    if limit.servers == inf:
        alone = repeated(world, 1e12)
        return (
            f"each process spends {format_share(alone)} of its core on itself and the publishes of all the "
            "others, before it serves a session: no number of servers is enough"
        )
    parts = load(world)
    largest = max(
        ("idle connections", parts.idle),
        ("messages received", parts.inbound),
        ("deliveries", parts.delivery + parts.bytes),
        ("new connections", parts.connect),
        ("polling", parts.polls),
        ("publishes of other processes", limit.demand - parts.shared),
        key=lambda part: part[1],
    )
    return (
        f"{format_count(limit.demand)} cores, most of them for {largest[0]}; a server gives "
        f"{format_count(limit.capacity_per_server)}"
    )


EVENT_LOOP = Constraint("event loop", "cores", _limit, _sentence)
