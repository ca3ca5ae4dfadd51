"""The official client's waits for many clients at once; equal to ``siotool.protocol.backoff``."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from siotool.errors import InputError
from siotool.protocol.backoff import Backoff, base_ms

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: ``| 0`` and ``setTimeout`` hold 31 bits of milliseconds, almost 25 days.
_LONGEST_MS = 2**31 - 1

#: So many failures are looked up; more are rare.
_COMMON = 64

#: Beyond these, factor 2 leaves a float's range.
_MOST = 1100


def check(backoff: Backoff) -> None:
    """Refuse options that the client would read otherwise; raises InputError."""
    if not 0.001 <= backoff.delay_s <= _LONGEST_MS / 1000:
        raise InputError(
            f"reconnectionDelay is {backoff.delay_s:g} s",
            "give at least 1ms and at most 24 days: the client reads 0 as its default",
        )
    if not 0.001 <= backoff.delay_max_s <= _LONGEST_MS / 1000:
        raise InputError(
            f"reconnectionDelayMax is {backoff.delay_max_s:g} s",
            "give at least 1ms and at most 24 days: the client's timers hold no more",
        )
    if not 0 <= backoff.jitter <= 1:
        raise InputError(
            f"randomizationFactor is {backoff.jitter:g}",
            "give 0 to 1: the client reads anything else as no jitter",
        )
    if not 1 <= backoff.factor <= 1000:
        raise InputError(
            f"the backoff's factor is {backoff.factor:g}", "give 1 to 1000; the official client's is always 2"
        )


def equal_waits(backoff: Backoff) -> range:
    """Return the numbers of failures after which every wait is the cap; empty if the jitter never goes.

    The client takes the cap after the jitter: once even the shortest wait exceeds it, all are
    equal, until its numbers run out. With the defaults after 4 to 1,014 failures.
    """
    cap = round(backoff.delay_max_s * 1000)
    shortest = 1 - backoff.jitter
    first = next((n for n in range(_COMMON) if base_ms(n, backoff) * shortest >= cap), _MOST)
    return range(first, next((n for n in range(first, _MOST) if math.isinf(base_ms(n, backoff))), _MOST))


def schedule(backoff: Backoff) -> Callable[[Ints, Floats], Ints]:
    """Return a function from numbers of failures and random numbers in [0, 1) to waits in milliseconds.

    Both arguments have one value per client. Raises InputError for options the client has not.
    """
    check(backoff)
    common = np.array([base_ms(failures, backoff) for failures in range(_COMMON)])
    cap = float(round(backoff.delay_max_s * 1000))
    jitter = backoff.jitter

    def bases_ms(failures: Ints) -> Floats:
        if failures.max(initial=0) < _COMMON:
            looked_up: Floats = common[failures]
            return looked_up
        numbers, places = np.unique(failures, return_inverse=True)
        return np.array([base_ms(number, backoff) for number in numbers.tolist()])[places]

    def waits_ms(failures: Ints, chances: Floats) -> Ints:
        milliseconds = bases_ms(failures)
        if jitter:
            with np.errstate(over="ignore", invalid="ignore"):
                deviation = np.floor(chances * jitter * milliseconds)
                later = np.floor(chances * 10).astype(np.int64) & 1
                milliseconds = np.where(later, milliseconds + deviation, milliseconds - deviation)
            milliseconds = np.nan_to_num(milliseconds, nan=0.0, posinf=cap)
        whole: Ints = np.minimum(milliseconds, cap).astype(np.int64)
        return whole

    return waits_ms
