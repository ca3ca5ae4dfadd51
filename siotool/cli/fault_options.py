"""Reads the faults of a load test, of options and of a lab's file; what is wrong is said before it begins."""

import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from siotool.cli.secret_options import shown_url
from siotool.errors import InputError
from siotool.faults.fault_clock import DueStep
from siotool.faults.planned_fault import PlannedFault, Step, read_fault
from siotool.lab.lab import Lab
from siotool.lab.lab_action import LabAction, inverse, is_action, is_toxic, means_action, read_action
from siotool.units import format_duration

#: Words that a shell knows by itself.
_BUILT_IN = frozenset(
    (".", "cd", "exec", "export", "for", "if", "kill", "set", "trap", "ulimit", "wait", "while")
)
#: What a shell takes as a word of its own, or more than a word.
_SHELL = frozenset("$&|;<>()`\"'*?[]{}~=#")


class AskedFaults(NamedTuple):
    """Faults in the order of their begin, and those of their steps that are actions of a lab."""

    faults: tuple[PlannedFault, ...] = ()
    actions: dict[DueStep, LabAction] = {}

    @property
    def shown(self) -> tuple[PlannedFault, ...]:
        """The faults without the users and the queries of URLs in their commands."""
        return tuple(
            msgspec.structs.replace(one, do=_shown(one.do), undo=_shown(one.undo)) for one in self.faults
        )


def _shown(words: str) -> str:
    return re.sub(r"\S+://\S+", lambda url: shown_url(url[0]), words)


def read_faults(texts: Sequence[str], lab: Lab | None, length_s: float, beside: Sequence[str]) -> AskedFaults:
    """Read ``--fault`` options. Raises InputError for one that cannot be carried out, as far as is known.

    ``lab`` is the target where that is one. ``length_s`` is how long the run takes, 0 where that is not
    known. ``beside`` are options that go with no fault.
    """
    if texts and beside:
        raise InputError(
            f"--fault beside {beside[0]}: that decides itself what it loads, and for how long",
            "leave one out; --no-faults leaves out those of a lab's file",
        )
    asked = [read_fault(text) for text in texts]
    found = sorted((_completed(fault, lab, asked) for fault in asked), key=lambda fault: fault.at_s)
    actions = {}
    for number, fault in enumerate(found):
        where = _where(fault)
        steps: tuple[Step, ...] = ("do", "undo") if fault.undo else ("do",)
        for step in steps:
            words = fault.words(step)
            if lab is not None and not _is_command(words, lab):
                action = read_action(words, lab, where)
                own = step == "undo" and words == inverse(fault.do) and action.verb == "start"
                actions[DueStep(number, step)] = msgspec.structs.replace(action, as_needed=own)
            else:
                _check_command(words, where)
        own_s = actions[done].takes_s if (done := DueStep(number, "do")) in actions else 0.0
        _check_times(fault, where, length_s, own_s)
    return AskedFaults(tuple(found), actions)


def names_toxic(text: str) -> bool:
    """Whether a ``--fault`` option needs Toxiproxy on a lab. Raises InputError for what is no fault."""
    fault = read_fault(text)
    return is_toxic(fault.do) or is_toxic(fault.undo)


def _completed(fault: PlannedFault, lab: Lab | None, asked: Sequence[PlannedFault]) -> PlannedFault:
    """A fault with the undo that its action has by itself: at the end of the run, unless it says when.

    A later one that does that ends it, at the latter's time.
    """
    if fault.undo or lab is None or _is_command(fault.do, lab):
        return fault
    undo, for_s = inverse(fault.do), fault.for_s
    if undo and for_s is None:
        wanted = read_action(undo, lab, _where(fault))
        ends = [one.at_s for one in asked if one.at_s > fault.at_s and _does(one, wanted, lab)]
        for_s = min(ends) - fault.at_s if ends else None
    return msgspec.structs.replace(fault, undo=undo, for_s=for_s)


def _does(other: PlannedFault, wanted: LabAction, lab: Lab) -> bool:
    """Whether another fault does what is wanted, perhaps to more parts or by other names."""
    if _is_command(other.do, lab):
        return False
    found = read_action(other.do, lab, _where(other))
    return (
        found.verb == wanted.verb
        and set(wanted.parts) <= set(found.parts)
        and found.healed in ("", wanted.healed)
    )


def _where(fault: PlannedFault) -> str:
    return f"--fault at {format_duration(fault.at_s)}"


def _check_times(fault: PlannedFault, where: str, length_s: float, own_s: float) -> None:
    """Raise InputError for one that nothing ends, or not before the run ends; ``own_s`` is what it takes."""
    if fault.for_s is not None and not fault.undo:
        raise InputError(
            f"{where}: {fault.do!r} lasts for {format_duration(fault.for_s)}, and nothing says how it ends",
            "give undo, or leave out for",
        )
    end_s = fault.at_s + max(fault.for_s or 0.0, own_s)
    if length_s and end_s >= length_s:
        raise InputError(
            f"{where} is over at {format_duration(end_s)}, and the run at {format_duration(length_s)}",
            "give a longer --run-time or --stage",
        )


def _is_command(words: str, lab: Lab) -> bool:
    """Whether words are a shell command on a target that is this lab."""
    if is_action(words) or means_action(words, lab):
        return False
    return not _SHELL.isdisjoint(words) or shutil.which(_first(words)) is not None


def _check_command(words: str, where: str) -> None:
    first = _first(words)
    if is_action(words) and (first != "kill" or words.startswith(("kill server", "kill node"))):
        raise InputError(
            f"{where}: {words!r} is an action of a lab, and the target is none",
            "give a shell command, or load lab:FILE.toml",
        )
    if _SHELL.isdisjoint(first) and shutil.which(first) is None and first not in _BUILT_IN:
        raise InputError(f"{where}: there is no program {first}", "check the command")


def _first(words: str) -> str:
    return words.split(maxsplit=1)[0]
