"""A reconnect storm, client by client: who tries when, who is served, refused or kept waiting.

At time 0 every client loses its connection. Each waits as the official client does
(``siotool.protocol.backoff``), tries, and on failure waits again. Until the servers are back
every attempt fails: at once, or after the client's timeout where packets vanish. From then on
the servers complete ``accept_per_s`` handshakes a second each, first come, first served. An
attempt that finds them busy waits in line if there is room, and times out if its turn does not
come (``timeout``, 20 s, in socketio/socket.io packages/socket.io-client/lib/manager.ts); one
that finds no room is refused at once. A client that is served stays.

Time is exact to the millisecond for attempts and to a step (``STEP_S``) for the line at the servers; a
client never waits less than one step there. Work done for a client that has given up is not
counted, so a real storm with long lines takes longer.

Everything but the smallest storms is scale-free: with a tenth of the clients, of the rate and of
the room, every share stays as it was and every time too. A storm of more than ``sample`` clients
is computed with ``sample`` of them.
"""

import itertools
import math
from collections import deque

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.errors import InputError
from siotool.plan.storm.storm_plan import Course
from siotool.plan.storm.waits import Ints, equal_waits, schedule
from siotool.protocol.backoff import OFFICIAL, Backoff

STEP_S = 0.05

#: When the official client gives an attempt up.
TIMEOUT_S = 20.0

#: The line at one server: Node's own default for listen()
#: (https://nodejs.org/api/net.html#serverlisten, "backlog").
QUEUE = 511


_NOBODY = np.zeros(0, np.int64)


class Conditions(msgspec.Struct, frozen=True):
    """The conditions of a storm, apart from the clients lost and the servers left.

    ``accept_per_s``: handshakes a server completes per second, 0 where its load leaves none.
    ``outage_s``: seconds until the servers are there, 0 when survivors take over at once.
    ``blackhole``: attempts before that get no answer instead of a refusal. ``queue``: how many
    wait in line at one server.
    """

    accept_per_s: float
    backoff: Backoff = OFFICIAL
    outage_s: float = 0.0
    blackhole: bool = False
    queue: float = QUEUE
    seed: int = 0
    #: Steps are so many times as long, and clients fewer by its square: for a picture, not for figures.
    coarseness: float = 1.0


def never(seconds: float | None) -> float:
    """Return seconds; infinite for what is beyond the horizon."""
    return math.inf if seconds is None else seconds


def simulate(
    clients: int,
    servers: float,
    conditions: Conditions,
    *,
    horizon_s: float = 1800.0,
    bin_s: float = 1.0,
    sample: int = 1_000_000,
) -> Course:
    """Simulate the return of ``clients`` to ``servers``, which may be a fraction.

    It takes about 100 ns of CPU per attempt. Raises InputError for figures without a meaning.
    """
    _check(clients, servers, conditions, horizon_s, bin_s, sample)
    computed = min(clients, math.ceil(sample / conditions.coarseness**2))
    run = _Run(computed, servers * computed / clients, conditions, _ms(horizon_s), _ms(bin_s))
    run.outage()
    run.recovery()
    return run.result(clients)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _check(
    clients: int, servers: float, conditions: Conditions, horizon_s: float, bin_s: float, sample: int
) -> None:
    for name, value, least, most in (
        ("clients", clients, 1, 1e12),
        ("servers", servers, 1e-9, 1e12),
        ("accept_per_s", conditions.accept_per_s, 0, 1e12),
        ("outage_s", conditions.outage_s, 0, 1e6),
        ("queue", conditions.queue, 0, math.inf),
        ("coarseness", conditions.coarseness, 0.1, 10),
        ("horizon_s", horizon_s, STEP_S * conditions.coarseness, 1e6),
        ("bin_s", bin_s, 0.001, 1e6),
        ("sample", sample, 1, 1e9),
    ):
        if not least <= value <= most:
            limits = f"at least {least:g}" if value < least else f"at most {most:g}"
            raise InputError(f"a storm's {name} is {value:g}", f"give {limits}")


class _Run:
    """The state of one storm; times in whole milliseconds since the loss."""

    def __init__(
        self, clients: int, servers: float, conditions: Conditions, horizon_ms: int, bin_ms: int
    ) -> None:
        self._rate = servers * conditions.accept_per_s
        self._room = servers * conditions.queue
        self._outage = _ms(conditions.outage_s)
        self._timeout = _ms(TIMEOUT_S)
        self._blackhole = conditions.blackhole
        self._horizon = horizon_ms
        self._step = _ms(STEP_S * conditions.coarseness)
        self._bin = bin_ms
        self._generator = Generator(PCG64(conditions.seed))
        self._waits = schedule(conditions.backoff)
        self._equal = equal_waits(conditions.backoff)
        self._cap = _ms(conditions.backoff.delay_max_s)
        self._tries = np.zeros(math.ceil(horizon_ms / bin_ms), np.int64)
        self._tries_after = np.zeros_like(self._tries)
        self._failures = np.zeros(clients, np.int64)
        self._due = np.zeros(clients, np.int64)  # of the attempt to come, or that waits in line
        self._served_ms = np.full(clients, np.inf)
        self._calendar: dict[int, list[Ints]] = {}  # by step: who tries in it
        self._line: deque[Ints] = deque()
        self._waiting = 0
        self._lost_in_outage = self._refused = self._timed_out = 0

    def outage(self) -> None:
        """Simulate the outage: clients only try and fail, none waits at a server."""
        down_until = min(self._outage, self._horizon)
        everyone = np.arange(len(self._due))
        self._wait(everyone, self._due)
        trying = everyone[self._due < down_until]
        while len(trying):
            due = self._due[trying]
            self._count(due, self._tries)
            self._lost_in_outage += len(trying)
            self._wait(trying, due + self._timeout if self._blackhole else due)
            trying = trying[self._due[trying] < down_until]

    def recovery(self) -> None:
        """Step by step from the servers' return: the line moves up, newcomers join it or are sent away."""
        self._enter(np.arange(len(self._due)), 0)
        credit = 0.0
        left = len(self._due)
        steps = math.ceil((self._horizon - self._outage) / self._step)
        for step in range(steps):
            start = self._outage + step * self._step
            self._expire(start, step)
            newcomers = self._arrivals(step)
            credit += self._rate * self._step / 1000
            hands = math.floor(credit)
            credit -= hands  # what a step does not use is lost
            served = self._serve_line(hands, start)
            served += self._receive(newcomers, hands, served, start, step)
            left -= served
            if not left:
                break

    def _wait(self, who: Ints, since: Ints) -> None:
        failures = self._failures[who]
        if len(who) and int(failures.min()) in self._equal and int(failures.max()) in self._equal:
            self._due[who] = since + self._cap  # no need for random numbers
        else:
            self._due[who] = since + self._waits(failures, self._generator.random(len(who)))
        self._failures[who] = failures + 1

    def _enter(self, who: Ints, earliest: int) -> None:
        """Note in which step each tries, the given one at the earliest."""
        due = self._due[who]
        order = np.argsort(due, kind="stable")
        due = due[order]
        order = order[: np.searchsorted(due, self._horizon)]
        if not len(order):
            return
        who = who[order]
        steps = np.maximum((due[: len(order)] - self._outage) // self._step, earliest)
        cuts = [0, *(np.flatnonzero(steps[1:] != steps[:-1]) + 1).tolist(), len(who)]  # where a step begins
        for first, last in itertools.pairwise(cuts):
            self._calendar.setdefault(int(steps[first]), []).append(who[first:last])

    def _arrivals(self, step: int) -> Ints:
        parts = self._calendar.pop(step, [])
        if not parts:
            return _NOBODY
        who = parts[0]
        due = self._due[who]
        if len(parts) > 1:  # each is sorted in itself
            who = np.concatenate(parts)
            due = self._due[who]
            order = np.argsort(due, kind="stable")
            who, due = who[order], due[order]
        self._count(due, self._tries, self._tries_after)
        return who

    def _count(self, due: Ints, *tries: Ints) -> None:
        if len(due):
            bins = due // self._bin
            first = int(bins.min())
            counts = np.bincount(bins - first)
            for each in tries:
                each[first : first + len(counts)] += counts

    def _expire(self, start: int, step: int) -> None:
        """Those at the head whose time is up by now leave the line and wait again."""
        while self._line:
            head = self._line[0]
            if self._due[head[0]] > start - self._timeout:
                return
            up = int(np.searchsorted(self._due[head], start - self._timeout, side="right"))
            gone = self._take(up)
            self._timed_out += len(gone)
            self._wait(gone, self._due[gone] + self._timeout)
            self._enter(gone, step)

    def _take(self, most: int) -> Ints:
        """Take up to so many of the first group in line."""
        head = self._line.popleft()
        if len(head) > most:
            self._line.appendleft(head[most:])
        taken = head[:most]
        self._waiting -= len(taken)
        return taken

    def _serve_line(self, hands: int, start: int) -> int:
        served = 0
        while self._line and served < hands:
            taken = self._take(hands - served)
            self._serve(taken, served, hands, start)
            served += len(taken)
        return served

    def _receive(self, newcomers: Ints, hands: int, served: int, start: int, step: int) -> int:
        if not len(newcomers):
            return 0
        at_once = newcomers[: hands - served]
        self._serve(at_once, served, hands, start)
        rest = newcomers[len(at_once) :]
        room = len(rest) if self._room == math.inf else max(0, math.floor(self._room) - self._waiting)
        joining, refused = rest[:room], rest[room:]
        if len(joining):
            self._line.append(joining)
            self._waiting += len(joining)
        if len(refused):
            self._refused += len(refused)
            self._wait(refused, self._due[refused])
            self._enter(refused, step + 1)
        return len(at_once)

    def _serve(self, who: Ints, before: int, hands: int, start: int) -> None:
        if len(who):
            turns = start + (before + 1 + np.arange(len(who))) * (self._step / hands)
            self._served_ms[who] = np.maximum(turns, self._due[who])

    def result(self, clients: int) -> Course:
        """Return what was seen, scaled to so many clients."""
        scale = clients / len(self._due)
        times = np.sort(self._served_ms)
        back = times[np.isfinite(times)]
        tried = np.flatnonzero(self._tries)
        whole = len(back) == len(times)
        end = len(self._tries)
        if whole:
            end = min(end, max(int(times[-1] // self._bin), int(tried[-1])) + 1)
        edges = np.arange(1, end + 1) * self._bin
        per_s = scale * 1000 / self._bin
        peak = int(np.argmax(self._tries))

        def within(share: float) -> float | None:
            last = float(times[math.ceil(share * len(times)) - 1]) / 1000
            return last if math.isfinite(last) else None

        def number(count: int) -> int:
            return round(count * scale)

        return Course(
            bin_s=self._bin / 1000,
            attempts_per_s=(self._tries[:end] * per_s).tolist(),
            connected=(np.searchsorted(back, edges, side="right") * scale).tolist(),
            attempts=number(int(self._tries.sum())),
            served=number(len(back)),
            failed_in_outage=number(self._lost_in_outage),
            refused=number(self._refused),
            timed_out=number(self._timed_out),
            in_line=number(self._waiting),
            peak_attempts_per_s=float(self._tries[peak]) * per_s,
            peak_at_s=peak * self._bin / 1000,
            peak_after_outage_per_s=float(self._tries_after.max()) * per_s,
            half_s=within(0.5),
            ninety_s=within(0.9),
            ninety_nine_s=within(0.99),
            all_s=within(1.0),
        )
