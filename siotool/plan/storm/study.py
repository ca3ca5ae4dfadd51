"""The storm of a plan: its course, its length by fleet, and what would shorten it."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from siotool.errors import InputError
from siotool.plan.constraints import handshakes
from siotool.plan.constraints.storm import lost_at_once
from siotool.plan.constraints.storm_bound import FleetLoss, Lost
from siotool.plan.demand.service import world as world_of
from siotool.plan.demand.world import World
from siotool.plan.growth import counting
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.numbers import N
from siotool.plan.storm import fleet
from siotool.plan.storm.advice import better_delay_max
from siotool.plan.storm.simulator import Conditions, simulate
from siotool.plan.storm.storm_plan import Course, Pings, RateDoubt, StormPlan
from siotool.plan.uncertainty import outcomes
from siotool.protocol.backoff import OFFICIAL, Backoff
from siotool.units import format_duration

#: Clients computed for the storm itself; fewer for each of the many others.
SAMPLE = 200_000

#: Where no client is taken in, each tries again until the horizon.
_IN_VAIN = 5_000

#: The longest time simulated.
HORIZON_S = 1800.0

#: Draws behind the doubt about the accept rate.
_DRAWS = 2000

#: Pings are counted in bins of at most a second that divide their interval; finer ones show noise.
_FINEST_MS, _COARSEST_MS = 100, 1000

#: A course is shown in so many bins, of one of these lengths; the last one however many it takes.
_CELLS = 60
_BINS_S = (0.1, 0.2, 0.5, 1.0)

#: Fleets of the curve, over the plan's own.
_TIMES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


class StormOptions(msgspec.Struct, frozen=True):
    """The settings of a storm beside the plan; None takes the plan's.

    ``servers``: the fleet; ``lost``: what fails; ``outage_s``: how long no client is taken in;
    ``blackhole``: attempts meanwhile get no answer instead of a refusal. ``coarseness`` as in
    ``Conditions``.
    """

    servers: int | None = None
    lost: Lost | None = None
    outage_s: float = 0.0
    blackhole: bool = False
    backoff: Backoff = OFFICIAL
    coarseness: float = 1.0


def study(inputs: Inputs, asked: StormOptions, *, draws: int, seed: int) -> StormPlan:
    """Simulate the plan's storm with the middle of every range, and what would change it.

    ``inputs`` are complete. Survivors take clients in beside the load of the whole service. Raises
    InputError where the plan has no handshakes or no fleet, or no server is left.
    """
    values = middles(inputs)
    world = world_of(inputs, values)
    at_rest = handshakes.at_rest(world)
    if at_rest is None:
        raise InputError(
            "the plan does not say how many handshakes a server completes",
            "for example --set server.accept_rate=500/s, or --set server.connect_cost=1ms",
        )
    servers = _fleet(inputs, asked, draws, seed)
    connections = math.ceil(world.demand.connections)
    setting = _setting(inputs, values, world, at_rest, asked.lost or lost_at_once(world))
    gone = setting.failure(float(connections), float(servers))
    _refuse_empty(connections, servers, setting.lost, gone)
    rate = setting.accept(connections, gone.survivors)
    conditions = Conditions(
        accept_per_s=rate,
        backoff=asked.backoff,
        outage_s=asked.outage_s,
        blackhole=asked.blackhole,
        seed=seed,
        coarseness=asked.coarseness,
    )
    clients = max(1, math.ceil(gone.lost))
    horizon_s = HORIZON_S + asked.outage_s
    storm = _storm(clients, gone.even, conditions, horizon_s)
    goal_s = values.get("goals.reconnect_time")
    points = fleet.curve(connections, _sizes(servers), setting, conditions, horizon_s=horizon_s)
    advice = better_delay_max(clients, gone.even, conditions, horizon_s=900.0 + asked.outage_s)
    return StormPlan(
        version=1,
        servers=servers,
        connections=connections,
        lost=setting.lost,
        lost_connections=clients,
        surviving_servers=float(gone.survivors),
        imbalance=setting.imbalance,
        accept_rate_per_s=rate,
        accept_rate_at_rest_per_s=float(at_rest),
        share_left=min(1.0, rate / at_rest),
        outage_s=asked.outage_s,
        delay_s=asked.backoff.delay_s,
        delay_max_s=asked.backoff.delay_max_s,
        jitter=asked.backoff.jitter,
        goal_s=goal_s,
        seed=seed,
        course=storm,
        curve=[
            # the plan's own fleet was simulated with more clients
            msgspec.structs.replace(point, ninety_nine_s=storm.ninety_nine_s)
            if point.servers == servers
            else point
            for point in points
        ],
        connections_per_server=connections / servers,
        largest_connections_per_server=None
        if goal_s is None
        else fleet.largest_connections_per_server(goal_s, servers, setting, conditions),
        better_delay_max_s=advice.better.delay_max_s,
        better_jitter=advice.better.jitter,
        advice=advice.sentence,
        pings=_pings(
            storm, clients, gone, conditions, values["transport.ping_interval"], connections - clients
        ),
        doubt=_doubt(inputs, clients, gone, conditions, horizon_s, seed),
    )


def _setting(
    inputs: Inputs, values: Mapping[str, float], world: World[float], at_rest: float, lost: Lost
) -> fleet.Setting:
    """Return the plan's storm, and the handshakes that servers complete."""

    def accept(connections: float, survivors: float) -> float:
        loaded = handshakes.with_connections(inputs, values, world, connections)
        return float(handshakes.left(loaded, survivors) * at_rest)

    return fleet.Setting(accept, lost, int(values["topology.zones"]), values["topology.imbalance"])


def _fleet(inputs: Inputs, asked: StormOptions, draws: int, seed: int) -> int:
    if asked.servers is not None:
        return asked.servers
    servers = counting.servers(inputs, draws, seed).p95
    if servers is None:
        raise InputError(
            "no number of servers satisfies the plan, so there is no fleet to lose servers of",
            "see siotool plan for the reason, or say how many there are: --servers 10",
        )
    return servers


def _refuse_empty(connections: int, servers: int, lost: Lost, gone: FleetLoss[float]) -> None:
    if connections < 1 or servers < 1:
        raise InputError("no client is connected, so none comes back", "for example --connections 10k")
    if not gone.survivors > 0:
        what = "a server of 1" if lost == "server" else "a zone of 1"
        raise InputError(
            f"the fleet loses {what}, and no server is left to come back to",
            "say how long it is away: --lose all --outage 30s"
            + (", or set topology.zones" if lost == "zone" else ", or have more with --servers"),
        )


def _storm(clients: int, survivors: float, conditions: Conditions, horizon_s: float) -> Course:
    """Simulate in bins of a second, or in finer ones where it is soon over."""
    sample = SAMPLE if conditions.accept_per_s else _IN_VAIN
    storm = simulate(clients, survivors, conditions, horizon_s=horizon_s, sample=sample)
    bin_s = next(size for size in _BINS_S if size * _CELLS >= len(storm.attempts_per_s) or size == 1.0)
    if bin_s == storm.bin_s:
        return storm
    return simulate(clients, survivors, conditions, horizon_s=horizon_s, bin_s=bin_s, sample=sample)


def _sizes(servers: int) -> Sequence[int]:
    """Fleets from a quarter of this one to four of it; a single server cannot lose one."""
    return sorted({max(2, round(servers * times)) for times in _TIMES} | {servers})


def _bin_ms(interval_ms: int) -> int | None:
    return next(
        (n for n in range(min(_COARSEST_MS, interval_ms), _FINEST_MS - 1, -1) if interval_ms % n == 0), None
    )


def _pings(
    storm: Course,
    clients: int,
    gone: FleetLoss[float],
    conditions: Conditions,
    interval_s: float,
    stayed: int,
) -> Pings | None:
    """Pings of all servers left, those of the ``stayed`` spread evenly; None until all are back."""
    bin_ms = _bin_ms(round(interval_s * 1000))
    if bin_ms is None or storm.all_s is None:
        return None
    if bin_ms != round(storm.bin_s * 1000):
        horizon_s = storm.all_s + 60.0
        storm = simulate(
            clients, gone.even, conditions, horizon_s=horizon_s, bin_s=bin_ms / 1000, sample=SAMPLE
        )
    return fleet.pings_after(storm, interval_s, stayed / interval_s)


def _doubt(
    inputs: Inputs, clients: int, gone: FleetLoss[float], conditions: Conditions, horizon_s: float, seed: int
) -> RateDoubt | None:
    """What the range of the accept rate, and of the load beside, makes of the time; None without a range."""
    if not inputs.uncertain():
        return None
    drawn = world_of(inputs, counting.values_of(inputs, _DRAWS, seed))
    low, high = outcomes.quantiles(_rates(drawn, gone.survivors), 0.05, 0.95)
    if not low < high:
        return None

    def back_s(rate: float) -> float | None:
        if not rate:
            return None
        meets = msgspec.structs.replace(conditions, accept_per_s=rate)
        course = simulate(clients, gone.even, meets, horizon_s=horizon_s, sample=fleet.SAMPLE)
        return course.ninety_nine_s

    return RateDoubt(low, high, back_s(low), back_s(high))


def _rates(world: World[N], survivors: N) -> N:
    rate = handshakes.at_rest(world)
    return 0.0 * survivors if rate is None else handshakes.left(world, survivors) * rate


def goal_met(storm: StormPlan) -> bool | None:
    """Return whether 99 % are back in time; None without a goal."""
    if storm.goal_s is None:
        return None
    back = storm.course.ninety_nine_s
    return back is not None and back <= storm.goal_s


def written(seconds: float | None, horizon_s: float = HORIZON_S) -> str:
    """Write a time, or that it is not within the horizon."""
    return f"> {format_duration(horizon_s)}" if seconds is None else format_duration(_rounded(seconds))


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.3g}")
