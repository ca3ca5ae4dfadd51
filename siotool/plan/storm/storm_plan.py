"""The types behind ``siotool plan storm --format json``.

Field names are the contract; units are SI and part of the names. A time is null where it
is beyond the horizon, or never.
"""

from typing import Annotated, Literal

import msgspec

Amount = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The storm in bins of ``bin_s`` from the loss on, and how every attempt ended.

    ``attempts_per_s`` is each bin's mean rate, ``connected`` the lost clients that are back at
    its end. ``peak_after_outage_per_s`` is the most that servers saw in one bin. Every attempt is in
    one of ``served``, ``failed_in_outage``, ``refused``, ``timed_out`` and ``in_line`` (at the
    horizon); counts are estimates where only a sample of the clients was computed.
    """

    bin_s: Amount
    attempts_per_s: list[Amount]
    connected: list[Amount]
    attempts: Count
    served: Count
    failed_in_outage: Count
    refused: Count
    timed_out: Count
    in_line: Count
    peak_attempts_per_s: Amount
    peak_at_s: Amount
    peak_after_outage_per_s: Amount
    half_s: Amount | None
    ninety_s: Amount | None
    ninety_nine_s: Amount | None
    all_s: Amount | None


class FleetPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same storm over another fleet; no backoff beats ``at_least_s``.

    ``accept_rate_per_s`` is what the load leaves each of its survivors; null where no server is left.
    """

    servers: Count
    accept_rate_per_s: Amount | None
    ninety_nine_s: Amount | None
    at_least_s: Amount | None
    peak_attempts_per_s: Amount | None


class Pings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pings of all servers left, over one ping interval, once all clients are back.

    A ping follows the handshake by the interval, for as long as the connection lasts: the storm's
    shape comes back in every interval. ``even_per_s`` is what they would be, spread out.
    """

    interval_s: Amount
    bin_s: Amount
    even_per_s: Amount
    peak_per_s: Amount
    pings_per_s: list[Amount]


class RateDoubt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The accept rate's central 90 %, and the seconds until 99 % are back at either end."""

    accept_rate_p5_per_s: Amount
    accept_rate_p95_per_s: Amount
    ninety_nine_at_p5_s: Amount | None
    ninety_nine_at_p95_s: Amount | None


class StormPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The storm after ``lost`` is gone from a fleet of ``servers``.

    ``lost_connections`` come back to ``surviving_servers`` (may be a fraction), the fullest of
    which takes in ``imbalance`` times its even share. It completes ``accept_rate_per_s``
    handshakes: ``share_left`` of what it does at rest; the service's load takes the other part.
    ``delay_s``, ``delay_max_s`` and ``jitter`` are the client's reconnectionDelay,
    reconnectionDelayMax and randomizationFactor; ``better_delay_max_s`` and ``better_jitter``
    those that suit this storm best.
    ``largest_connections_per_server`` keeps 99 % within ``goal_s``; null without a goal.
    """

    version: Literal[1]
    servers: Count
    connections: Count
    lost: Literal["server", "zone", "all"]
    lost_connections: Count
    surviving_servers: Amount
    imbalance: Amount
    accept_rate_per_s: Amount
    accept_rate_at_rest_per_s: Amount
    share_left: Annotated[float, msgspec.Meta(ge=0, le=1)]
    outage_s: Amount
    delay_s: Amount
    delay_max_s: Amount
    jitter: Amount
    goal_s: Amount | None
    seed: int
    course: Course
    curve: list[FleetPoint]
    connections_per_server: Amount
    largest_connections_per_server: Count | None
    better_delay_max_s: Amount
    better_jitter: Amount
    advice: str
    pings: Pings | None
    doubt: RateDoubt | None
