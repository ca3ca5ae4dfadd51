"""When a client tries again: the official client's schedule, with the same arithmetic.

Source: socketio/socket.io, packages/socket.io-client/lib/contrib/backo2.ts (``duration``) and
lib/manager.ts (``reconnect``), version 4.8. The number of failures starts at 0 when a
connection is lost, and starts again after the first success.
"""

import math

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """The options that set the schedule; the values are the official client's defaults.

    ``delay_s`` is ``reconnectionDelay``, ``delay_max_s`` ``reconnectionDelayMax`` (both kept in
    whole milliseconds), ``jitter`` ``randomizationFactor``, from 0 to 1. ``factor`` is what
    each failure multiplies the wait by: the Manager has no option for it.
    """

    delay_s: float = 1.0
    delay_max_s: float = 5.0
    jitter: float = 0.5
    factor: float = 2.0


OFFICIAL = Backoff()


def base_ms(failures: int, backoff: Backoff = OFFICIAL) -> float:
    """Milliseconds before jitter and cap after so many failures; infinite beyond a float's range."""
    try:
        return round(backoff.delay_s * 1000) * float(backoff.factor) ** failures
    except OverflowError:
        return math.inf


def delay_s(failures: int, chance: float, backoff: Backoff) -> float:
    """Seconds to wait before the next try, after ``failures`` failed ones (0 for the first wait).

    ``chance`` is the client's one random number for this wait, from 0 to below 1: it sets both
    size and direction of the jitter. The cap comes after the jitter: with the defaults none
    is left from the fifth wait on. After 1,015 failures the client's arithmetic overflows
    (infinity less infinity), and half of its waits are 0.
    """
    milliseconds = base_ms(failures, backoff)
    cap = float(round(backoff.delay_max_s * 1000))
    if backoff.jitter:
        later = math.floor(chance * 10) % 2
        if math.isinf(milliseconds):
            return cap / 1000 if later and chance * backoff.jitter else 0.0
        deviation = math.floor(chance * backoff.jitter * milliseconds)
        milliseconds += deviation if later else -deviation
    return math.trunc(min(milliseconds, cap)) / 1000
