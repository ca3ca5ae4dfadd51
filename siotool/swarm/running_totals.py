"""What a running test has counted since its start, for those who watch it from outside."""

from collections import Counter

from siotool.histogram import Histogram
from siotool.runfile import Bytes, Connections, Delivery, Header, Interval, Note, OpKind
from siotool.swarm.aggregator import summed
from siotool.swarm.live import Display

Operations = tuple[OpKind, str]


class RunningTotals(Display):
    """Adds up the seconds of a run; shows nothing by itself.

    ``response`` has response times in seconds of the successes by operation, from their intended start.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.last: Interval | None = None
        self.connections, self.delivery, self.bytes = Connections(), Delivery(), Bytes()
        self.successes: Counter[Operations] = Counter()
        self.errors: Counter[tuple[OpKind, str, str]] = Counter()
        self.response: dict[Operations, Histogram] = {}
        self.doubts = 0

    def update(self, interval: Interval) -> None:
        """Add one second."""
        self.last = interval
        self.connections = summed([self.connections, interval.connections], levels=["open", "users"])
        self.delivery = summed([self.delivery, interval.delivery], levels=["pending"])
        self.bytes = summed([self.bytes, interval.bytes])
        for operation in interval.operations:
            key = operation.op, operation.name
            self.successes[key] += operation.count
            self.response.setdefault(key, Histogram()).add(operation.response)
            for kind, count in operation.errors.items():
                self.errors[*key, kind] += count

    def note(self, note: Note) -> None:
        """Count what makes the run suspect."""
        self.doubts += note.level == "doubt"
