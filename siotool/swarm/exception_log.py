"""Shows what scenarios raised: the first of each kind, a count at the end, and a file."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from siotool.swarm.worker_report import Raised

FILE_NAME = "exceptions.txt"


class ExceptionLog:
    """Collects the failures of a run; ``say`` gets the first of each kind.

    Each one is kept once, with its traceback, in ``exceptions.txt`` in the run's folder.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._path = folder / FILE_NAME
        self._say = say
        self._counts: Counter[str] = Counter()
        self._kept: set[tuple[str, str, str]] = set()

    def take(self, raised: Iterable[Raised]) -> None:
        """Take the failures of a second."""
        for found in raised:
            self._take(found)

    def summary(self) -> list[str]:
        """A line for each kind, the most frequent first; and where the tracebacks are."""
        lines = [f"{count:,} × {kind}" for kind, count in self._counts.most_common()]
        return [f"the scenario failed: {', '.join(lines)}; see {self._path}"] if lines else []

    def _take(self, found: Raised) -> None:
        new = found.kind not in self._counts
        self._counts[found.kind] += found.count
        key = (found.kind, found.message, found.where)
        if key not in self._kept:
            self._kept.add(key)
            self._keep(found)
        if new:
            self._say(f"the scenario failed: {written(found)}")

    def _keep(self, found: Raised) -> None:
        text = f"{written(found)}\n{found.traceback}\n"
        try:
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError as error:
            self._say(f"cannot write {self._path}: {error.strerror}")


def written(found: Raised) -> str:
    """One failure in a line: ``KeyError: 'token' (flow.py:7 in order)``."""
    where = f" ({found.where})" if found.where else ""
    return f"{found.kind}: {found.message}{where}" if found.message else f"{found.kind}{where}"
