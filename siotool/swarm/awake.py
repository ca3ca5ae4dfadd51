"""Keeps CPUs awake, and sees how fast they are, by loops that run only while nothing else wants to.

A CPU without work sleeps, and whoever wakes it pays (docs/calibration.md). How often that happens
depends on how messages fall in time. A server that is busy does not sleep, and for such servers
fleets are sized.

The loops are of Linux's idle scheduling class, which counts within one session. So each is a session of its
own, with the least share there is (sched(7), "The autogroup feature"). Those beside a server say what fixed
work costs there: a text in JSON, which is dearer where the CPU is slower (a lower clock, a neighbour on the
same core), and a step through memory, which is dearer where neighbours on the host use the caches and the
memory. Both cost the same in every process, so that runs can be compared (a loop of Python's own arithmetic
does not).
"""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

from siotool.runfile import Pace
from siotool.swarm.cpu_quota import cgroup_quota, read_text

#: More CPUs than this are left as they are: loops on all of them would slow each.
MOST_CPUS = 16
#: What a watched loop does besides, ten times a second: so many steps through a list of so many numbers in
#: an order by chance, which is more than the caches near the CPU hold.
_WALK = 5000, 300_000
#: It writes and reads a text over and over. A watched one prints, twice a second, the moment (monotonic) and
#: the CPU seconds of a text and of a step. It ends with its standard input, and so with whoever started it.
_LOOP = """
import errno, json, os, random, sys, threading, time
def stand_back():
    # or Linux shares a CPU out evenly between sessions, whatever the class of their processes
    for _ in range(100):
        try:
            with open("/proc/self/autogroup", "w") as group:
                group.write("19")
            return
        except OSError as error:
            if error.errno != errno.EAGAIN:  # one such change in a tenth of a second
                return
            time.sleep(0.05)
stand_back()
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {int(sys.argv[1])})
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
watched, steps, numbers = (int(word) for word in sys.argv[2:])
words = [[number, "n%d" % number, 7 * number, None, True] for number in range(300)]
def texts():
    json.loads(json.dumps(words))
while not watched:
    texts()
order = list(range(numbers))
random.Random(1).shuffle(order)
following, at = [0] * numbers, 0
for number, after in zip(order, order[1:] + order[:1]):
    following[number] = after
def walk():
    global at
    number = at
    for _ in range(steps):
        number = following[number]
    at = number
begin = walked = time.monotonic()
spent, counted = [0.0, 0.0], [0, 0]
def timed(which, work, count):
    before = time.thread_time()
    work()
    spent[which] += time.thread_time() - before
    counted[which] += count
while True:
    timed(0, texts, 1)
    now = time.monotonic()
    if now - walked >= 0.1:
        walked = now
        timed(1, walk, steps)
    if now - begin >= 0.5 and counted[1]:
        print(now, spent[0] / counted[0], spent[1] / counted[1], flush=True)
        begin, spent, counted = now, [0.0, 0.0], [0, 0]
"""


def cpus_of(pids: Iterable[int]) -> set[int]:
    """The CPUs that some processes may use.

    Empty where that cannot be told, and where a quota would count the loops against this process.
    """
    if not hasattr(os, "SCHED_IDLE") or cgroup_quota(read_text) is not None:
        return set()
    found: set[int] = set()
    for pid in pids:
        try:
            found |= set(psutil.Process(pid).cpu_affinity())
        except psutil.Error:
            continue
    return found


class AwakeCpus:
    """CPUs whose loops run; the pace is that of the ``watched`` ones."""

    def __init__(self, cpus: Iterable[int], watched: set[int]) -> None:
        self._loops: dict[int, subprocess.Popen[bytes]] = {}
        self._watched = watched
        self._rest: dict[int, bytes] = {}
        self._seen: deque[tuple[float, float, float]] = deque()
        try:
            for cpu in cpus:
                self._loops[cpu] = self._started(cpu)
        except BaseException:
            self.close()
            raise

    def _started(self, cpu: int) -> subprocess.Popen[bytes]:
        loop = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _LOOP, *map(str, (cpu, int(cpu in self._watched), *_WALK))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert loop.stdout is not None
        os.set_blocking(loop.stdout.fileno(), False)
        return loop

    def __len__(self) -> int:
        return len(self._loops)

    def pace(self, begin: float, end: float) -> Pace | None:
        """What fixed work cost between two moments of the monotonic clock; None where no loop said so.

        The moments of one call follow those of the last.
        """
        for cpu in self._watched & self._loops.keys():
            self._read(cpu)
        found = [costs for at, *costs in self._seen if begin < at <= end]
        self._seen = deque(one for one in self._seen if one[0] > end)
        if not found:
            return None
        texts, steps = (sum(costs) / len(found) for costs in zip(*found, strict=True))
        return Pace(texts, steps)

    def close(self) -> None:
        """End all loops."""
        for loop in self._loops.values():
            loop.kill()
            loop.wait()
            for stream in (loop.stdin, loop.stdout):
                if stream is not None:
                    stream.close()

    def _read(self, cpu: int) -> None:
        loop = self._loops[cpu]
        assert loop.stdout is not None
        try:
            arrived = os.read(loop.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, self._rest[cpu] = (self._rest.get(cpu, b"") + arrived).split(b"\n")
        for line in lines:
            at, text_s, step_s = map(float, line.split())
            self._seen.append((at, text_s, step_s))


@contextmanager
def kept_awake(servers: set[int]) -> Iterator[AwakeCpus]:
    """Keep awake the CPUs of the servers, which are watched, and those of this process.

    None where the servers have none on this machine, or where there are more than ``MOST_CPUS``.
    """
    cpus = servers | os.sched_getaffinity(0) if servers else set()
    awake = AwakeCpus(sorted(cpus) if len(cpus) <= MOST_CPUS else (), servers)
    try:
        yield awake
    finally:
        awake.close()
