"""What a report says of lost connections: each outage, and all users that were away."""

import msgspec


class OutageFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outage: connections were lost, and users came back (``outages`` has the rule).

    ``t_s`` is the begin of its first second, ``until_s`` the end of its last, in seconds of the run (of all
    runs, laid end to end). ``lost`` connections ended, by class in ``reasons``; ``back`` users were
    connected again within it. ``back_*`` are how long users were away, from the loss of each one's
    connection until it had joined again: half of the lost ones were back after ``back_p50_s``, all after
    ``back_all_s``; None where so many were never back. An outage is one event: they have no interval. Users
    that the server disconnected are not waited for. ``attempts`` are connects that were tried, at most
    ``attempts_peak_per_s`` in a second. ``recovered`` got their session back. ``replayed`` deliveries came
    to them that had been sent before; ``missed`` were sent while their user was away, and did not come
    before the next outage; ``duplicate`` came twice. These three include what came after it, as long as
    users got what they had missed. ``messages_lost`` are deliveries that were expected, of messages sent
    within it, and never came. ``away_user_s`` is how long users were away within it, added up over users,
    without those that their own scenario dropped.
    """

    t_s: float
    until_s: float
    lost: int
    reasons: dict[str, int]
    back: int
    back_p50_s: float | None
    back_p90_s: float | None
    back_p99_s: float | None
    back_all_s: float | None
    attempts: int
    attempts_peak_per_s: float
    recovered: int
    replayed: int
    missed: int
    duplicate: int
    messages_lost: int
    away_user_s: float


class AwayFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All users that lost their connection over the run, in outages or one by one.

    ``lost`` were to come back; ``back`` did. The percentiles are of how long they were away, those that
    were never back included as longer than any: None where the percentile is one of them. Their intervals
    are of 95 %: an outage is one event, however many users it had, and so is a second outside of all. None
    where somebody was never back, or where the events were too few, or one of them had most of the users.
    """

    lost: int
    back: int
    apart: int
    p50_s: float | None
    p50_low_s: float | None
    p50_high_s: float | None
    p90_s: float | None
    p90_low_s: float | None
    p90_high_s: float | None
    p95_s: float | None
    p95_low_s: float | None
    p95_high_s: float | None
    p99_s: float | None
    p99_low_s: float | None
    p99_high_s: float | None
    p99_9_s: float | None
    p99_9_low_s: float | None
    p99_9_high_s: float | None
    max_s: float | None
    mean_s: float | None
