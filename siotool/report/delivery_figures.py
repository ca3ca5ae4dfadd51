"""What a report says of deliveries: all of them, and by the size of the audience."""

import msgspec

from siotool.runfile import AudienceKind


class DeliveryFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stamped messages over the run; ``expected = received + lost``.

    ``misdelivered`` arrived where they were not to; they are not among the received.
    ``missed_while_away`` were sent while their user was away, and did not come: they are not expected,
    nor lost. ``replayed`` came to recovered sessions, and had been sent before these were back.
    """

    published: int
    expected: int
    received: int
    lost: int
    duplicate: int
    reordered: int
    late: int
    pending: int
    misdelivered: int
    missed_while_away: int
    replayed: int


class NodeFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Expected deliveries; ``expected = received + lost``. The times are response times, in seconds.

    The intervals (``*_low_s``, ``*_high_s``) are of 95 %, None where the run was too short to tell.
    """

    expected: int
    received: int
    lost: int
    p50_s: float | None
    p99_s: float | None
    p50_low_s: float | None = None
    p50_high_s: float | None = None
    p99_low_s: float | None = None
    p99_high_s: float | None = None


class ByNodeFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Deliveries by the nodes of sender and receiver when the message was sent.

    A node is the server process that a connection is on; ``nodes``: the most that had connections at once.
    ``same``: both were on one, ``across``: on two, ``unknown``: that of one is not known. What came though it
    was not expected, as to users who had just joined, is left out.
    """

    nodes: int
    same: NodeFigures
    across: NodeFigures
    unknown: NodeFigures


class AudienceFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages to audiences of one class of sizes over the run, of those that were closed in it.

    ``to`` is whom they were for: all users, those of a room, one user who waited for it. Sizes are
    from ``size_from`` to ``size``. The times are of the first, the median and the last receiver of each
    message, from its intended start, and of how long after the first the last one was: over the
    ``complete`` messages, which reached everyone. The intervals (``*_low_s``,
    ``*_high_s``) are of 95 %, None where the run was too short to tell. ``clock_error_s``: by how much a time
    may be off where sender and receiver are on different machines; None where all load was made on one.
    """

    to: AudienceKind
    size: int
    size_from: int
    messages: int
    expected: int
    received: int
    lost: int
    duplicate: int
    reordered: int
    misdelivered: int
    complete: int
    first_p50_s: float | None
    first_p50_low_s: float | None
    first_p50_high_s: float | None
    first_p99_s: float | None
    first_p99_low_s: float | None
    first_p99_high_s: float | None
    median_p50_s: float | None
    median_p50_low_s: float | None
    median_p50_high_s: float | None
    median_p99_s: float | None
    median_p99_low_s: float | None
    median_p99_high_s: float | None
    last_p50_s: float | None
    last_p50_low_s: float | None
    last_p50_high_s: float | None
    last_p99_s: float | None
    last_p99_low_s: float | None
    last_p99_high_s: float | None
    spread_p50_s: float | None
    spread_p50_low_s: float | None
    spread_p50_high_s: float | None
    spread_p99_s: float | None
    spread_p99_low_s: float | None
    spread_p99_high_s: float | None
    clock_error_s: float | None = None
