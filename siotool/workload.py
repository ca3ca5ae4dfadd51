"""What is asked of a run: the target, the stages, the scenario and its settings."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Annotated, Literal

import msgspec

from siotool.searched import SearchAxis

ArrivalProcess = Literal["constant", "poisson"]
Setting = bool | int | float | str


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ramp segment: move evenly to ``users`` within ``duration_s`` seconds."""

    duration_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    users: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class ClientBackoff(msgspec.Struct, frozen=True):
    """How users wait before they connect again: ``reconnectionDelay``, its most, ``randomizationFactor``."""

    delay_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    delay_max_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Arrivals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Users that arrive at ``rate_per_s`` for ``duration_s`` seconds; the scenario says when each leaves.

    ``most`` is how many may be there at once, 0 for no limit. With a ``stay_s`` each leaves so long after
    it came, in seconds.
    """

    rate_per_s: Annotated[float, msgspec.Meta(gt=0, le=1e9)]
    duration_s: Annotated[float, msgspec.Meta(gt=0, le=1e9)]
    most: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    process: ArrivalProcess = "constant"
    stay_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 0.0

    def moments(self, exponential: Callable[[float], float]) -> Iterator[float]:
        """Seconds at which users arrive: at even distances, or a Poisson process.

        ``exponential`` draws the gaps of such a process, given its rate: ``Random(seed).expovariate``.
        """
        moment = 0.0
        for number in count():
            if self.process == "poisson":
                moment += exponential(self.rate_per_s)
            else:
                moment = (number + 0.5) / self.rate_per_s
            if moment >= self.duration_s:
                return
            yield moment

    def places(self, worker: int, workers: int, residents: int) -> float:
        """How many that arrived may be at one of the workers at once, beside ``residents`` of the run."""
        left = max(0, self.most - residents)
        return left // workers + (worker < left % workers) if self.most else math.inf


class Target(msgspec.Struct, frozen=True):
    """The server under test, as the clients address it.

    ``namespace`` is the one that events go to. ``transport`` is a name, or a mix as
    ``upgrade=80,websocket=20``.
    """

    url: str
    path: str = "/socket.io/"
    namespace: str = "/"
    transport: str = "upgrade"


class WeightedTarget(msgspec.Struct, frozen=True):
    """One of several addresses of a service, and its share of the users, in any unit."""

    url: str
    weight: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Workload(msgspec.Struct, frozen=True):
    """Demand in numbers.

    ``settings`` are the scenario's knobs after defaults and ``--set``; ``processes`` is the
    number of generator workers. ``shape`` names the scenario's ``LoadTestShape`` that decided
    how many users there were; then there are no stages, and none where users arrive or a capacity was
    searched for, with ``searched_users`` at most. ``tags`` and ``exclude_tags`` chose tasks.
    """

    scenario: str
    settings: dict[str, Setting]
    stages: list[Stage]
    processes: int
    seed: int
    shape: str = ""
    tags: list[str] = []
    exclude_tags: list[str] = []
    arrivals: Arrivals | None = None
    search: SearchAxis | None = None
    searched_users: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0

    @property
    def duration_s(self) -> float:
        """Planned length of the run in seconds; 0 where it is decided as the run goes."""
        return self.arrivals.duration_s if self.arrivals else sum(stage.duration_s for stage in self.stages)

    @property
    def users_max(self) -> int:
        """Largest number of users any stage asks for; 0 where no number is asked for."""
        return max((stage.users for stage in self.stages), default=0)

    @property
    def most_users(self) -> int:
        """The same, also where users arrive or are searched for; 0 where it is not known beforehand."""
        return self.arrivals.most if self.arrivals else self.searched_users or self.users_max


def turns(weights: Sequence[int]) -> list[int]:
    """The order in which users go to targets, as indices; it begins anew after ``sum(weights)`` users.

    Users of one target are spread as evenly as can be. Source: the smooth weighted round robin of nginx
    (``ngx_http_upstream_round_robin.c``).
    """
    found, waiting = [], [0] * len(weights)
    for _ in range(sum(weights)):
        waiting = [before + weight for before, weight in zip(waiting, weights, strict=True)]
        chosen = waiting.index(max(waiting))
        waiting[chosen] -= sum(weights)
        found.append(chosen)
    return found


def ramp(users: int, spawn_rate: float, run_time_s: float) -> list[Stage]:
    """Stages of Locust's own three words: ``spawn_rate`` users per second up to ``users``, then hold.

    ``run_time_s`` counts from the start, ramp included, as in Locust.
    """
    ramp_s = users / spawn_rate
    if ramp_s >= run_time_s:
        reached = math.floor(spawn_rate * run_time_s + 1e-9)  # 0.29 × 100 is 28.999…
        return [Stage(duration_s=run_time_s, users=min(users, max(1, reached)))]
    return [Stage(duration_s=ramp_s, users=users), Stage(duration_s=run_time_s - ramp_s, users=users)]


def users_asked(stages: list[Stage], elapsed_s: float) -> int:
    """The most users that may have been asked for by a moment of the run.

    Users are started for a second ahead (where they come more slowly, one user ahead), and leave
    up to a second late: it is the most of what the stages want around the moment, but no more
    than a stage's own users while it moves up to them.
    """
    moments = [max(0.0, elapsed_s - 1.0), elapsed_s]
    now = users_at(stages, elapsed_s)
    if now is not None:
        stage, before = stages[now[1]], stages[now[1] - 1].users if now[1] else 0
        ends = sum(stage.duration_s for stage in stages[: now[1] + 1])
        ahead = max(1.0, stage.duration_s / max(1, stage.users - before))
        moments.append(min(elapsed_s + ahead, math.nextafter(ends, 0.0)))
    found = [users_at(stages, moment) for moment in moments]
    last = stages[-1].users if stages else 0
    return max(last if users is None else users[0] for users in found)


def users_at(stages: list[Stage], elapsed_s: float) -> tuple[int, int] | None:
    """Users wanted at a moment of the run, and the stage's number; None once it is over.

    A stage interpolates linearly from the users of the one before (0 at first).
    """
    begin, users_before = 0.0, 0
    for number, stage in enumerate(stages):
        if elapsed_s < begin + stage.duration_s:
            share = (elapsed_s - begin) / stage.duration_s
            return round(users_before + share * (stage.users - users_before)), number
        begin += stage.duration_s
        users_before = stage.users
    return None
