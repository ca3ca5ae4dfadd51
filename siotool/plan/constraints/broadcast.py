"""How long a broadcast takes to reach the last session of one process, its waiting included.

An event loop writes to one client after the other: the last of n waits for n writes, however
idle the process is on average. 30,000 sessions at 33 µs each take a second. And before the
first of them, the broadcast waits for what the loop is busy with: other broadcasts, which are
long jobs, and everything else (``turns``, ``waiting``). The goal is for the session
that is written to last, in 99 of 100 broadcasts. It is not a mean, which would hide the late ones,
and not for the slowest of all processes, which depends on their number.
"""

from math import inf

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.constraints.cpu import COSTS, load
from siotool.plan.constraints.solve import rises_to_zero
from siotool.plan.constraints.turns import turns
from siotool.plan.demand.service import world as world_of
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, is_array, log, maximum, minimum, where, whole
from siotool.units import format_count, format_duration, format_share

#: The share of broadcasts that arrive in time.
IN_TIME = 0.99

#: A part of a goal, or of a fleet, that counts as none.
_LEAST = 1e-12
#: The search goes no further than this many times the goal.
_MOST = 1e6
#: Shares of late broadcasts below this count as equal: the transform's series is no more exact.
_RARE = 2e-4
#: What a goal's worth of spare time counts for, where waiting does not.
_SLOPE = 5.0
#: Servers are found to this part of them.
_CLOSE = 1e-6
#: Steps of the solver for all draws, and for the few that are not close by then.
_STEPS, _MORE_STEPS = 11, 100


def audience(world: World[N]) -> N:
    """Return the sessions that the widest message goes to."""
    wide = [stream.traffic.room_size for stream in world.demand.streams]
    return maximum(0.0, *wide)


def servers_in_time(world: World[N]) -> N:
    """Return the fewest servers, not rounded, that deliver in time; infinite if none do.

    Less than one where one server takes less than the goal: the part of the goal that it takes.
    """
    drawn = any(is_array(value) for value in world.values.values())
    servers, low, high = _servers(world, _STEPS if drawn else _MORE_STEPS)
    rest = high - low > _CLOSE * high
    if not is_array(rest):
        # broadcasts do not depend on what varies, or nothing varies
        return _servers(world, _MORE_STEPS, (low, high))[0] if rest else servers
    if is_array(servers) and is_array(low) and is_array(high) and rest.any():
        # more steps, for the few draws that are not close yet
        few: dict[str, N] = {**world.values}
        few |= {key: value[rest] for key, value in few.items() if is_array(value)}
        servers[rest] = _servers(world_of(world.inputs, few), _MORE_STEPS, (low[rest], high[rest]))[0]
    return servers


def _servers(world: World[N], steps: int, known: tuple[N, N] | None = None) -> tuple[N, N, N]:
    """The fewest servers, and the two parts of the work, or of the goal, between which they were sought.

    The parts are equal where there is nothing more to seek. ``known``: such parts of a search before.
    """
    goal, least = world["goals.delivery_time"], world["server.processes"]
    parts = load(world)
    one = turns(world, parts, least)

    def excess(part: N) -> N:
        """Above 0 where too many are late; ``part`` is 1/servers, or of the goal if more than 1."""
        found = turns(world, parts, least / minimum(maximum(part, _LEAST), 1.0))
        time = goal / maximum(part, 1.0)
        spare = (time - found.longest.own_s) / time
        late = found.share_later(maximum(spare, 0.0) * time)
        above = log(maximum(late, _RARE) / (1.0 - IN_TIME))
        # where hardly anything waits, only the writing counts: a step there would hide the zero
        some = maximum(above, -_SLOPE * spare)
        return where(spare > 0, some, maximum(above, 0.0) + minimum(-_SLOPE * spare, _SLOPE))

    alone = 1.0 + 0.0 * one.longest.own_s
    if known is None:
        enough = excess(alone) <= 0
        # no server can take a larger part of the work, or of the writing
        writing = minimum(divide(goal * alone, one.longest.own_s), _MOST)
        cores = least * world["server.process_cores"]
        working = divide(alone * cores, parts.shared * world["topology.imbalance"])
        known = (
            where(enough, alone, 0.0),
            where(enough, writing, minimum(minimum(writing, working), 1.0)),
        )
    found = rises_to_zero(excess, *known, steps, _CLOSE)
    idle = (one.longest.own_s == 0) & (one.loop.utilization == 0)
    nothing = idle | (one.longest.recipients == 0)
    servers = where(nothing, 0.0, where(found.never, inf, divide(alone, found.low)))
    return servers, found.low, where(found.never | nothing, found.low, found.high)


def _broadcast(world: World[N]) -> Limit[N] | None:
    if not world.has("goals.delivery_time", "server.delivery_cost") or not world.demand.streams:
        return None
    sessions = audience(world) * world["topology.imbalance"]
    servers = servers_in_time(world)
    some = where(servers > 0, servers, 1.0)
    keys = (
        "workload.connections",
        "goals.delivery_time",
        "server.processes",
        *filter(world.has, COSTS),
        *(key for key in world.values if key.startswith("workload.messages.")),
    )
    return Limit(sessions, where(servers > 0, divide(sessions, some), inf), servers, keys)


def _sentence(world: World[float], limit: Limit[float]) -> str:
    goal = format_duration(world["goals.delivery_time"])
    if limit.servers == inf:
        return f"no number of servers delivers within {goal}: {_why_never(world)}"
    servers = maximum(whole(limit.servers), 1.0)
    found = turns(world, load(world), servers * world["server.processes"])
    longest = found.longest
    wait_s = found.wait_within(IN_TIME)
    where_from = " at two processes" if longest.passes > 0 else ""
    fleet = "1 server" if servers == 1 else f"{format_count(servers)} servers"
    return (
        f"on {fleet}, the last of {format_count(max(1, round(longest.recipients)))} sessions of a process "
        f"is written to within {_time(wait_s + longest.own_s)}, 99 times in 100: {_time(wait_s)} of waiting"
        f"{where_from} and {_time(longest.own_s)} of writing"
    )


def _why_never(world: World[float]) -> str:
    """Return what remains with any number of sessions on a process."""
    found = turns(world, load(world), 1 / _LEAST)
    longest, busy = found.longest, found.loop.utilization
    if busy >= 1:
        return "each process is always busy with its own work and the publishes of all others"
    if longest.own_s > world["goals.delivery_time"]:
        return f"writing to one session alone takes {_time(longest.own_s)}"
    wait_s = found.wait_within(IN_TIME)
    return (
        f"each process spends {format_share(busy)} of its core on its own work and the publishes of all "
        f"others, and one broadcast in 100 waits more than {_time(wait_s)} for that"
    )


def _time(seconds: float) -> str:
    """A duration to three digits."""
    return format_duration(float(f"{seconds:.3g}"))


BROADCAST = Constraint("broadcast time", "sessions", _broadcast, _sentence)
