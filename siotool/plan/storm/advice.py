"""Which ``reconnectionDelayMax`` and ``randomizationFactor`` would bring clients back sooner, and why."""

import math

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.constraints.storm_bound import recovery_at_least_s
from siotool.plan.storm.simulator import Conditions, never, simulate
from siotool.plan.storm.waits import Ints, equal_waits, schedule
from siotool.protocol.backoff import Backoff

#: Caps worth a try, in seconds; beyond a minute a client is offline for longer than most outages.
DELAY_MAX_S = (5.0, 10.0, 20.0, 30.0, 60.0)
JITTERS = (0.5, 1.0)

#: Clients of a wave, and computed for each try.
_CLIENTS = 100_000
_SAMPLE = 10_000

#: Smaller differences are a sample's noise, or not worth a change: in time, and in attempts.
_SOONER = 0.05
_FEWER = 0.1


class Wave(msgspec.Struct, frozen=True):
    """How clients come back for as long as they are turned away at once.

    From wait number ``first_equal_wait`` (1 is the first) on every wait is ``period_s`` long, so
    that attempts repeat: ``shares`` are the parts of all clients that try in each of equal bins
    of one period, counted from the loss.
    """

    first_equal_wait: int
    period_s: float
    bin_s: float
    shares: list[float]


class Try(msgspec.Struct, frozen=True):
    """A storm under one backoff: seconds until 99 % are back, and the attempts it takes."""

    delay_max_s: float
    jitter: float
    ninety_nine_s: float
    attempts: int


class Advice(msgspec.Struct, frozen=True):
    """The backoff to prefer, which may be the present one, with the reason in words."""

    now: Try
    better: Try
    change: bool
    sentence: str


def wave(backoff: Backoff) -> Wave | None:
    """Return the wave that a backoff ends in (see ``equal_waits``); None if its jitter stays."""
    waits_ms = schedule(backoff)
    numbers = equal_waits(backoff)
    if not numbers:
        return None
    cap = round(backoff.delay_max_s * 1000)
    generator = Generator(PCG64(0))
    due: Ints = np.zeros(_CLIENTS, np.int64)
    for failures in range(numbers.start):
        due += waits_ms(np.full(_CLIENTS, failures, np.int64), generator.random(_CLIENTS))
    bins = max(1, round(cap / 1000))
    counts = np.bincount(due % cap * bins // cap, minlength=bins)
    return Wave(numbers.start + 1, cap / 1000, cap / 1000 / bins, (counts / _CLIENTS).tolist())


def better_delay_max(
    clients: int,
    servers: float,
    conditions: Conditions,
    *,
    horizon_s: float,
) -> Advice:
    """Return the backoff, of some worth a try and the present one, that suits this storm best.

    ``servers`` are those that take clients in, and the accept rate of ``conditions`` is theirs.
    The best has 99 % of the clients back soonest; among those within 5 % of that, the one with
    the fewest attempts. A change is advised only for 5 % of the time or 10 % of the attempts.
    """
    present = conditions.backoff

    def tried(delay_max_s: float, jitter: float) -> Try:
        changed = msgspec.structs.replace(present, delay_max_s=delay_max_s, jitter=jitter)
        meets = msgspec.structs.replace(conditions, backoff=changed)
        storm = simulate(clients, servers, meets, horizon_s=horizon_s, sample=_SAMPLE)
        return Try(
            delay_max_s=delay_max_s,
            jitter=jitter,
            ninety_nine_s=never(storm.ninety_nine_s),
            attempts=storm.attempts,
        )

    now = tried(present.delay_max_s, present.jitter)
    least_s = recovery_at_least_s(clients, servers, conditions.accept_per_s, conditions.outage_s)
    if least_s > horizon_s:
        return Advice(now, now, False, _none_helps(clients, least_s))
    others = [
        tried(delay_max_s, jitter)
        for delay_max_s in DELAY_MAX_S
        for jitter in JITTERS
        if (delay_max_s, jitter) != (present.delay_max_s, present.jitter)
    ]
    soonest = min(one.ninety_nine_s for one in (now, *others))
    level = [one for one in (now, *others) if one.ninety_nine_s <= soonest * (1 + _SOONER)]
    better = min(level, key=lambda one: (one.attempts, one.ninety_nine_s))
    if now in level and better.attempts > now.attempts * (1 - _FEWER):
        return Advice(now, now, False, _keep(now, len(others)))
    return Advice(now, better, True, _change(now, better, horizon_s, wave(present)))


def _none_helps(clients: int, least_s: float) -> str:
    if math.isinf(least_s):
        return (
            "No backoff helps: the load of the service leaves the servers no CPU for handshakes. "
            "More servers would, or less load."
        )
    return (
        f"No backoff helps: with every server busy all the time, {clients:,} clients take "
        f"{_rounded(least_s)} s to be back. More servers would, or handshakes that cost less."
    )


def _keep(now: Try, others: int) -> str:
    return (
        f"Keep reconnectionDelayMax at {now.delay_max_s:g} s and randomizationFactor at {now.jitter:g}: "
        f"none of {others} other settings does better here."
    )


def _change(now: Try, better: Try, horizon_s: float, pattern: Wave | None) -> str:
    settings = []
    if better.delay_max_s != now.delay_max_s:
        settings.append(f"reconnectionDelayMax {better.delay_max_s:g} s")
    if better.jitter != now.jitter:
        settings.append(f"randomizationFactor {better.jitter:g}")
    if math.isinf(better.ninety_nine_s):
        back = f"99 % of the clients are still not back after {horizon_s:,.0f} s"
    elif math.isinf(now.ninety_nine_s):
        back = (
            f"99 % of the clients are back after {better.ninety_nine_s:,.0f} s, "
            f"which now takes more than {horizon_s:,.0f} s"
        )
    else:
        back = (
            f"99 % of the clients are back after {better.ninety_nine_s:,.0f} s "
            f"instead of {now.ninety_nine_s:,.0f} s"
        )
    effort = f"{_rounded(better.attempts)} attempts instead of {_rounded(now.attempts)}"
    sentence = f"With {' and '.join(settings)}, {back}, with {effort}."
    if pattern is None:
        return sentence
    fullest, emptiest = max(pattern.shares), min(pattern.shares)
    height = (
        f"its fullest second with {fullest / emptiest:.0f} times the attempts of its emptiest, "
        if emptiest
        else ""
    )
    return (
        f"{sentence} Now the jitter is gone from wait {pattern.first_equal_wait} on, because the client "
        f"applies the cap after it: clients that are turned away come back in the same wave every "
        f"{pattern.period_s:g} s, {height}and servers are idle in between."
    )


def _rounded(count: float) -> str:
    return f"{float(f'{count:.3g}'):,.0f}"
