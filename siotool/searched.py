"""What a search for the capacity of a server writes down: each load that it held, and what it found.

Both are lines of a run file. The last line on what was found counts: a search that was interrupted
keeps what it knew then, with the confidence that it had.
"""

from typing import Annotated, Literal

import msgspec

#: What a search raises: users with the scenario's own rate; operations per second of each user; users
#: that connect and leave again, per second; bytes of a message.
SearchAxis = Literal["users", "rate", "connects", "size"]

#: Whose limit it was where it was not the server's.
GENERATOR = "generator"
#: Nobody's: a gate on the server could not be judged at higher loads.
UNSAMPLED = "unsampled"
#: Why a second shows nothing of a gate on a level of the server.
NOT_SAMPLED = "the server was not sampled"

#: The search's own: it had no time left to go on to a load that fails.
TIME = "time"
#: The confidence that a search aims at.
CONFIDENCE = 0.95

#: Why a search ended whose lowest load failed.
LOWEST_FAILED = "the lowest load failed"
#: Why one ended at its highest load where that was not shown.
NOT_SHOWN = "its highest load was shown neither to pass nor to fail"
#: Why several ended at their bound where one of them found a load that failed.
FAILED_IN_ONE = "no gate failed up to the bound in one search, and one failed in another"
#: Why one ended before it knew all that it was to.
TIME_OVER = "its time was over"

#: What one hold showed. ``generator``: the generator did not make the load, so it showed nothing.
HoldOutcome = Literal["passed", "failed", "undecided", "generator"]

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Hold(msgspec.Struct, frozen=True, tag_field="kind", tag="hold"):
    """One load that was held: from ``begin_s`` of the run, when it had settled, to ``t_s``.

    ``load`` is in the unit of the search. ``gate`` is the one that came nearest to failing, or failed:
    ``missed`` is the share of its operations that missed it, ``allowed`` the share that may. ``blocks``
    are the seconds that were counted; ``settling_s`` were not, before them. ``restarts`` is how often
    the server had been restarted before. ``doubts`` say why a load showed nothing.
    """

    t_s: _Amount
    begin_s: _Amount
    load: _Amount
    outcome: HoldOutcome
    gate: str
    missed: _Share
    allowed: _Share
    operations: _Count
    blocks: _Count
    settling_s: _Amount
    restarts: _Count = 0
    doubts: list[str] = []


class FoundCapacity(msgspec.Struct, frozen=True, tag_field="kind", tag="capacity"):
    """What a search knows of the capacity: it lies from ``low`` to ``high`` with a ``confidence``.

    ``value`` is its best estimate, None where no load failed or none passed. ``high`` is None where no
    load failed: the capacity is at least ``low``. ``low`` is 0 where no load passed. ``gate`` failed
    first; ``limited_by`` is what ran out: ``server``, a colon and the resource where it is known, or
    ``generator``, or ``unsampled`` where higher loads had no sample of the server for a gate on it, or
    ``bound`` where the search reached the load it was not to exceed, or ``time`` where it had none left to go
    on; empty where its highest load was not shown. ``confidence`` is less than was aimed at where no load
    failed and the holds were too short for more.
    ``seconds`` is how long the search took by then; ``complete`` is false until it has ended by itself.
    """

    t_s: _Amount
    search: SearchAxis
    unit: str
    value: _Amount | None
    low: _Amount
    high: _Amount | None
    confidence: _Share
    gate: str
    limited_by: str
    seconds: _Amount
    complete: bool = False
    why: str = ""
