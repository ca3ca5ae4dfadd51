"""When a client tries again: the official client's own schedule.

Source: socket.io-client 4.8, lib/contrib/backo2.ts, with the defaults of its Manager
(reconnectionDelay 1 s, reconnectionDelayMax 5 s, factor 2, randomizationFactor 0.5).
"""

import math
from random import Random

DELAY_S = 1.0
DELAY_MAX_S = 5.0
JITTER = 0.5


def delay_s(attempt: int, random: Random) -> float:
    """Seconds to wait before the next try after ``attempt`` failures (0 for the first wait).

    One random number sets both size and direction of the jitter, and the cap comes after
    it: from the fifth failure on there is no jitter left, as in the original.
    """
    milliseconds = DELAY_S * 1000 * 2 ** min(attempt, 16)
    chance = random.random()
    deviation = math.floor(chance * JITTER * milliseconds)
    milliseconds += deviation if math.floor(chance * 10) % 2 else -deviation
    return float(min(milliseconds, DELAY_MAX_S * 1000)) / 1000
