"""One probe: gathers facts, lets the checks judge them."""

import asyncio
from collections.abc import Collection
from typing import Any

from siotool.client.secret_texts import secrets_of
from siotool.printable import one_line
from siotool.probe.catalogue import CHECKS
from siotool.probe.finding import Check, Finding, Look
from siotool.probe.joins import Joins, join_all
from siotool.probe.known import Known
from siotool.probe.probe_result import ClientRow, ProbeResult, safe
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.survey import survey
from siotool.probe.which_clients import rows
from siotool.probe.wire import Wire

_VERSION = 1
#: A look asks several times, and may take so many times as long as one answer.
_TIMES = 1.7
_LATE = object()
#: Checks that say why no session opens.
_WITHOUT_SESSION = frozenset(("reachable", "path", "tls", "auth", "cors", "eio4"))


async def diagnose(settings: ProbeSettings, only: Collection[str] = ()) -> ProbeResult:
    """Probe a target; ``only`` are the ids of the checks to do, all where there is none.

    Which clients can connect is concluded from all of them.
    """
    chosen = [check for check in CHECKS if not only or check.id in only]
    wire, known = await survey(settings)
    return judged(known, chosen, await _look(wire, known, chosen))


async def _look(wire: Wire, known: Known, chosen: list[Check]) -> dict[Look, Any]:
    """What the looks brought; each is done once, all at the same time. Late ones bring ``_LATE``."""
    looks = {check.look: check for check in chosen if check.look is not None}
    found = await asyncio.gather(*(_in_time(wire, known, check) for check in looks.values()))
    return dict(zip(looks, found, strict=True))


async def _in_time(wire: Wire, known: Known, check: Check) -> Any:
    """What a check's look brings; --patient may take longer than all the others."""
    assert check.look is not None
    limit_s = None if check.id == "idle-timeout" else _TIMES * known.settings.timeout_s
    try:
        async with asyncio.timeout(limit_s):
            return await check.look(wire, known)
    except TimeoutError:
        return _LATE


def judged(known: Known, chosen: list[Check], brought: dict[Look, Any]) -> ProbeResult:
    """The findings, and which clients can connect."""
    findings: list[Finding] = []
    # why no session opens is said whatever was asked for: most checks can say nothing then
    also = [] if known.opening is not None else [one for one in CHECKS if one.id in _WITHOUT_SESSION]
    for check in CHECKS:
        if check not in chosen and check not in also:
            continue
        looked = brought.get(check.look) if check.look is not None else None
        found = _late(check) if looked is _LATE else check.judge(known, looked)
        if found is not None and (check in chosen or found.level == "error"):
            findings.append(found)
    settings = known.settings
    # an origin is no secret, and findings are about it
    others = [(name, value) for name, value in settings.identity.headers if name.lower() != "origin"]
    secrets = secrets_of(settings.with_headers(others).identity)
    where = one_line(settings.target.url + settings.target.path)
    clients: list[ClientRow] = []
    if brought.keys() >= {check.look for check in CHECKS if check.look is not None}:
        joins: Joins | None = None if brought[join_all] is _LATE else brought[join_all]
        lost = any(found.id == "sticky" and found.level == "error" for found in findings)
        clients = rows(known, joins, sticky=not lost)
    return ProbeResult(_VERSION, where, safe(findings, secrets), clients)


def _late(check: Check) -> Finding:
    means = "the target is slow: each answer took long"
    return Finding(check.id, "info", "not finished in time", means, "give a longer --connect-timeout")
