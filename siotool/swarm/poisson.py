"""When a user's next operation is due, as a Poisson process: the open model of many independent people.

The gaps are independent and exponential with mean 1/rate, so that operations also come in bursts, as
they do from a crowd. The sum over users is a Poisson process too, of the sum of their rates (Kingman,
"Poisson Processes", superposition).
"""

import math
from collections import deque
from random import Random

from siotool.swarm.pacing import GRACE_S, TICK_S, Schedule


class PoissonSchedule(Schedule):
    """Moments of a Poisson process on the caller's clock, drawn from ``random`` as they are needed.

    A change of rate stretches the wait for the next moment: the process is one of rate 1 in the time
    that the rate's integral counts, so the number due by a moment has that integral for its mean.
    """

    __slots__ = ("_ahead", "_random", "_rate")

    def __init__(self, rate: float, begin: float, random: Random) -> None:
        """``rate`` operations per second from ``begin`` on."""
        super().__init__(rate, begin + random.expovariate(rate))
        self._rate = rate
        self._random = random
        #: Moments after ``due`` that were drawn already, in order.
        self._ahead: deque[float] = deque()

    def begin(self) -> float:
        """Begin the operation that is due: count it, and return when it was to begin."""
        due = math.ceil(self.due / TICK_S - 1e-6) * TICK_S
        if self._counted:
            self._counted -= 1
        else:
            self.offered += 1
        self.issued += 1
        self._next()
        return max(due, self._resumed)

    def change_rate(self, rate: float, now: float) -> None:
        """From ``now`` on there are ``rate`` operations per second. What was due until now stays due."""
        if rate == self._rate:
            return
        self._draw_until(now)
        moments = [self.due, *self._ahead]
        stretch = self._rate / rate
        stretched = [moment if moment <= now else now + (moment - now) * stretch for moment in moments]
        self._rate = rate
        self._take_up(stretched[0], 1 / rate)
        self._ahead = deque(stretched[1:])

    def skip_to(self, now: float) -> None:
        """Give up what was due while nothing could be sent, but for the last of it, which begins now."""
        for _ in range(self._miss(now)):
            self._next()
        self._resumed = now

    def abandon(self, now: float, kept_s: float = 0.0) -> None:
        """The user stops: what was due by now and not begun was offered and not issued.

        ``kept_s`` is how long the user has waited for the target since it was last in time: its share
        of the time since the first of them was due is the share that the target withheld.
        """
        missed = self._due_by(now - GRACE_S)
        self._offer(missed)
        waited = now - self.due
        self.withheld += math.ceil(missed * min(1.0, kept_s / waited)) if missed else 0

    def _next(self) -> None:
        self.due = self._ahead.popleft() if self._ahead else self.due + self._random.expovariate(self._rate)

    def _draw_until(self, moment: float) -> None:
        """Draw all moments up to one, and the first after it."""
        last = self._ahead[-1] if self._ahead else self.due
        while last <= moment:
            last += self._random.expovariate(self._rate)
            self._ahead.append(last)

    def _due_by(self, moment: float) -> int:
        self._draw_until(moment)
        return (self.due <= moment) + sum(drawn <= moment for drawn in self._ahead)
