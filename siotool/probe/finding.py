"""What a check found, and what a check is."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from siotool.probe.known import Known
from siotool.probe.wire import Wire

Severity: TypeAlias = Literal["ok", "info", "warning", "error"]
#: From the mildest on.
SEVERITIES: tuple[Severity, ...] = ("ok", "info", "warning", "error")


class Finding(msgspec.Struct, frozen=True):
    """What was ``seen``, what it ``means`` and what to ``do``; the last two may be empty."""

    id: str
    level: Severity
    seen: str
    means: str = ""
    do: str = ""


#: Asks the target for more than everyone knows; what it returns goes to ``judge``.
Look = Callable[[Wire, Known], Awaitable[Any]]


class Check(NamedTuple):
    """One check.

    ``judge`` is pure. It gets the known facts and what its ``look`` brought (None without one), and
    returns None where nothing can be said. Checks of one family share a ``look``: it is done once.
    """

    id: str
    about: str
    judge: Callable[[Known, Any], Finding | None]
    look: Look | None = None
