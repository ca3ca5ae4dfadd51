"""One probe: gathers facts, lets the checks judge them."""

import asyncio
from collections.abc import Collection
from typing import Any

from siotool.probe.catalogue import CHECKS
from siotool.probe.checks.sessions import look as look_at_sessions
from siotool.probe.finding import Check, Finding, Look
from siotool.probe.joins import Joins, join_all
from siotool.probe.known import Known
from siotool.probe.probe_result import ProbeResult, safe
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.survey import survey
from siotool.probe.which_clients import rows

_VERSION = 1


async def diagnose(settings: ProbeSettings, only: Collection[str] = ()) -> ProbeResult:
    """Probe a target; ``only`` are the ids of the checks to do, all where there is none."""
    chosen = [check for check in CHECKS if not only or check.id in only]
    wire, known = await survey(settings)
    brought = await _look(wire, known, chosen, everyone=not only)
    return judged(known, chosen, brought)


async def _look(wire: Any, known: Known, chosen: list[Check], everyone: bool) -> dict[Look, Any]:
    """What the looks brought; each is done once, all at the same time."""
    looks = {check.look: None for check in chosen if check.look is not None}
    if everyone:
        looks |= {join_all: None, look_at_sessions: None}  # the table of clients rests on them
    found = await asyncio.gather(*(look(wire, known) for look in looks))
    return dict(zip(looks, found, strict=True))


def judged(known: Known, chosen: list[Check], brought: dict[Look, Any]) -> ProbeResult:
    """The findings, and which clients can connect."""
    findings: list[Finding] = []
    for check in chosen:
        found = check.judge(known, brought[check.look] if check.look is not None else None)
        if found is not None:
            findings.append(found)
    joins: Joins | None = brought.get(join_all)
    sticky = all(found.level != "error" for found in findings if found.id == "sticky")
    settings = known.settings
    where = settings.target.url + settings.target.path
    return ProbeResult(_VERSION, where, safe(findings), rows(known, joins, sticky))
