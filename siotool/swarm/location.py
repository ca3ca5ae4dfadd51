"""Where in a scenario something happened: the line a user would look at first."""

import sysconfig
from pathlib import Path
from types import CodeType, FrameType, TracebackType

_OURS = str(Path(__file__).parents[1])
#: Where a scenario's own code never is: siotool, Python's library, and what was installed.
_FOREIGN = (
    _OURS,
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    "<",
)


def of_traceback(traceback: TracebackType | None) -> str:
    """The innermost line of the scenario's own code in a traceback, as ``flow.py:7 in order``.

    The innermost line of all where none is the scenario's; empty without a traceback.
    """
    found = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _own(code) or not found:
            found = _written(code, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def of_caller(frame: FrameType | None) -> str:
    """The innermost line of the scenario's own code that led to a frame, the frame included."""
    while frame is not None and not _own(frame.f_code):
        frame = frame.f_back
    return "" if frame is None else _written(frame.f_code, frame.f_lineno)


def _own(code: CodeType) -> bool:
    return not code.co_filename.startswith(_FOREIGN)


def _written(code: CodeType, line: int) -> str:
    return f"{Path(code.co_filename).name}:{line} in {code.co_name}"
