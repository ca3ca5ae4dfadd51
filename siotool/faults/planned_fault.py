"""A fault that is planned for a load test, and what a run file says once it was made.

A fault has two steps: ``do`` makes it, ``undo`` ends it. Both are words: an action of a lab, or a shell
command. What they mean is known to who carries them out.
"""

import json
import re
from typing import Annotated, Any, Literal

import msgspec

from siotool import units
from siotool.errors import InputError

Step = Literal["do", "undo"]

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]

_EXAMPLE = "write it at=60s for=10s do=COMMAND undo=COMMAND"
_TEXT = re.compile(r"at=(\S+)(?:\s+for=(\S+))?\s+do=(.+?)(?:\s+undo=(.+))?", re.DOTALL)
_KEYS = ("at", "for", "do", "undo")


class PlannedFault(msgspec.Struct, frozen=True):
    """``do`` at second ``at_s`` of the run; ``undo`` is due ``for_s`` later, and at the end at the latest.

    ``for_s`` is None where it is undone at the end of the run, ``undo`` is empty where nothing is.
    """

    at_s: _Amount
    do: str
    for_s: _Amount | None = None
    undo: str = ""

    def words(self, step: Step) -> str:
        """The words of a step."""
        return self.do if step == "do" else self.undo


class FaultStep(msgspec.Struct, frozen=True, tag_field="kind", tag="fault"):
    """A step that was carried out: from ``t_s`` of the run, for ``took_s``.

    ``fault`` counts from 0, in the order of the run file's header. ``said`` is why it ``failed``, or what
    its command printed. ``parts`` are the sampled servers that it was about.
    """

    t_s: _Amount
    fault: _Count
    step: Step
    took_s: _Amount
    failed: bool = False
    said: str = ""
    parts: list[str] = []


def read_fault(text: str) -> PlannedFault:
    """Read ``at=60s for=10s do=… undo=…``, or the same as a JSON object. Raises InputError.

    What was typed in the first form cannot have `` undo=`` in its ``do``; the second one can.
    """
    where = "--fault"
    found = _fields(text, where)
    for key in found:
        if key not in _KEYS:
            raise InputError(f"{where}: {key} is not known", f"known keys: {', '.join(_KEYS)}")
    for key in ("at", "do"):
        if not found.get(key):
            raise InputError(f"{where} has no {key}", _EXAMPLE)
    for_s = units.parse_duration(found["for"], f"{where}: for") if "for" in found else None
    if for_s == 0:
        raise InputError(f"{where}: for is 0", "give the time until it is undone, or leave it out")
    return PlannedFault(
        at_s=units.parse_duration(found["at"], f"{where}: at"),
        do=found["do"].strip(),
        for_s=for_s,
        undo=found.get("undo", "").strip(),
    )


def _fields(text: str, where: str) -> dict[str, str]:
    if not text.lstrip().startswith("{"):
        matched = _TEXT.fullmatch(text.strip())
        if matched is None:
            raise InputError(f"{where} {text!r} is no fault", _EXAMPLE)
        return {key: value for key, value in zip(_KEYS, matched.groups(), strict=True) if value is not None}
    try:
        found: Any = json.loads(text)
    except ValueError:
        raise InputError(f"{where} {text!r} is not JSON", _EXAMPLE) from None
    for key, value in found.items():
        if not isinstance(value, str):
            raise InputError(f"{where}: {key} is no text", f'write {key} = "…"')
    return {str(key): value for key, value in found.items()}
