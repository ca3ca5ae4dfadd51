"""What a scenario's own code raised, judged and reported: kept in the hub, sent once a second.

Failures are counted by class, message and place. A worker distinguishes a limited number of messages
of one place, and of entries in all; later ones are counted as ``(other)``.
"""

import sysconfig
import traceback as tracebacks
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from siotool.printable import one_line
from siotool.runfile import CHECK_FAILED, FAIL, OTHER, REQUEST_EVENT, Operation
from siotool.swarm.operation_samples import OperationSamples
from siotool.swarm.redaction import LOOKED_THROUGH, Redaction
from siotool.swarm.worker_report import Raised

#: Characters of a message, and of a traceback, that are kept.
MESSAGE_AT_MOST = 200
TRACEBACK_AT_MOST = 8000
#: Most messages of one class at one place, entries of a worker, and names of operations.
MESSAGES_OF_A_PLACE = 10
ENTRIES_AT_MOST = 200
NAMES_AT_MOST = 200

_OURS = str(Path(__file__).parents[1])
#: Where a scenario's own code never is: siotool, Python's library, and what was installed.
_FOREIGN = (
    _OURS,
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    "<",
)

Entry = tuple[str, str, str]


class ScenarioResults:
    """Failures and operations of a scenario's own since the last report of a worker.

    ``redaction`` hides secrets in messages and names.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._counts: Counter[Entry] = Counter()
        self._tracebacks: dict[Entry, str] = {}
        self._known: set[Entry] = set()
        self._messages: Counter[tuple[str, str]] = Counter()
        self._judged: dict[str, OperationSamples] = {}
        self._reported: dict[str, OperationSamples] = {}

    def exception(self, error: BaseException) -> None:
        """Count an exception of a task, a hook or a handler."""
        text = "".join(tracebacks.format_exception(error))
        self._book(type(error).__name__, str(error), line_of_traceback(error.__traceback__), text)

    def check(self, text: str, where: str, *, right: bool) -> None:
        """Count a check: an operation with its text for a name."""
        samples = self._samples(self._judged, text)
        if right:
            samples.untimed += 1
            return
        samples.errors[CHECK_FAILED] += 1
        self._book(CHECK_FAILED, text, where)

    def fail(self, why: str, where: str) -> None:
        """Count why a turn of a user failed; the turn itself is counted by ``turns``."""
        self._book(FAIL, why, where)

    def turns(self, user_class: str, right: int, wrong: int) -> None:
        """Count turns of a user class of which some called ``fail``."""
        samples = self._samples(self._judged, user_class)
        samples.untimed += right
        if wrong:
            samples.errors[FAIL] += wrong

    def report(
        self, kind: str, name: str, response_s: float | None, error: BaseException | str | None
    ) -> None:
        """Count an operation that the scenario reports through Locust's ``request`` event."""
        samples = self._samples(self._reported, name)
        if error is not None:
            failed = type(error).__name__ if isinstance(error, BaseException) else "error"
            samples.errors[failed] += 1
            self._book(failed, str(error), f"{REQUEST_EVENT} {kind}")
        elif response_s is None:
            samples.untimed += 1
        else:
            samples.record(response_s, response_s)

    def take(self) -> tuple[list[Operation], list[Operation], list[Raised]]:
        """What was judged, what was reported (Locust has counted it itself), and what failed."""
        raised = [
            Raised(*entry, count=count, traceback=self._tracebacks.pop(entry, ""))
            for entry, count in self._counts.items()
        ]
        self._counts.clear()
        return _closed(self._judged), _closed(self._reported), raised

    def _book(self, kind: str, message: str, where: str, traceback: str = "") -> None:
        entry = self._entry(kind, _shortened(self._redaction.apply(message)), where)
        self._counts[entry] += 1
        if traceback and entry not in self._known:
            self._tracebacks[entry] = self._redaction.apply(traceback[-LOOKED_THROUGH:])[-TRACEBACK_AT_MOST:]
        self._known.add(entry)

    def _entry(self, kind: str, message: str, where: str) -> Entry:
        entry = (kind, message, where)
        if entry in self._known:
            return entry
        if len(self._known) >= ENTRIES_AT_MOST:
            return (OTHER, "", "")
        self._messages[kind, where] += 1
        if self._messages[kind, where] > MESSAGES_OF_A_PLACE:
            return (kind, OTHER, where)
        return entry

    def _samples(self, group: dict[str, OperationSamples], name: str) -> OperationSamples:
        name = _shortened(self._redaction.label(name))
        if name not in group and len(group) >= NAMES_AT_MOST:
            name = OTHER
        found = group.get(name)
        if found is None:
            found = group[name] = OperationSamples("custom", name)
        return found


def _closed(group: dict[str, OperationSamples]) -> list[Operation]:
    closed = [samples.close() for samples in group.values()]
    return [operation for operation in closed if operation.count or operation.errors]


def _shortened(text: str) -> str:
    return one_line(text, MESSAGE_AT_MOST)


def line_of_traceback(traceback: TracebackType | None) -> str:
    """The innermost line of the scenario's own code in a traceback, as ``flow.py:7 in order``.

    The innermost line of all where none is the scenario's; empty without a traceback.
    """
    found = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _is_scenarios(code) or not found:
            found = _written(code, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def is_of_scenario(traceback: TracebackType | None) -> bool:
    """Whether any line of a traceback is the scenario's own code."""
    while traceback is not None:
        if _is_scenarios(traceback.tb_frame.f_code):
            return True
        traceback = traceback.tb_next
    return False


def line_of_caller(frame: FrameType | None) -> str:
    """The innermost line of the scenario's own code that led to a frame, the frame included."""
    while frame is not None and not _is_scenarios(frame.f_code):
        frame = frame.f_back
    return "" if frame is None else _written(frame.f_code, frame.f_lineno)


def _is_scenarios(code: CodeType) -> bool:
    return not code.co_filename.startswith(_FOREIGN)


def _written(code: CodeType, line: int) -> str:
    return f"{Path(code.co_filename).name}:{line} in {code.co_name}"
