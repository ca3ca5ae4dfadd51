"""A storm in words."""

from siotool.plan.storm.storm_plan import Pings, RateDoubt, StormPlan
from siotool.plan.storm.study import HORIZON_S, goal_met, written
from siotool.units import format_count, format_duration, format_rate, format_share

#: Below this many times the mean, pings count as even.
_BOUNDLESS = 1e6
_EVEN = 1.1

_LOST = {"server": "one server", "zone": "a zone", "all": "all servers"}


def headline(storm: StormPlan) -> str:
    """Return the answer: how long until 99 % are back, and whether that is soon enough."""
    if not storm.accept_rate_per_s:
        return "no client ever comes back: the load of the service leaves the servers no CPU for handshakes"
    back = written(storm.course.ninety_nine_s, HORIZON_S + storm.outage_s)
    met = goal_met(storm)
    if met is None:
        return f"99 % are back after {back}"
    return (
        f"99 % are back after {back}, {'within' if met else 'not within'} the "
        f"{format_duration(storm.goal_s or 0.0)} asked for"
    )


def setting(storm: StormPlan) -> str:
    """Return what is lost, and what the servers have left for those who come back."""
    outage = f" after {format_duration(storm.outage_s)} of outage" if storm.outage_s else ""
    left = storm.surviving_servers
    left = float(f"{left:.3g}") if left < 1000 else round(left)
    return (
        f"The fleet of {storm.servers:,} loses {_LOST[storm.lost]}: {storm.lost_connections:,} of "
        f"{storm.connections:,} connections come back to {format_count(left)} "
        f"server{'s' * (left != 1)}{outage}{_taken_in(storm)}"
    )


def _taken_in(storm: StormPlan) -> str:
    if not storm.accept_rate_per_s:
        return ". The load that returns takes all of their CPU: they take no client in."
    return f", {rate(storm.accept_rate_per_s)} taken in by each{_fullest(storm)}.{_beside(storm)}"


def rate(per_s: float) -> str:
    """Write a rate in three digits."""
    return format_rate(float(f"{per_s:.3g}"))


def _fullest(storm: StormPlan) -> str:
    if storm.imbalance == 1:
        return ""
    return f", the fullest with {format_count(storm.imbalance)} times its share"


def _beside(storm: StormPlan) -> str:
    """What the load leaves of an idle server."""
    if storm.share_left == 1:
        return ""
    share, rest = format_share(float(f"{storm.share_left:.2g}")), rate(storm.accept_rate_at_rest_per_s)
    return (
        f" That is {share} of what an idle one completes, {rest}: the load that returns takes the other "
        "part of its CPU."
    )


def times(storm: StormPlan) -> list[tuple[str, str]]:
    """Return when a share of the lost clients is back."""
    course, horizon = storm.course, HORIZON_S + storm.outage_s
    shares = (
        ("50 %", course.half_s),
        ("90 %", course.ninety_s),
        ("99 %", course.ninety_nine_s),
        ("100 %", course.all_s),
    )
    return [(share, after(storm.accept_rate_per_s, seconds, horizon)) for share, seconds in shares]


def after(rate_per_s: float, seconds: float | None, horizon_s: float) -> str:
    """Write when clients are back of whom so many are taken in per second."""
    return written(seconds, horizon_s) if rate_per_s else "never"


def outcomes(storm: StormPlan) -> str:
    """Return how the attempts ended."""
    course = storm.course
    parts = [f"{course.served:,} served"]
    for count, what in (
        (course.failed_in_outage, "failed in the outage"),
        (course.refused, "refused (line full)"),
        (course.timed_out, "timed out in line"),
        (course.in_line, "still in line"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return (
        f"{course.attempts:,} attempts: {', '.join(parts)}. The highest rate is "
        f"{format_rate(round(course.peak_attempts_per_s))}, "
        f"{format_duration(course.peak_at_s)} after the loss."
    )


def conclusions(storm: StormPlan) -> list[str]:
    """Return what follows from the storm, a sentence or two each."""
    said = [_largest(storm), storm.advice]
    if storm.pings is not None:
        said.append(_pulse(storm.pings))
    if storm.doubt is not None:
        doubt = storm.doubt
        horizon = HORIZON_S + storm.outage_s
        said.append(
            f"How fast a server takes clients in is a range: {_slowest(doubt, horizon)}, at "
            f"{_fastest(doubt.accept_rate_p95_per_s)} after "
            f"{written(doubt.ninety_nine_at_p95_s, horizon)}. Measure it: siotool loadtest, then --from."
        )
    return said


def _slowest(doubt: RateDoubt, horizon_s: float) -> str:
    if not doubt.accept_rate_p5_per_s:
        return "where the load fills the servers, no client ever comes back"
    back = written(doubt.ninety_nine_at_p5_s, horizon_s)
    return f"at {rate(doubt.accept_rate_p5_per_s)} 99 % are back after {back}"


def _fastest(rate_per_s: float) -> str:
    """Write a rate; one that no server has means a handshake whose cost may be 0."""
    return rate(rate_per_s) if rate_per_s < _BOUNDLESS else "any rate"


def _pulse(pings: Pings) -> str:
    times = pings.peak_per_s / pings.even_per_s
    every, even = format_duration(pings.interval_s), format_rate(round(pings.even_per_s))
    if times < _EVEN:
        return f"Afterwards pings are even, {even} over the fleet: the return took at least {every}."
    return (
        f"Afterwards pings come in pulses, every {every}: up to {format_rate(round(pings.peak_per_s))} over "
        f"the fleet, {times:.2g} times the {even} of pings spread evenly. Nothing spreads them while the "
        "connections last."
    )


def _largest(storm: StormPlan) -> str:
    now = f"it holds {format_count(round(storm.connections_per_server))} now"
    if storm.goal_s is None:
        return f"Connections of one server: {now}. Set goals.reconnect_time to see how many are possible."
    goal, most = format_duration(storm.goal_s), storm.largest_connections_per_server or 0
    if most == 0:
        return f"No number of connections per server lets 99 % come back within {goal}; {now}."
    return f"At most {most:,} connections per server keep 99 % within {goal}; {now}."
