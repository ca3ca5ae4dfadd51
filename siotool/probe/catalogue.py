"""Every check, in the order in which a reader needs them."""

from collections.abc import Sequence

from siotool.errors import InputError
from siotool.probe.checks import (
    admin_ui,
    certificate,
    compression,
    cors,
    handshake,
    idle_timeout,
    namespaces,
    path,
    reachable,
    revisions,
    sessions,
    transports,
    upgrading,
)
from siotool.probe.finding import Check

#: A new check: one file that is listed here.
CHECKS: tuple[Check, ...] = (
    *reachable.CHECKS,
    *certificate.CHECKS,
    *path.CHECKS,
    *revisions.CHECKS,
    *transports.CHECKS,
    *upgrading.CHECKS,
    *sessions.CHECKS,
    *namespaces.CHECKS,
    *cors.CHECKS,
    *handshake.CHECKS,
    *compression.CHECKS,
    *idle_timeout.CHECKS,
    *admin_ui.CHECKS,
)


def refuse_unknown(ids: Sequence[str]) -> None:
    """Raise InputError for what is the id of no check."""
    known = [check.id for check in CHECKS]
    for one in ids:
        if one not in known:
            raise InputError(f"--only {one}: there is no such check", f"known: {', '.join(known)}")
