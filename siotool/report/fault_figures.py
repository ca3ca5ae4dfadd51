"""What a report says of faults: what was done to the target, and what that did to its clients."""

import msgspec


class FaultLatency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The 99th percentile of the response times of one operation, all its names together, in three parts.

    Before the fault under full load, while it lasted, and after it. None where there was no such operation.
    """

    op: str
    before_s: float | None
    during_s: float | None
    after_s: float | None


class FaultFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault, in seconds of the run (of all runs, laid end to end).

    ``do`` began at ``t_s``; at ``until_s`` it was undone, or done where nothing undoes it. ``well_s`` is
    when everybody was back that it had cost a connection, None where that was never so. ``failed`` is why
    a step could not be carried out. All other figures are of the time from ``t_s`` to ``well_s``, or to the
    next fault: connections ``lost``, by class in ``reasons``, and the users that came ``back``, as in
    ``OutageFigures``; ``attempts_peak_per_s`` connects in the worst second, beside ``storm_peak_per_s``,
    which ``siotool plan storm`` predicts for as many clients as lost their connection in the worst second,
    all at once, and find servers again after ``unreachable_s``. ``acknowledged_lost`` are those of the
    ``messages_lost`` that the server had acknowledged, None where no published message asks for that.
    """

    do: str
    undo: str
    t_s: float
    until_s: float
    well_s: float | None
    failed: str
    parts: list[str]
    lost: int
    reasons: dict[str, int]
    back: int
    back_p50_s: float | None
    back_p90_s: float | None
    back_p99_s: float | None
    back_all_s: float | None
    attempts_peak_per_s: float
    storm_peak_per_s: float | None
    unreachable_s: float
    recovered: int
    recovered_share: float | None
    replayed: int
    messages_lost: int
    acknowledged_lost: int | None
    missed: int
    duplicate: int
    latencies: list[FaultLatency]
