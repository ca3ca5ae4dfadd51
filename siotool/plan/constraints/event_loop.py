"""CPU of the event loop: each process is one core that does everything in turn.

    ρ(n) = [connections·idle + in·c_in + acks·c_ack + out·w + bytes·c_byte + new·c_connect + polls·c_poll] / n
           + Σ received(n)·d + encoded(n)·c_enc + asking(n)  ≤  utilization · process_cores

for n processes. What a process receives from the adapter and encodes does not shrink with n
for a classic adapter, so there may be no n at all; both fall with n for a sharded one.
``asking`` is what calls such as fetchSockets take of each process; with adapters whose answers
all processes receive it grows with n: then too many are as bad as too few.
"""

from collections.abc import Callable
from math import inf

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.constraints.cpu import COSTS, asking, load, repeated
from siotool.plan.constraints.solve import largest_fitting
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, exp, log, maximum, minimum, where, whole
from siotool.units import format_count, format_share

#: More processes than this are infinitely many.
_LEAST_X = 1e-12
#: Steps of the search for the processes that are busy least, each of which leaves this share of the span.
_NARROWING = 30
_GOLDEN = (5**0.5 - 1) / 2
#: What the sums may be off by.
_NOISE = 1e-12


def usable(world: World[N]) -> N:
    """Return the share of a core that one process may use: of what it may fill, the utilization."""
    return world["server.utilization"] * world["server.process_cores"]


def occupied(world: World[N]) -> Callable[[N], N]:
    """Return ρ by the number of processes: what the fullest needs over what it may fill; may exceed 1.

    Fewer processes than one server has, on average, still run all of them.
    """
    shared, least = load(world).shared * world["topology.imbalance"], world["server.processes"]

    def share(processes: N) -> N:
        needed = divide(shared, processes) + repeated(world, maximum(processes, least))
        return needed / world["server.process_cores"]

    return share


def processes_needed(world: World[N]) -> N:
    """Return the fewest processes, not rounded, that stay under the utilization; infinite if none do.

    Less than one server's processes where these, all running, have CPU to spare. Beyond, solved
    for x = 1/n, in which ρ is nearly a straight line: exact at once for adapters under which every
    process receives everything.
    """
    shared = load(world).shared * world["topology.imbalance"]
    zero, most = 0.0 * shared, usable(world) * (1 + _NOISE)
    least = world["server.processes"]
    alone = divide(shared, most - repeated(world, least))

    def excess(x: N) -> N:
        x = maximum(x, _LEAST_X)
        return shared * x + repeated(world, 1 / x) - most

    high = minimum(1 / least + zero, divide(most + zero, shared))
    low = 1 / lightest(world) if world.has("topology.fetch_rate") else 0.0
    several = divide(1.0 + zero, largest_fitting(excess, high, minimum(low, high)))
    if world.has("topology.fetch_rate"):
        limit = world["server.utilization"] * (1 + _NOISE)
        # rounded up to whole servers they may be too many
        servers = maximum(whole(where(several < inf, several, 1.0) / least), 1.0)
        several = where((several < inf) & (occupied(world)(servers * least) <= limit), several, inf)
    return where(alone <= least, alone, several)


def lightest(world: World[N]) -> N:
    """Return the processes at which each is busy least, by golden section of the logarithm of their number.

    More of them are busier again where all of them receive the answers to every call of fetchSockets.
    """
    zero = 0.0 * (load(world).shared + world.requests.calls_per_s)
    share = occupied(world)
    low, high = log(1.0 + zero), log(1 / _LEAST_X + zero)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = share(exp(left)), share(exp(right))
    for _ in range(_NARROWING):
        fewer = at_left < at_right
        low, high = where(fewer, low, left), where(fewer, right, high)
        probe = where(fewer, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        at = share(exp(probe))
        left, right = where(fewer, probe, right), where(fewer, left, probe)
        at_left, at_right = where(fewer, at, at_right), where(fewer, at_left, at)
    return exp((low + high) / 2)


def _limit(world: World[N]) -> Limit[N] | None:
    if not any(world.has(key) for key in COSTS):
        return None
    processes = processes_needed(world)
    each = world["server.processes"] * usable(world)
    shared = load(world).shared * world["topology.imbalance"]
    some = maximum(where(processes < inf, processes, 1.0), 1.0)
    cores = shared + some * repeated(world, maximum(some, world["server.processes"]))
    keys = ("workload.connections", "server.utilization", "server.processes", *filter(world.has, COSTS))
    messages = tuple(key for key in world.values if key.startswith("workload.messages."))
    return Limit(cores, each, processes / world["server.processes"], keys + messages)


def _sentence(world: World[float], limit: Limit[float]) -> str:
    if limit.servers == inf and asking(world, 2.0) > 0:
        best = max(2.0, round(lightest(world)))
        return (
            f"each of {format_count(best)} processes is busy for {format_share(occupied(world)(best))}, "
            f"{format_share(asking(world, best))} of its core with calls such as fetchSockets, which all "
            "of them answer; more or fewer processes are busier: no number of servers is enough"
        )
    if limit.servers == inf:
        alone = repeated(world, 1e12)
        return (
            f"each process spends {format_share(alone)} of its core on its own work and the publishes of all "
            "others, before it serves a session: no number of servers is enough"
        )
    parts = load(world)
    largest = max(
        ("idle connections", parts.idle),
        ("messages received", parts.inbound),
        ("deliveries", parts.delivery + parts.bytes),
        ("new connections", parts.connect),
        ("polling", parts.polls),
        ("messages given to the adapter", parts.publishes),
        ("publishes and requests of other processes", limit.demand - parts.shared),
        key=lambda part: part[1],
    )
    return (
        f"{format_count(limit.demand)} cores, most of them for {largest[0]}; a server gives "
        f"{format_count(limit.capacity_per_server)}"
    )


EVENT_LOOP = Constraint("event loop", "cores", _limit, _sentence)
