"""Every check, in the order in which a reader needs them."""

from siotool.probe.checks import (
    admin_ui,
    cors,
    handshake,
    idle_timeout,
    namespaces,
    path,
    reachable,
    revisions,
    sessions,
    tls,
    transports,
    upgrade,
)
from siotool.probe.finding import Check

#: A new check: one file that is listed here.
CHECKS: tuple[Check, ...] = (
    *reachable.CHECKS,
    *tls.CHECKS,
    *path.CHECKS,
    *revisions.CHECKS,
    *transports.CHECKS,
    *upgrade.CHECKS,
    *sessions.CHECKS,
    *namespaces.CHECKS,
    *cors.CHECKS,
    *handshake.CHECKS,
    *idle_timeout.CHECKS,
    *admin_ui.CHECKS,
)
